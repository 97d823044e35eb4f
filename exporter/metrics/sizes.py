"""How many series each metric makes: products of what a model has, at most. The table behind docs/series.md.

A label stands for a factor: `feature` for the number of features, `window` for that of windows. Where a metric shows
only some of them, `_OWN` says how many.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from exporter.metrics.drift.shown_bins import FEATURE_BINS, OUTPUT_BINS
from exporter.metrics.foremost import MOST
from exporter.metrics.labels.maturity import AGES
from exporter.metrics.onset.results import MOST as ONSETS
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.replicas.skew import HARMS
from exporter.metrics.shift.ledger import CAUSES
from exporter.metrics.shift.losses import LOSSES
from exporter.metrics.slices.worst import TOP
from exporter.metrics.spec import FactMetric, Metric, WindowMetric
from exporter.metrics.traffic.histograms import MOST_BOUNDS
from exporter.profile.bounds import LABEL_DELAY_BOUNDS, LATENCY_BOUNDS
from exporter.profile.layout import Task


@dataclass(frozen=True, slots=True)
class Shape:
    """What the number of a model's series depends on.

    Attributes:
        numbers, categories: N and C, the features: F = N + C.
        classes: K; of a regression 0.
        slices: S values of all dimensions together.
        replicas: R of them of the dimension `replica`.
        errors: E classes of error.
        objectives: O service-level objectives.
        methods: D drift methods that are exposed.
        approximate: d of them that bins may not tell well enough.
        windows, versions: W, V.
    """

    task: Task = "binary"
    numbers: int = 15
    categories: int = 5
    classes: int = 2
    slices: int = 20
    replicas: int = 2
    errors: int = 2
    objectives: int = 2
    methods: int = 1
    approximate: int = 0
    windows: int = 3
    versions: int = 2

    def number(self, symbol: str) -> int:
        """What a symbol stands for."""
        features = self.numbers + self.categories
        found: dict[str, int] = {
            "F": features,
            "N": self.numbers,
            "C": self.categories,
            "f": min(features, MOST),
            "o": min(features, ONSETS),
            "K": self.classes,
            "S": self.slices,
            "R": self.replicas,
            "E": self.errors,
            "O": self.objectives,
            "D": self.methods,
            "d": self.approximate,
            "M": len(BY_TASK[self.task]),
            "m": sum(metric.sliced for metric in BY_TASK[self.task]),
            "L": len(LOSSES[self.task]),
            "W": self.windows,
            "V": self.versions,
        }
        return found[symbol] if symbol in found else int(symbol)


SYMBOLS: Mapping[str, str] = {
    "V": "versions that had traffic within the longest window",
    "W": "`windows`",
    "F": "features",
    "N": "those that are numbers",
    "C": "those that are categories",
    "f": f"features shown in detail: F, {MOST} at most",
    "o": f"features of which it is told since when: those that drifted, {ONSETS} at most",
    "D": "`thresholds.methods`",
    "d": "`wasserstein` among them: 1, else 0",
    "M": "performance metrics of the task: " + ", ".join(f"{len(of)} {task}" for task, of in BY_TASK.items()),
    "m": "those of them that slices have: "
    + ", ".join(f"{sum(metric.sliced for metric in of)} {task}" for task, of in BY_TASK.items()),
    "L": "metrics whose change is explained: " + ", ".join(f"{len(of)} {task}" for task, of in LOSSES.items()),
    "K": "classes",
    "S": "values of all slice dimensions together",
    "R": "replicas, where the dimension `replica` tells them apart",
    "E": "classes of error",
    "O": "service-level objectives",
}
"""What the letters of a formula mean."""

Factors = Mapping[tuple[str, ...], tuple[str, ...]]

_OF_LABEL: Factors = {
    ("dimension", "value"): ("S",),
    ("replica",): ("R",),
    ("harm",): (str(len(HARMS)),),
    ("reason", "subject", "host", "replica"): ("1",),
    ("predicted", "actual"): ("K", "K"),
    ("action", "reason", "subject"): ("1",),
    ("action", "subject"): ("4",),
    ("feature",): ("F",),
    ("method",): ("D",),
    ("metric",): ("M",),
    ("bound",): ("2",),
    ("error",): ("E",),
    ("class",): ("K",),
    ("slo",): ("O",),
    ("age",): (str(len(AGES)),),
    ("cause",): (str(len(CAUSES)),),
    ("check",): ("5",),
    ("shape",): ("1",),
    ("reference",): ("1",),
    ("kind",): ("1",),
    ("direction",): ("3",),
    ("status",): ("2",),
    ("bin",): (str(FEATURE_BINS),),
}
"""Labels → their factors. A feature has five checks: a number is never unseen, a category never out of range."""

_FEW: Factors = {("feature",): ("f",)}
_WORST: Factors = {("dimension", "value"): (str(TOP),), ("metric",): ("1",)}
_LOSSES: Factors = {("metric",): ("L",)}
_SINCE: Factors = {("feature",): ("o",), ("feature", "check"): ("o",)}
_NUMBERS: Factors = {("feature",): ("N",)}
_CATEGORIES: Factors = {("feature",): ("C",)}
_OWN: Mapping[str, Factors] = {
    "ml_feature_out_of_range_ratio": _NUMBERS,
    "ml_feature_out_of_range_total": _NUMBERS,
    "ml_feature_unit_change_factor": _NUMBERS,
    "ml_feature_unseen_ratio": _CATEGORIES,
    "ml_feature_unseen_total": _CATEGORIES,
    "ml_feature_drift_tail_ratio": {("method",): ("d",)},
    "ml_performance_estimated_second_opinion": _LOSSES,
    "ml_feature_drift_noise_floor": _FEW,
    "ml_feature_drift_min_detectable_effect": _FEW,
    "ml_feature_drift_pvalue": _FEW,
    "ml_window_feature_observations": _FEW,
    "ml_feature_concept_drift_effect": _FEW,
    "ml_feature_concept_drift_pvalue": _FEW,
    "ml_performance_change": _LOSSES,
    "ml_performance_change_bound": _LOSSES,
    "ml_performance_change_by_feature": {**_FEW, **_LOSSES, ("cause",): ("2",)},
    "ml_window_score_observations": {("bin",): (str(OUTPUT_BINS),)},
    "ml_score_reference_ratio": {("bin",): (str(OUTPUT_BINS),)},
    "ml_slice_performance": {("metric",): ("m",)},
    "ml_worst_slice_gap": _WORST,
    "ml_worst_slice_gap_bound": _WORST,
    "ml_worst_slice_reference_gap": _WORST,
    "ml_worst_slice_labels_ratio": _WORST,
    "ml_worst_slice_onset_timestamp_seconds": _WORST,
    "ml_worst_slice_onset_bound_timestamp_seconds": _WORST,
    "ml_feature_quality_pvalue": {("check",): ("3",)},
    "ml_feature_quality_reference_ratio": {("check",): ("3",)},
    "ml_feature_drift_onset_timestamp_seconds": _SINCE,
    "ml_feature_drift_onset_bound_timestamp_seconds": _SINCE,
    "ml_feature_drift_shape": _SINCE,
    "ml_feature_quality_onset_timestamp_seconds": _SINCE,
    "ml_feature_quality_onset_bound_timestamp_seconds": _SINCE,
}
"""Metric → factors of labels of which it shows fewer, or others."""

_HISTOGRAMS: Mapping[str, int] = {
    "ml_prediction_latency_seconds": len(LATENCY_BOUNDS) + 3,
    "ml_label_delay_seconds": len(LABEL_DELAY_BOUNDS) + 3,
    "ml_prediction_score": MOST_BOUNDS + 3,
    "ml_prediction_value": MOST_BOUNDS + 3,
}
"""Series of a histogram: buckets, +Inf, sum and count."""

ON_OCCASION = (
    "_onset_",
    "_shape",
    "ml_worst_slice_",
    "ml_infrastructure_suspect",
    "_quality_pvalue",
    "_quality_reference_",
    "_unit_change_factor",
    "ml_action_gain",
    "ml_recommended_t",
)
"""Parts of names of what is there only where something was found."""


def factors(metric: Metric) -> tuple[str, ...]:
    """The numbers and symbols whose product is how many series a metric makes at most.

    Raises:
        KeyError: a label of which nobody said how many values it has.
    """
    left, found = list(metric.labels), [str(_HISTOGRAMS.get(metric.name, 1))]
    known = {**_OF_LABEL, **_OWN.get(metric.name, {})}
    for group in sorted(known, key=len, reverse=True):
        if left and set(group) <= set(left):
            found += known[group]
            left = [label for label in left if label not in group]
    if left:
        raise KeyError(f"{metric.name}: how many values has {left[0]!r}?")
    if isinstance(metric, WindowMetric):
        found.append("W")
    if isinstance(metric, FactMetric | WindowMetric):
        found.append("V")
    return tuple(found)


def most(metric: Metric, shape: Shape) -> int:
    """Series that a metric makes of a model, at most."""
    return prod(shape.number(factor) for factor in factors(metric))


def formula(metrics: Iterable[Metric]) -> str:
    """The sum of what they make, as text: `W V (3 F + 2) + V F`."""
    terms: dict[str, Counter[str]] = {"W V": Counter(), "V": Counter(), "": Counter()}
    for metric in metrics:
        found = list(factors(metric))
        outer = "W V" if "W" in found else "V" if "V" in found else ""
        number = prod(int(each) for each in found if each.isdigit())
        symbols = sorted(each for each in found if not each.isdigit() and each not in {"W", "V"})
        terms[outer][" ".join(symbols)] += number
    return " + ".join(_text(outer, inner) for outer, inner in terms.items() if inner)


def _text(outer: str, inner: Counter[str]) -> str:
    order = sorted(inner.items(), key=lambda term: (term[0] == "", term[0]))
    parts = [f"{number} {symbols}".strip().removeprefix("1 ") for symbols, number in order]
    whole = " + ".join(parts)
    if not outer:
        return whole
    return f"{outer} ({whole})" if len(parts) > 1 or whole.isdigit() else f"{outer} {whole}"
