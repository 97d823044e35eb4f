"""Distributions as counts: what a window saw, bin by bin, and the shares of the reference in the same bins.

With x the counts and r the reference's ratios (½ a bin is in them already), PromQL gives the population stability
index over all replicas, equal to population_stability_index.py on the same bins:

    Σ_bin (p − r) ln(p / r),   p = (Σ_replicas x + ½) / (Σ_replicas Σ_bin x + B/2)
"""

from collections.abc import Callable, Iterable

from exporter.metrics.drift.focus import focus
from exporter.metrics.drift.shown_bins import shown_bins
from exporter.metrics.drift.variables import Kind
from exporter.metrics.evaluation import Evaluation, Facts
from exporter.metrics.spec import FactMetric, HistogramSample, NoData, Sample, WindowMetric

_LAST = 90
"""Many series: the first to go when the budget is exceeded."""


def _observed(kind: Kind) -> Callable[[Evaluation], Iterable[Sample]]:
    def compute(evaluation: Evaluation) -> Iterable[Sample]:
        reference, counts = evaluation.reference, evaluation.counts
        if reference is None or reference.id != counts.layout.id or counts.rows == 0:
            raise NoData
        found = shown_bins(reference, kind)
        if found is None or (kind == "prediction" and not found[0].ordered[0]):
            raise NoData
        variables, shown = found
        cells = variables.counts(counts.all)
        wanted = focus(evaluation) if kind == "features" else frozenset(variables.names)
        for row, (name, bins) in enumerate(zip(variables.names, shown, strict=True)):
            if name not in wanted:
                continue
            values = bins.counts(cells[row, : variables.cells[row]]).tolist()
            for label, value in zip(bins.labels, values, strict=True):
                yield ((name, label) if kind == "features" else (label,)), value

    return compute


def _referred(kind: Kind) -> Callable[[Facts], Iterable[Sample | HistogramSample]]:
    def compute(facts: Facts) -> Iterable[Sample | HistogramSample]:
        reference = facts.reference
        found = None if reference is None else shown_bins(reference, kind)
        if reference is None or found is None or (kind == "prediction" and not found[0].ordered[0]):
            raise NoData
        variables, shown = found
        in_focus = frozenset[str]().union(*(focus(each) for each in facts.windows))
        wanted = in_focus if kind == "features" and facts.windows else variables.names
        for name, bins in zip(variables.names, shown, strict=True):
            for label, value in zip(bins.labels, bins.ratios.tolist(), strict=True) if name in wanted else ():
                yield (reference.id, *((name, label) if kind == "features" else (label,))), value

    return compute


FEATURE_OBSERVATIONS = WindowMetric(
    name="ml_window_feature_observations",
    help="Valid values of a feature in the window, by bin, of the features with the largest drift effects; may be "
    "added over replicas.",
    compute=_observed("features"),
    labels=("feature", "bin"),
    rank=_LAST,
)
FEATURE_REFERENCE_RATIO = FactMetric(
    name="ml_feature_reference_ratio",
    kind="gauge",
    help="Share of the reference's valid values of a feature in each bin, half a value added to every bin; of the "
    "features that ml_window_feature_observations has.",
    compute=_referred("features"),
    labels=("reference", "feature", "bin"),
    rank=_LAST,
)
SCORE_OBSERVATIONS = WindowMetric(
    name="ml_window_score_observations",
    help="Scores (or predicted numbers) in the window, by bin; may be added over replicas.",
    compute=_observed("prediction"),
    labels=("bin",),
    rank=_LAST - 10,
)
SCORE_REFERENCE_RATIO = FactMetric(
    name="ml_score_reference_ratio",
    kind="gauge",
    help="Share of the reference's scores (or predicted numbers) in each bin, half a value added to every bin.",
    compute=_referred("prediction"),
    labels=("reference", "bin"),
    rank=_LAST - 10,
)

DISTRIBUTION_METRICS = (FEATURE_OBSERVATIONS, FEATURE_REFERENCE_RATIO, SCORE_OBSERVATIONS, SCORE_REFERENCE_RATIO)
