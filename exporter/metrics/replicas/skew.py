"""Whether one replica does worse than the others in the same window: errors, slowness, scores lost, other scores.

Replicas get requests at random, so each is a sample of the same traffic: what holds of one alone is the replica's or
its machine's fault, not the model's or the world's. One replica is compared with all others together (n and m rows):

    errors      share of failed requests; effect: difference of shares
    unusable    share of answers whose score is missing or no number in [0, 1]; effect: difference of shares
    slowness    latency; effect: P(an answer of it is slower than one of another) − ½, ties half
    predictions distribution of scores, else of predicted numbers or classes; effect: Jensen-Shannon distance, bits,
                less what two samples of one distribution have, √(JSD − (k − 1)(1/n + 1/m)/(8 ln 2))

Shares: of k failures together, the probability that so many are the replica's, binomial with n/(n + m), one-sided
(Fisher's test where failures are rare, and wider elsewhere). Slowness: Mann and Whitney's U from the histograms, with
ties, one-sided. Predictions: Pearson's χ² on cells with 5 expected rows at least. Benjamini and Hochberg over all
replicas and all four. Verdicts want a least effect, too: of a million rows any difference is significant.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import betainc, chdtrc, ndtr

from exporter.metrics.drift.jensen_shannon import divergence
from exporter.metrics.drift.merging import merge, merged
from exporter.metrics.evaluation import Evaluation
from exporter.metrics.false_discovery import rejected
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats
from exporter.profile.layout import Layout

DIMENSION = "replica"
Harm = Literal["errors", "unusable", "slowness", "predictions"]
HARMS: tuple[Harm, ...] = ("errors", "unusable", "slowness", "predictions")
_ERRORS = 0.01
_SLOWNESS = 0.1
_FARTHEST = 0.75
"""Part of the greatest distance: a replica that left is among the others of all the rest, and makes them differ too."""
_OUTPUTS = ("score", "prediction", "predicted")
"""Parts that hold what is put out, the one that tells most first."""


@dataclass(frozen=True, slots=True)
class Skew:
    """How far one replica is from the others; `certain`: beyond chance, `detected`: and enough to matter."""

    replica: str
    slot: int
    harm: Harm
    effect: float
    pvalue: float
    certain: bool
    detected: bool


@dataclass(frozen=True, slots=True)
class _Two:
    """Counts of one replica and of all others together, of each kind of cell (k,); rows are worth 1."""

    one: Floats
    others: Floats


def skews(evaluation: Evaluation) -> tuple[Skew, ...]:
    """What could be compared, computed once an evaluation.

    Raises:
        NoData: the log tells no replicas apart.
    """
    return evaluation.once("replica skews", _skews)


def _skews(evaluation: Evaluation) -> tuple[Skew, ...]:
    layout = evaluation.layout
    if DIMENSION not in layout.slices or DIMENSION not in evaluation.vocabulary.capacity:
        raise NoData
    least = {"errors": _ERRORS, "unusable": evaluation.thresholds.quality_ratio, "slowness": _SLOWNESS}
    least["predictions"] = evaluation.thresholds.drift_effect
    tested = [each for harm in HARMS for each in _tested(evaluation, harm)]
    told = rejected(np.array([each.pvalue for each in tested]), evaluation.thresholds.false_discovery_rate)
    return tuple(
        replace(each, certain=bool(sure), detected=bool(sure and each.effect >= least[each.harm]))
        for each, sure in zip(tested, told, strict=True)
    )


def shares(evaluation: Evaluation, harm: Literal["errors", "unusable"]) -> Iterator[tuple[str, float]]:
    """Replica → share of its requests that failed, or of its answers without a usable score."""
    for name, _, two in _compared(evaluation, harm):
        yield name, float(two.one[1] / two.one.sum())


def _tested(evaluation: Evaluation, harm: Harm) -> Iterator[Skew]:
    found = [(name, slot, two, *_TESTS[harm](two)) for name, slot, two in _compared(evaluation, harm)]
    farthest = max((effect for *_, effect, _ in found), default=0.0)
    for name, slot, two, effect, pvalue in found:
        out = harm != "predictions" or _left(evaluation, two, effect >= _FARTHEST * farthest)
        yield Skew(name, slot, harm, effect, pvalue if out else 1.0, certain=False, detected=False)


def _compared(evaluation: Evaluation, harm: Harm) -> Iterator[tuple[str, int, _Two]]:
    """Every replica with enough rows, as its others have."""
    if DIMENSION not in evaluation.layout.slices or DIMENSION not in evaluation.vocabulary.capacity:
        raise NoData
    cells = table(evaluation, harm)
    if cells is None:
        return
    least, whole = max(evaluation.thresholds.min_slice, 1), cells.sum(axis=0)
    for slot, name in enumerate(evaluation.vocabulary.labels(DIMENSION)[:-1]):
        two = _Two(cells[slot], whole - cells[slot])
        if name and min(two.one.sum(), two.others.sum()) >= least:
            yield name, slot, two


def table(evaluation: Evaluation, harm: Harm) -> Floats | None:
    """(slots, k) rows by replica and what became of them; of shares (good, bad). None where nothing is kept of it."""
    layout, counts = evaluation.layout, evaluation.counts
    if harm == "errors":
        failed = counts.sliced(DIMENSION, "errors").sum(axis=1)
        cells = np.column_stack([counts.sliced(DIMENSION, "rows")[:, 0] - failed, failed])
    elif harm == "unusable":
        if not layout.has("score_bad") or not counts["score"].any():
            return None
        bad = counts.sliced(DIMENSION, "score_bad").sum(axis=1)
        cells = np.column_stack([counts.sliced(DIMENSION, "score").sum(axis=1), bad])
    elif harm == "slowness":
        cells = counts.sliced(DIMENSION, "latency")
    else:
        part = output_part(layout)
        if part is None or not counts[part].any():
            return None
        cells = counts.sliced(DIMENSION, part)
    return cells * counts.slice_worth(DIMENSION)[:, None]


def output_part(layout: Layout) -> str | None:
    """Where a profile keeps what the model puts out."""
    return next((part for part in _OUTPUTS if layout.has(part)), None)


def _share(two: _Two) -> tuple[float, float]:
    (good, bad), (others_good, others_bad) = two.one, two.others
    n, m = good + bad, others_good + others_bad
    tail = betainc(bad, others_bad + 1, n / (n + m)) if bad > 0 else 1.0
    return bad / n - others_bad / m, float(tail)


def _slower(two: _Two) -> tuple[float, float]:
    n, m = two.one.sum(), two.others.sum()
    below = np.cumsum(two.others) - two.others
    effect = float(two.one @ (below + two.others / 2)) / (n * m) - 0.5
    ties = float((((two.one + two.others) / (n + m)) ** 3).sum())
    deviation = np.sqrt((n + m) * max(1 - ties, 0.0) / (12 * n * m))
    return effect, float(ndtr(-effect / deviation)) if deviation > 0 else 1.0


def _differ(two: _Two) -> tuple[float, float]:
    n, m = two.one.sum(), two.others.sum()
    together = two.one + two.others
    groups = merge(together * (min(n, m) / (n + m)), ordered=False)
    one, others, whole = (merged(each[None], groups)[0] for each in (two.one, two.others, together))
    known = whole > 0
    one, others, whole = one[known], others[known], whole[known]
    freedom = len(whole) - 1
    if freedom < 1:
        return 0.0, 1.0
    statistic = float(((one - whole * n / (n + m)) ** 2 * (n + m) ** 2 / (n * m * whole)).sum())
    distance = float(divergence(one[None] / n, others[None] / m)[0])
    excess = distance - freedom * (1 / n + 1 / m) / (8 * np.log(2))
    return float(np.sqrt(max(excess, 0.0))), float(chdtrc(freedom, statistic))


_TESTS: Mapping[Harm, Callable[[_Two], tuple[float, float]]] = {
    "errors": _share,
    "unusable": _share,
    "slowness": _slower,
    "predictions": _differ,
}
"""Harm → effect and p-value of one replica and the others."""


def _left(evaluation: Evaluation, two: _Two, farthest: bool) -> bool:
    """Whether it is this one that left, not one of the others: they lie nearer to the reference.

    Without a reference it is `farthest` from the others; of two replicas each is as far as the other.
    """
    reference, part = evaluation.reference, output_part(evaluation.layout)
    if reference is None or part is None or reference.id != evaluation.layout.id or not reference.total[part].any():
        return farthest
    known = reference.total[part]
    far = divergence(
        np.stack([two.one / two.one.sum(), two.others / two.others.sum()]), np.stack([known / known.sum()] * 2)
    )
    return bool(far[0] > far[1])
