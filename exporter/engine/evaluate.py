"""Windows and facts → samples of every metric. A metric that fails is left out, counted and logged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from exporter.health import Health
from exporter.log import Logger
from exporter.metrics.batch.run import Runs
from exporter.metrics.evaluation import Evaluation, Facts
from exporter.metrics.registry import BATCH_METRICS, FACT_METRICS, WINDOW_METRICS
from exporter.metrics.silence import Silence, silences
from exporter.metrics.spec import HistogramSample, HistogramValue, Metric, NoData, Sample

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MetricSamples:
    """What one metric says of a model: full label values (in the order of `metric.all_labels`) → value."""

    metric: Metric
    samples: list[tuple[tuple[str, ...], float | HistogramValue]]


class Evaluator:
    """Computes every metric of the registry for a model's versions and windows."""

    def __init__(self, health: Health, log: Logger) -> None:
        self._health = health
        self._log = log
        self._told: set[str] = set()

    def run(self, evaluations: Iterable[Evaluation], facts: Iterable[Facts]) -> list[MetricSamples]:
        """Samples by metric, in the registry's order; metrics without any are left out."""
        windows, versions = list(evaluations), list(facts)
        result = []
        for metric in WINDOW_METRICS:
            samples: list[tuple[tuple[str, ...], float | HistogramValue]] = []
            for each in windows:
                prefix = (each.model, each.version, each.window.name)
                samples += [(prefix + labels, value) for labels, value in self._compute(metric, metric.compute, each)]
            if samples:
                result.append(MetricSamples(metric, samples))
        for fact_metric in FACT_METRICS:
            samples = []
            for fact in versions:
                head = (fact.model, fact.version)
                samples += [
                    (head + labels, value) for labels, value in self._compute(fact_metric, fact_metric.compute, fact)
                ]
            if samples:
                result.append(MetricSamples(fact_metric, samples))
        return result

    def run_batch(self, runs: Runs | None) -> list[MetricSamples]:
        """Samples by metric of a model's batch runs; none where it has no such runs."""
        if runs is None:
            return []
        result = []
        for metric in BATCH_METRICS:
            samples: list[tuple[tuple[str, ...], float | HistogramValue]] = [
                ((runs.model, *labels), value) for labels, value in self._compute(metric, metric.compute, runs)
            ]
            if samples:
                result.append(MetricSamples(metric, samples))
        return result

    def silences(self, evaluations: Iterable[Evaluation], *, labelled: bool) -> list[Silence]:
        """Why verdicts are unknown."""
        try:
            return [silence for each in evaluations for silence in silences(each, labelled=labelled)]
        except Exception as error:  # noqa: BLE001 - the metric runner is a border: what explains must not end the cycle
            if "silence" not in self._told:
                self._told.add("silence")
                self._log.exception("explanation failed: please report this", error=str(error))
            return []

    def _compute(
        self, metric: Metric, compute: Callable[[T], Iterable[Sample | HistogramSample]], of: T
    ) -> list[Sample | HistogramSample]:
        try:
            return [sample for sample in compute(of) if sample[1] == sample[1]]
        except NoData:
            return []
        except Exception as error:  # noqa: BLE001 - the metric runner is a border: one metric never takes the others along
            self._health.inc("ml_exporter_metric_failures_total", (metric.name,))
            if metric.name not in self._told:
                self._told.add(metric.name)
                self._log.exception("metric failed: please report this", metric=metric.name, error=str(error))
            return []
