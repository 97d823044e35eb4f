"""Did only the shares of the classes change? Then P(score | y) is what it was, and everything else follows from that.

Tables of score × label (of predicted class × label where there are several classes) of window W and reference R. With
π the shares of the classes, P' is the reference re-weighted to the window's: P'(s, y) = π_W(y) P_R(s | y). A change of
prior is recognised where

* π_W is not π_R: the likelihood ratio G² of the classes is more than chance makes;
* the scores moved as the classes make them move, which they do not where the concept changed: Σ ln P'(s) / P_R(s) over
  the window's rows is `_EVIDENCE` nats at least;
* the classes of a score changed as the prior makes them change, which they do not where features moved: likewise
  Σ ln P'(y | s) / P_R(y | s);
* what the window's table has beyond that, the two-sample G² of P(s | y), is noise, or at most `_MOST_LEFT` of what it
  has beyond the unchanged reference; and so for each feature's valid values, P(x | y), where they are known by class
  (two classes). These alone decide where more cells than usual are bad, as scores are not what they were then.

Each is divided by what it comes to, per degree of freedom, among the reference's own windows: days differ. Scores that
rank nothing cannot tell, and a shift that is half prior and half something else is no prior by this convention.

The prior's term is exact then, as the loss is a function of score and class: Σ_y (π_W - π_R)(y) L_R(y), with L_R(y) the
reference's mean loss of class y. What the scores do beside it is the covariate's: Σ_s (P_W - P')(s) L'(s).

Sources: Saerens, Latinne, Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities, 2002;
Lipton, Wang, Smola, Detecting and correcting for label shift with black box predictors, 2018.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, xlogy

from exporter.profile.bins import Floats

Groups = NDArray[np.intp]

_GROUPS = (20, 10, 5, 2)
"""Cells of the score are merged into so many groups of about equal mass."""
_ROWS_A_GROUP = 25
"""Labelled rows of the window for each group."""
_CERTAIN = 1e-3
"""Probability, with no change at all, that the shares of the classes are called changed."""
_NOISE = 0.01
"""The same of the rest being called more than noise."""
_EVIDENCE = 3.0
_MOST_LEFT = 0.1
_SMOOTH = 0.5
"""Rows added to each cell of the reference, in all, where its logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Distance:
    """Two-sample G² of tables and its degrees of freedom; arrays of any one shape."""

    deviance: Floats
    freedom: Floats

    @property
    def excess(self) -> Floats:
        excess: Floats = self.deviance - self.freedom
        return excess

    def is_noise(self, probability: float, variation: Floats | float) -> NDArray[np.bool_]:
        """True where chance alone, times `variation`, makes as much with that probability."""
        limit = chdtri(np.maximum(self.freedom, 1e-9), probability)
        noise: NDArray[np.bool_] = (self.freedom <= 0) | (self.deviance <= limit * variation)
        return noise

    def ratio(self) -> Floats:
        """G² per degree of freedom over the first axis, at least 1."""
        freedom = np.asarray(self.freedom.sum(axis=0))
        deviance = self.deviance.sum(axis=0)
        ratio: Floats = np.divide(deviance, freedom, out=np.ones_like(freedom), where=freedom > 0)
        return np.maximum(ratio, 1.0)


@dataclass(frozen=True, slots=True)
class Variation:
    """G² per degree of freedom, at least 1, among the reference's own windows: of P(s | y), and of the classes."""

    given: float = 1.0
    classes: float = 1.0


INDEPENDENT = Variation()


def most_groups(rows: float) -> int:
    """Into how many groups the scores of so many labelled rows are merged, one of few numbers."""
    return next(most for most in _GROUPS if rows >= most * _ROWS_A_GROUP or most == _GROUPS[-1])


def groups(reference: Floats, most: int) -> Groups:
    """(S,) the group of each cell of the score, from a table (S, Y): neighbours, of about equal mass together."""
    share = reference.sum(axis=1) / max(reference.sum(), 1.0)
    middle = np.cumsum(share) - share / 2
    found: Groups = np.minimum((middle * most).astype(np.intp), most - 1)
    return found


def merged(table: Floats, group: Groups) -> Floats:
    """(..., G, Y) from (..., S, Y)."""
    out = np.zeros((*table.shape[:-2], int(group.max(initial=0)) + 1, table.shape[-1]))
    for place in range(out.shape[-2]):
        out[..., place, :] = table[..., group == place, :].sum(axis=-2)
    return out


def variation(windows: Floats, total: Floats) -> Variation:
    """What windows (K, G, Y) of a reference, whose table is `total` (G, Y), say of chance."""
    if len(windows) < 2:  # noqa: PLR2004 - one window is no variation
        return INDEPENDENT
    rest = np.maximum(total - windows, 0.0)
    given, classes = distance(windows, rest), distance(_classes(windows), _classes(rest))
    return Variation(float(given.ratio()), float(classes.ratio()))


