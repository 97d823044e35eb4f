"""Has it drifted? Effect, noise floor, p-value and verdict for every variable of a window.

*Effect* = √max(0, JS² − E₀JS²): the Jensen-Shannon distance less what windows without drift have anyway, be it from
few rows or because days differ. *Detected* = effect over its threshold **and** significant, by Benjamini and Hochberg
over all variables tested together. The first keeps trifles out at a million rows, the second noise at a hundred.

The null (null.py) is two-sample: n rows of the window, m of the reference, and what differs between windows of the
reference of the same length (between.py). No verdict is given where it cannot be known: a reference with a time column
but less than `min_blocks` windows of that length, or windows so alike in a row that they tell no more than four would,
or a cycle longer than the window (cycles.py). There the effect is still given, less the noise that is known; without
any window of the reference that is the noise of independent rows, so days that differ show as effect.

A window that is filled in part only (a new version, an outage) is held against windows as long as it is filled
(filled.py), and nothing is said of what goes with the hour or the day of the week: it is whole for none of them.

Windows are evaluated every cycle and overlap. The promise, at most `false_discovery_rate` of calm windows with any
variable detected, is about windows that do not overlap: a day has one 24 h window, looked at 5,760 times. A chance
crossing lasts as long as the rows that caused it stay, up to a window's length; alerts wait by `for`.
"""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.drift.between import unbounded
from exporter.metrics.drift.jensen_shannon import divergence
from exporter.metrics.drift.null import FLOOR_QUANTILE, null
from exporter.metrics.drift.nulls import Nulls, nulls_of
from exporter.metrics.drift.pair import Mask, Pair
from exporter.metrics.drift.power import detectable
from exporter.metrics.drift.variables import Kind, Variables, counted_as, variables_of
from exporter.metrics.evaluation import Evaluation, Thresholds
from exporter.metrics.false_discovery import rejected
from exporter.metrics.filled import filled
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

LEAST_FREEDOM = 3.0
"""Windows of the reference so alike in a row that they tell no more than four independent ones say nothing."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Answers for F variables; NaN where there is none.

    Attributes:
        pair: both sides in the groups of the verdict; rows without enough data are empty.
        full: both sides in all cells.
        size: (F,) values in the window; of weighted rows how many independent ones they are worth.
        effect: (F,) bias-corrected Jensen-Shannon distance.
        noise_floor: (F,) plug-in distance that calm windows of this size stay under in 99 of 100 cases.
        threshold: (F,) least effect that counts.
        detectable: (F,) smallest effect that is detected in four windows of five.
        pvalue: (F,) NaN where not tested.
        detected: (F,) 0 or 1, NaN where not tested.
        least: values that a variable needs.
        comparable, cyclical: (F,) whether there is more than one group; whether a cycle is longer than the window, or
            may be in one that is not whole.
        windows, freedom: (F,) of the reference, as NullMoments has them; what makes the verdict possible. Of a window
            filled in part no more windows than there are as long as the whole.
    """

    variables: Variables
    pair: Pair
    full: Pair
    size: Floats
    effect: Floats
    noise_floor: Floats
    threshold: Floats
    detectable: Floats
    pvalue: Floats
    detected: Floats
    least: int
    comparable: Mask
    cyclical: Mask
    windows: Floats
    freedom: Floats


def verdicts(evaluation: Evaluation, kind: Kind) -> Verdicts:
    """The verdicts on all variables of a kind, tested together.

    Raises:
        NoData: no reference, nothing of that kind is kept, or too few rows.
    """
    found = evaluation.once(f"drift {kind}", lambda each: _judge(each, kind))
    if found is None:
        raise NoData
    return found


def lacking(evaluation: Evaluation, kind: Kind) -> str:
    """What a window lacks, in words, before anything can be said of any variable of the kind; empty for nothing."""
    reference = evaluation.reference
    if reference is None:
        return "there is no reference; name `reference` and `reference_data`, then `ml-exporter reference fit`"
    if reference.id != evaluation.layout.id:
        return "counted in other bins than those of the reference"
    counts, counted, least = evaluation.counts, counted_as(kind), _least(evaluation, kind)
    rows = float(counts[counted][0]) * counts.worth(counted)
    return f"{rows:,.0f} of {least:,} {'labels' if kind == 'labels' else 'rows'}" if rows < least else ""


def _least(evaluation: Evaluation, kind: Kind) -> int:
    return evaluation.thresholds.min_labels if kind == "labels" else evaluation.thresholds.min_rows


def _judge(evaluation: Evaluation, kind: Kind) -> Verdicts | None:
    reference = evaluation.reference
    if reference is None or lacking(evaluation, kind):
        return None
    variables = variables_of(reference, kind)
    if variables is None:
        return None
    fill = filled(evaluation, counted_as(kind))
    nulls = nulls_of(reference, kind, variables, fill.length(), part_of=0 if fill.whole() else fill.seconds)
    full = variables.pair(evaluation.counts, reference.total)
    worth = evaluation.counts.worth(counted_as(kind))
    return judge(variables, full, nulls, evaluation.thresholds, least=max(_least(evaluation, kind), 1), worth=worth)


def judge(
    variables: Variables, full: Pair, nulls: Nulls, thresholds: Thresholds, *, least: int, worth: float = 1.0
) -> Verdicts:
    """The verdicts on `full`; variables with less than `least` values in the window have none.

    `worth`: independent rows that one counted in the window is worth, see `profile.counts.worth`.
    """
    size = full.n * worth
    enough = (size >= least) & (full.m > 0)
    n, m = np.maximum(size, least), np.maximum(full.m * nulls.worth, 1.0)
    prepared = nulls.at(n)
    window = np.where(enough[:, None], prepared.merge(full.window, variables.used), 0.0)
    pair = Pair(window, prepared.reference, prepared.used, variables.ordered)
    expected = null(prepared.moments, n, m)
    squared = divergence(pair.p, pair.q)
    comparable = enough & prepared.comparable
    effect = np.where(comparable, np.sqrt(np.maximum(squared - expected.mean_squared, 0.0)), np.nan)
    tested = comparable & ~nulls.untestable
    windows = np.minimum(prepared.moments.windows, nulls.most)
    if nulls.timed:
        tested &= (windows >= thresholds.min_blocks) & (prepared.moments.freedom >= LEAST_FREEDOM)
    pvalue = np.where(tested, expected.pvalue(unbounded(squared)), np.nan)
    threshold = np.array([thresholds.features.get(name, thresholds.drift_effect) for name in variables.names])
    rate = thresholds.false_discovery_rate
    drifted = rejected(pvalue, rate) & (effect > threshold)
    return Verdicts(
        variables=variables,
        pair=pair,
        full=full,
        size=size,
        effect=effect,
        noise_floor=np.where(tested, expected.floor(FLOOR_QUANTILE), np.nan),
        threshold=threshold,
        detectable=np.where(tested, detectable(expected, threshold, rate, int(tested.sum())), np.nan),
        pvalue=pvalue,
        detected=np.where(tested, drifted, np.nan),
        least=least,
        comparable=prepared.comparable,
        cyclical=nulls.untestable,
        windows=windows,
        freedom=prepared.moments.freedom,
    )
