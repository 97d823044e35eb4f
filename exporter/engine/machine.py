"""What the machine under the exporter did, for each model that it serves, in the model's own time."""

import math
import threading
from collections.abc import Callable, Iterable, Mapping

from exporter.clock import Clock
from exporter.engine.passage import Passage
from exporter.engine.plan import ModelPlan, Plan
from exporter.host.trouble import Reading
from exporter.host.watch import Trouble, Watch, own_name
from exporter.metrics.evaluation import HostFacts, HostTrouble, Window

LOOK_SECONDS = 15.0
"""The machine is read so often where no scrape does it; or once a cycle, where that is longer."""


class ModelMachine:
    """What the machine did for one model, asked by that model's worker."""

    def __init__(self, plan: ModelPlan, ask: Callable[[ModelPlan, Window, Passage | None], HostFacts | None]) -> None:
        self._plan = plan
        self._ask = ask
        self._passage = Passage() if plan.clock == "watermark" else None

    def facts(self, window: Window, wall: float) -> HostFacts | None:
        """During this window, which ended where the log did at `wall`; None where the model is served elsewhere."""
        if self._passage is not None:
            self._passage.note(wall, window.end)
        return self._ask(self._plan, window, self._passage)


class Machine:
    """The machine that this program runs on; read by one thread, asked by those of all models.

    It serves a model where `replicas` of that name it, else where `host.processes` has one of the model's. What it did
    is kept in memory: after a restart it has to be seen anew.
    """

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._plan = plan
        self._watch = Watch(plan.host.trouble_window)

    def replace(self, plan: Plan) -> None:
        """From now on it serves the models of `plan`; it is seen anew where it is judged or read in another way."""
        with self._lock:
            if plan.host != self._plan.host:
                self._watch = Watch(plan.host.trouble_window)
            self._plan = plan

    @property
    def serves_any(self) -> bool:
        """Whether it is worth looking."""
        return any(self._replicas(model) is not None for model in self._plan.models)

    def look(self, readings: Iterable[Reading]) -> None:
        """Judges what its collectors say now."""
        with self._lock:
            if self.serves_any:
                self._watch.look(self._clock.now(), readings)

    def of(self, model: ModelPlan) -> ModelMachine:
        """What it did for one model."""
        return ModelMachine(model, self._facts)

    def _facts(self, model: ModelPlan, window: Window, passage: Passage | None) -> HostFacts | None:
        """What it did during a window; None where it does not serve the model."""
        replicas = self._replicas(model)
        if replicas is None:
            return None
        with self._lock:
            known = self._watch.troubles()
            # Of a replay nobody knows how long its window was on the machine; of other machines how busy they are.
            elsewhere = len(replicas) < len(model.replicas)
            asked = passage is None and not elsewhere
            usage = self._watch.usage(window.start, window.end) if asked else None
        told = [self._told(each, replicas, passage) for each in known]
        return HostFacts(
            tuple(each for each in told if each is not None and _overlaps(each, window)),
            math.nan if usage is None else usage.mean,
            math.nan if usage is None else usage.peak,
        )

    def _replicas(self, model: ModelPlan) -> tuple[str, ...] | None:
        """The model's replicas that run here; none where the log does not tell them; None where it runs elsewhere."""
        if model.replicas:
            return _on(model.replicas, own_name(self._plan.host)) or None
        return () if any(each.model == model.name for each in self._plan.host.processes) else None

    def _told(self, trouble: Trouble, replicas: tuple[str, ...], passage: Passage | None) -> HostTrouble | None:
        reason, subject = trouble.key
        since, until = trouble.since, trouble.until
        if passage is not None:
            began = passage.began(since)
            if began is None:
                return None
            since, until = began, None if until is None else passage.ended(until)
        return HostTrouble(reason, subject, since, until, own_name(self._plan.host), replicas)


def _on(replicas: Mapping[str, str], host: str) -> tuple[str, ...]:
    return tuple(replica for replica, machine in replicas.items() if machine == host)


def _overlaps(trouble: HostTrouble, window: Window) -> bool:
    """Whether it was so for any of the window's rows."""
    since = -math.inf if trouble.since is None else trouble.since
    return since < window.end and (trouble.until is None or trouble.until > max(window.start, since))
