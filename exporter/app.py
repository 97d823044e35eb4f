"""The composition root: a plan becomes workers, a publisher and a server; start, reload, stop."""

import platform
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Literal

from exporter import __version__
from exporter.clock import Clock
from exporter.config import load
from exporter.engine.evaluate import MetricSamples
from exporter.engine.introduction import introduce
from exporter.engine.machine import LOOK_SECONDS, Machine
from exporter.engine.plan import ModelPlan, Plan
from exporter.engine.references import References
from exporter.engine.runner import STOP_SECONDS, Runner
from exporter.engine.worker import Worker
from exporter.errors import ExporterError
from exporter.exposition.connections import take_all_descriptors
from exporter.exposition.family import Family
from exporter.exposition.fresh import Fresh
from exporter.exposition.machine import machine_parts
from exporter.exposition.server import Hooks, Server, ServerSettings
from exporter.exposition.snapshot import ModelFamilies, Publisher
from exporter.exposition.status import ModelStatus, SourceStatus, State, Status
from exporter.health import Health
from exporter.judgement import judge
from exporter.log import Logger
from exporter.memory import shared_heaps
from exporter.scheduling import scrapes_first
from exporter.state.store import StateLock

_WEIGHTS = {"ml_feature_quality_detected": 2.0, "ml_feature_drift_effect": 1.0}
"""Metric → how much a feature's value of it counts when series must go; an effect is at most 1."""
_FIRST_SECONDS = 0.1
"""Until there is a first snapshot, it is looked for so often: nobody shall wait a cycle for it."""