def recognised(
    window: Floats,
    reference: Floats,
    known: Variation = INDEPENDENT,
    *,
    distorted: bool = False,
    alone: bool = False,
) -> bool:
    """True where tables (G, Y) tell of a change of prior, and of hardly anything else.

    Where scores are `distorted` by bad cells, what they do beside the prior is not asked. Where these tables speak
    `alone`, as features are not known by class, nothing but chance may be beside it.
    """
    if min(window.sum(), reference.sum()) <= 0:
        return False
    classes = distance(_classes(window), _classes(reference))
    if bool(classes.is_noise(_CERTAIN, known.classes)):
        return False
    if min(_evidence(window, reference)) < _EVIDENCE * max(known.given, known.classes):
        return False
    if alone:
        return bool(distance(window, reference).is_noise(_NOISE, known.given))
    return distorted or bool(same_given_class(window, reference, known.given, classes))


def same_given_class(
    window: Floats, reference: Floats, variation: Floats | float, classes: Distance | None = None
) -> NDArray[np.bool_]:
    """(...) whether P(value | y) of tables (..., G, Y) is the reference's, or near it beside what the classes did."""
    given = distance(window, reference)
    classes = distance(_classes(window), _classes(reference)) if classes is None else classes
    # Classes and P(value | y) together are the whole table.
    near = given.excess <= _MOST_LEFT * (given.excess + classes.excess)
    same: NDArray[np.bool_] = near | given.is_noise(_NOISE / max(given.deviance.size, 1), variation)
    return same


def term(window: Floats, reference: Floats, losses: Floats, variance: float) -> tuple[float, float]:
    """The prior's term and its sampling variance, from labelled rows by class, (Y,) each.

    `losses` (Y,) are the reference's mean losses of each class, NaN where it has none; `variance` is of one row's loss.
    """
    n, m = window.sum(), reference.sum()
    loss = np.nan_to_num(losses)
    ours, theirs = window / n, reference / m
    value = float(((ours - theirs) * loss).sum())
    by_class = _spread(ours, loss) / n + _spread(theirs, loss) / m
    step = np.divide((ours - theirs) ** 2, reference, out=np.zeros_like(loss), where=reference > 0)
    return value, by_class + variance * float(step.sum())


def beside(window: Floats, reference: Floats, losses: Floats) -> float:
    """What the scores do beside the prior: Σ_s (P_W - P')(s) L'(s), from tables and mean losses (S, Y) of cells."""
    n = window.sum()
    expected = _reweighted(reference, window.sum(axis=0) / n)
    scores = expected.sum(axis=1)
    loss = np.divide((expected * losses).sum(axis=1), scores, out=np.zeros_like(scores), where=scores > 0)
    off = np.where(scores > 0, window.sum(axis=1) / n - scores, 0.0)
    return float((off * loss).sum())


def _evidence(window: Floats, reference: Floats) -> tuple[float, float]:
    """Nats for the prior against a changed concept, from the scores; and against moved features, from their classes."""
    smooth = reference + _SMOOTH * reference.sum(axis=0) / reference.sum() / len(reference)
    before = smooth / smooth.sum()
    after = _reweighted(smooth, window.sum(axis=0) / window.sum())
    of_scores = xlogy(window.sum(axis=1), _quotient(after.sum(axis=1), before.sum(axis=1))).sum()
    of_all = xlogy(window, _quotient(after, before)).sum()
    return float(of_scores), float(of_all - of_scores)


def _reweighted(reference: Floats, classes: Floats) -> Floats:
    """(S, Y) shares of the reference with other shares of the classes (Y,)."""
    of_class = reference.sum(axis=0)
    given = np.divide(reference, of_class, out=np.zeros_like(reference), where=of_class > 0)
    shares: Floats = given * classes
    return shares


def _quotient(one: Floats, other: Floats) -> Floats:
    """1 where either is 0: classes that the reference never had tell nothing."""
    quotient: Floats = np.divide(one, other, out=np.ones_like(one), where=(one > 0) & (other > 0))
    return quotient


def _classes(table: Floats) -> Floats:
    """(..., Y, 1) rows by class."""
    classes: Floats = table.sum(axis=-2)[..., None]
    return classes


def _spread(share: Floats, value: Floats) -> float:
    return float((share * value * value).sum() - (share * value).sum() ** 2)


def distance(one: Floats, other: Floats) -> Distance:
    """Two-sample G² of each column of tables (..., A, B), added up over columns."""
    both = one + other
    size = both.sum(axis=-2)
    share = np.divide(one.sum(axis=-2), size, out=np.zeros_like(size), where=size > 0)[..., None, :]
    deviance = np.zeros(size.shape[:-1])
    for seen, part in ((one, share), (other, 1 - share)):
        deviance += 2 * xlogy(seen, _quotient(seen, both * part)).sum(axis=(-2, -1))
    told = ((share > 0) & (share < 1))[..., 0, :]
    freedom = (np.maximum((both > 0).sum(axis=-2) - 1, 0) * told).sum(axis=-1).astype(np.float64)
    return Distance(np.maximum(deviance, 0.0), freedom)