class App:
    """The program between `start` and `stop`."""

    def __init__(self, path: Path, plan: Plan, clock: Clock, log: Logger) -> None:
        self._path = path
        self._plan = plan
        self._clock = clock
        self._log = log
        self._health = Health()
        self._publisher = Publisher(self._health, clock, log)
        self._runners: dict[str, Runner] = {}
        self._started_at = clock.now()
        self._config_error = ""
        self._reloading = threading.Lock()
        # Not an event: a signal may come while the main thread itself holds that one's lock.
        self._orders: SimpleQueue[Literal["reload", "stop"]] = SimpleQueue()
        self._lock: StateLock | None = None
        settings = ServerSettings(
            plan.server.host, plan.server.port, plan.server.web_config_file, plan.server.remote_reload
        )
        self._machine = Machine(plan, clock)
        self._fresh = Fresh(self._health, machine_parts(plan.host, clock), clock, log, self._observe)
        hooks = Hooks(
            snapshot=lambda: self._publisher.current,
            fresh=self._fresh,
            status=self.status,
            reload=self.reload,
            quit=self._stopped,
        )
        self.server = Server(settings, hooks, log)

    def run(self) -> None:
        """Serves until SIGTERM, SIGINT or `/-/quit`.

        Raises:
            ExporterError: it could not start.
        """
        scrapes_first()
        shared_heaps()
        take_all_descriptors()
        # Before anything is open: a signal that comes while it starts waits for its turn.
        self._handle(signal.SIGTERM, self._stopped)
        self._handle(signal.SIGINT, self._stopped)
        self._handle(signal.SIGHUP, lambda: self._orders.put("reload"))
        self.start()
        try:
            order = None
            while order != "stop":
                began = self._clock.monotonic()
                if order == "reload":
                    self._reload_quietly()
                self._publish_quietly()
                if self._machine.serves_any:
                    self._fresh.look(LOOK_SECONDS)
                pause = self._plan.cycle if self._publisher.current is not None else _FIRST_SECONDS
                order = self._order(pause - (self._clock.monotonic() - began))
        finally:
            self.stop()

    def _stopped(self) -> None:
        self._orders.put("stop")

    def _order(self, seconds: float) -> Literal["reload", "stop"] | None:
        """What was ordered within so many seconds, at once."""
        try:
            return self._orders.get(timeout=max(0.0, seconds))
        except Empty:
            return None

    def _handle(self, number: signal.Signals, act: Callable[[], None]) -> None:
        def handler(_number: int, _frame: FrameType | None) -> None:
            act()

        signal.signal(number, handler)

    def start(self) -> None:
        """Takes the state directory, opens every model, serves.

        Raises:
            ExporterError: something is not to be had; nothing is left running.
        """
        self._lock = StateLock(self._plan.state_dir)
        workers: list[Worker] = []
        try:
            workers = self._open(self._plan)
            self.server.start()
        except BaseException:
            for worker in workers:
                worker.close()
            self._lock.release()
            raise
        self._start_runners(workers)
        self._tell_start()
        self._log.info("listening", url=self.server.url, models=len(workers), state_dir=str(self._plan.state_dir))

    def _open(self, plan: Plan) -> list[Worker]:
        """A worker for each model; where one cannot be had, none is left open."""
        workers: list[Worker] = []
        try:
            workers.extend(self._worker(model, plan) for model in plan.models)
        except BaseException:
            for worker in workers:
                worker.close()
            raise
        return workers

    def _worker(self, model: ModelPlan, plan: Plan) -> Worker:
        # It brings its counters along from the state: those of a worker before it would be counted twice.
        self._health.remove_model(model.name)
        state = plan.state_dir / f"{model.name}.sqlite"
        worker = Worker(
            model,
            state,
            self._clock,
            self._health,
            self._log,
            keep_rows=plan.keep_rejected_rows,
            machine=self._machine.of(model),
        )
        for missing in worker.references.missing:
            self._log.warning(
                "reference is missing: no drift, quality or learned bands; make it with `ml-exporter reference fit`",
                model=model.name,
                file=str(missing),
            )
        return worker

    def _start_runners(self, workers: Sequence[Worker], beside: Mapping[str, Runner] | None = None) -> None:
        """The program is about these models and no others, but those that run on `beside` them.

        Other threads see the old or the new ones, never a part.
        """
        started = {worker.plan.name: self._runner(worker) for worker in workers}
        runners = {**(beside or {}), **started}
        for name in self._runners.keys() - runners.keys():
            self._health.remove_model(name)
        for worker in workers:
            introduce(worker.plan, worker.references.first_id, self._health)
        self._runners = runners
        for runner in started.values():
            runner.start()

    def _runner(self, worker: Worker) -> Runner:
        return Runner(worker, self._plan.cycle, self._clock, self._health, self._log)

    def _tell_start(self) -> None:
        self._health.set("ml_exporter_build_info", (__version__, platform.python_version()), 1.0)
        self._health.set("ml_exporter_start_time_seconds", (), self._started_at)
        self._told_reload(successful=True)

    def _told_reload(self, *, successful: bool) -> None:
        self._health.set("ml_exporter_config_last_reload_successful", (), float(successful))
        if successful:
            self._health.set("ml_exporter_config_last_reload_success_timestamp_seconds", (), self._clock.now())

    def publish(self) -> None:
        """Makes the next snapshot of what the workers last found; nothing before each had its first cycle."""
        runners = tuple(self._runners.values())
        if not all(runner.ready.is_set() or runner.trouble for runner in runners):
            return
        # The slowest model's: one that fails or hangs in every cycle must not look alive because others are. Asked for
        # before what it found: a cycle that ends meanwhile is not in the snapshot for sure.
        oldest = min((runner.finished_at or self._started_at for runner in runners), default=self._clock.now())
        self._publisher.publish([model_families(runner) for runner in runners])
        self._health.set("ml_exporter_last_cycle_timestamp_seconds", (), oldest)

    def _publish_quietly(self) -> None:
        try:
            self.publish()
        except Exception:  # noqa: BLE001 - the main loop is a border: the last snapshot is served, and its age shows
            self._log.exception("snapshot failed: please report this")

    def _observe(self, families: Sequence[Family]) -> None:
        """The machine is judged by what was read of it, whoever asked."""
        try:
            self._machine.look((family.name, family.samples) for family in families)
        except Exception:  # noqa: BLE001 - a border: a scrape shows what was read though it could not be judged
            self._log.exception("the machine could not be judged: please report this")

    def reload(self) -> None:
        """Takes up the configuration file as it is now; on any problem the old one stays in force.

        Raises:
            ExporterError: why it was not taken up.
        """
        with self._reloading:
            try:
                self._change(load(self._path))
            except ExporterError as error:
                self._config_error = str(error)
                self._told_reload(successful=False)
                self._log.error("reload failed: the old configuration stays", error=str(error))
                raise
            self._config_error = ""
            self._told_reload(successful=True)
            self._log.info("configuration reloaded", models=len(self._plan.models))

    def _change(self, plan: Plan) -> None:
        if plan.state_dir != self._plan.state_dir or plan.server != self._plan.server:
            raise ExporterError(f"{self._path}: state_dir and server cannot change in a running exporter; restart it")
        for model in plan.models:
            References(model)  # what can be told before anything is stopped is told then
        self.server.reload_web_config()
        self._stop_runners()
        try:
            workers = self._open(plan)
        except BaseException:
            # The old models go on: their state is committed and opens again.
            for model in plan.models:
                self._health.remove_model(model.name)
            self._start_runners(self._open(self._plan))
            raise
        if plan.host != self._plan.host:
            self._fresh.replace(machine_parts(plan.host, self._clock))
        self._machine.replace(plan)
        self._plan = plan
        self._start_runners(workers)

    def _stop_runners(self) -> None:
        """Every model has finished its batch; none counts any more.

        Raises:
            ExporterError: one is stuck (a hung mount); its state must not be opened a second time. All go on.
        """
        for runner in self._runners.values():
            runner.stop.set()
        stuck = {name: runner for name, runner in self._runners.items() if not runner.join()}
        if not stuck:
            return
        for runner in stuck.values():
            runner.stop.clear()
        again = [self._worker(model, self._plan) for model in self._plan.models if model.name not in stuck]
        self._start_runners(again, beside=stuck)
        raise ExporterError(
            f"model {', '.join(stuck)} did not finish its batch within {STOP_SECONDS:g} s, nothing was changed; "
            "restart the exporter if its source hangs"
        )

    def _reload_quietly(self) -> None:
        try:
            self.reload()
        except ExporterError:
            return  # told in the log, in the metrics and on the landing page
        except Exception:  # noqa: BLE001 - the main loop is a border: what serves goes on
            self._log.exception("reload failed: please report this")

    def stop(self) -> None:
        """Finishes the batch in hand, commits, closes."""
        for runner in self._runners.values():
            runner.stop.set()
        for runner in self._runners.values():
            runner.join()
        self.server.stop()
        self._fresh.replace({})
        if self._lock is not None:
            self._lock.release()
        self._log.info("stopped")

    def status(self) -> Status:
        """The present state for people."""
        last = self._publisher.current
        return Status(
            version=__version__,
            now=self._clock.now(),
            started_at=self._started_at,
            config_digest=self._plan.sources_digest,
            config_error=self._config_error,
            last_cycle_at=None if last is None else last.built_at,
            cycle_seconds=max((runner.seconds for runner in self._runners.values()), default=None),
            models=tuple(self._model_status(runner) for runner in self._runners.values()),
            collectors=self._fresh.status(),
        )

    def _model_status(self, runner: Runner) -> ModelStatus:
        plan = runner.worker.plan
        last = self._publisher.current
        sources = tuple(self._source_status(runner, name) for name in runner.worker.stream_names)
        state, reasons = judge(runner.samples, runner.silences)
        down = [f"{source.source}: {source.message}" for source in sources if source.state == "bad"]
        if runner.trouble:
            down.append(runner.trouble)
        return ModelStatus(
            model=plan.name,
            state="bad" if down else state,
            reasons=(*down, *reasons),
            task=plan.task,
            owner=plan.owner,
            tier=plan.tier,
            versions=tuple(
                sorted({s[0][1] for m in runner.samples if m.metric.name == "ml_predictions_total" for s in m.samples})
            ),
            series=0 if last is None else last.series.get(plan.name, 0),
            sources=sources,
        )

    def _source_status(self, runner: Runner, name: str) -> SourceStatus:
        labels = (runner.worker.plan.name, name)
        up = self._health.value("ml_exporter_source_up", labels)
        state: State = "unknown" if up is None else ("ok" if up else "bad")
        return SourceStatus(
            source=name,
            description=runner.worker.stream_description(name),
            state=state,
            lag_seconds=self._health.value("ml_exporter_source_lag_seconds", labels),
            message=runner.worker.stream_trouble(name),
        )


def model_families(runner: Runner) -> ModelFamilies:
    """What a model's worker found, as the publisher takes it."""
    plan = runner.worker.plan
    families = [
        Family(
            each.metric.name, each.metric.kind, each.metric.help, each.metric.all_labels, each.samples, each.metric.rank
        )
        for each in runner.samples
    ]
    return ModelFamilies(plan.name, families, plan.series_budget, importance(runner.samples))


def importance(samples: Sequence[MetricSamples]) -> list[str]:
    """Features whose series go last: those that arrive broken, then those with the largest drift effect."""
    weight: dict[str, float] = {}
    for each in samples:
        place = each.metric.all_labels.index("feature") if each.metric.name in _WEIGHTS else 0
        for labels, value in each.samples if place else ():
            if isinstance(value, float | int):
                feature = labels[place]
                weight[feature] = max(weight.get(feature, 0.0), value * _WEIGHTS[each.metric.name])
    return sorted(weight, key=lambda feature: (-weight[feature], feature))
