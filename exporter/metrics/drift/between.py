"""How much the reference's windows differ from each other beyond chance.

Each of the K windows of the reference is compared with all others together, as a new window will be with all of them.
The mean of these distances less the noise of drawing rows is what lies between windows (one day's rows share one
weather); their spread, and the covariance of the roots of shares √(p/(2 ln 2)), whose squared distances are JS² to
second order, say how long the tail is. How far the furthest of them was, and how unlike a normal distribution they lie,
says what storms the reference has seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from exporter.metrics.drift.jensen_shannon import divergence
from exporter.metrics.drift.sparse import UNIT, mean_gain
from exporter.metrics.furthest import calmness
from exporter.profile.bins import Floats

_ROOT_SCALE = 1.0 / np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True, slots=True)
class Between:
    """What a window's distance from the reference has beyond the noise of drawing rows (see null.py for the scale).

    Attributes:
        power_sums: Σλ, Σλ², Σλ³ of a weighted sum of χ²₁ with weights λ.
        freedom: how many independent windows they rest on, minus one; infinite if rows are taken to be independent.
        spread: variance of the estimate of Σλ.
        windows: how many windows of the reference they were taken from.
        furthest: distance of the furthest of them, less the noise of drawing rows; 0 if none was further.
        calmness: 1 where windows lie as normal ones do, less the longer the tail of their distances.
        likeness: autocorrelation of neighbours; NaN where windows are not told from drawn at random from one mix.
    """

    power_sums: tuple[float, float, float]
    freedom: float
    spread: float
    windows: int
    furthest: float = 0.0
    calmness: float = 1.0
    likeness: float = np.nan


@dataclass(frozen=True, slots=True)
class Company:
    """What variables of the same windows have in common.

    In few windows some variable always looks as if one day had nothing to do with the next, or as if there were no
    storms. But all of them are of the same days, and together they tell.

    Attributes:
        likeness: autocorrelation of neighbours, half a standard deviation above the variables' mean; 0: nothing known.
        calmness: the variables' mean.
    """

    likeness: float = 0.0
    calmness: float = 1.0

    @classmethod
    def of(cls, variables: Iterable[Between]) -> "Company":
        """Of the variables whose windows differ by more than chance; if these are few, it was chance that they do."""
        listed = list(variables)
        telling = [each for each in listed if not np.isnan(each.likeness)]
        if len(telling) < max(_FEWEST_TELLING, len(listed) / 4):
            return cls()
        likeness = np.array([each.likeness for each in telling])
        return cls(float(likeness.mean() + likeness.std() / 2), float(np.mean([each.calmness for each in telling])))


ALONE = Company()
NONE = Between((0.0, 0.0, 0.0), np.inf, 0.0, 0)
"""Rows are taken to be independent."""
_CLEAR = 3.0
"""Standard errors from which something is taken to be more than noise: it costs power where it is not."""
_ALIKE = 2.5
"""The same of neighbours being alike."""
_SPELLS = 1.0
"""Standard errors that the likeness of neighbours is taken higher than seen."""
_FEWEST_TELLING = 3
"""Variables that differ by more than chance, at least, and a quarter of all: fewer do so by chance."""
_FEW_WINDOWS = 45
"""Windows of the reference from which a variable's own count for more than what those of the others show."""
_NEGLIGIBLE = 0.02
"""Autocorrelation that need not be added up."""


def unbounded(squared: Floats) -> Floats:
    """−ln(1 − JS²): JS² where that is small, and without an upper end.

    Where days differ much, each is far from the mix of all: JS² is 0.6 of 1 on any day, and drift has no room to show.
    On this scale a day of values never seen is as much further away as it is rarer.
    """
    with np.errstate(divide="ignore"):
        scaled: Floats = -np.log1p(-np.minimum(squared, 1.0))
    return scaled


def roots(counts: Floats) -> Floats:
    """(K, G) points, centred, whose squared distances are JS² to second order, from counts (K, G)."""
    points = np.sqrt(counts / counts.sum(axis=1, keepdims=True)) * _ROOT_SCALE
    centred: Floats = points - points.mean(axis=0)
    return centred


@dataclass(frozen=True, slots=True)
class Apart:
    """How far K windows lie apart as they show it themselves, before the company that they are in is asked.

    Attributes:
        number, bins: K and G.
        first, spread, furthest: mean, half the variance, and largest of their distances.
        noise, within: what drawing rows adds to a distance, in a direction and in all.
        variance: trace of the covariance of their roots.
        shape: what `squares` needs of that covariance.
        seen, differ: as `_seen` gives them.
    """

    number: int
    bins: int
    first: float
    spread: float
    furthest: float
    within: float
    variance: float
    shape: "_Shape"
    seen: Floats | None
    differ: bool

    @classmethod
    def of(cls, counts: Floats) -> "Apart | None":
        """From counts (K, G) in time order; None if less than 3 windows or 2 bins are left."""
        size = counts.sum(axis=1)
        kept = size >= max(float(np.median(size)) / 2, 1.0)
        counts, size = counts[kept], size[kept]
        number, bins = counts.shape
        if number < 3 or bins < 2:  # noqa: PLR2004 - a variance of less means nothing
            return None
        others = counts.sum(axis=0) - counts
        distances = unbounded(divergence(counts / size[:, None], others / others.sum(axis=1, keepdims=True)))
        distances = np.minimum(distances, unbounded(1 - 1 / (2 * size)))
        noise, within = _noise(counts)
        points = roots(counts)
        shape, variance = _Shape.of(points), float((points**2).sum()) / (number - 1)
        constant = variance <= 0 or distances.max() <= 0
        seen, differ = (None, False) if constant else _seen(points, shape, variance, noise, within)
        return cls(
            number=number,
            bins=bins,
            first=float(distances.mean()),
            spread=float(distances.var(ddof=1)) / 2,
            furthest=0.0 if constant else float(distances.max()),
            within=within,
            variance=variance,
            shape=shape,
            seen=seen,
            differ=differ,
        )

    def between(self, company: "Company") -> Between:
        """What lies between windows beyond chance.

        Neighbouring windows may be alike: their autocorrelation ρ widens the null (the reference's own mean is off
        by Σρ/K, and windows lie closer to it than new ones will) and lowers the degrees of freedom (Bartlett:
        K/(1 + 2Σρ²)).
        """
        number, seen, within = self.number, self.seen, self.within
        if self.furthest <= 0:  # a constant
            return Between((0.0, 0.0, 0.0), number - 1.0, 0.0, number)
        clear = seen is not None or company.likeness > 0
        trust = number / (number + _FEW_WINDOWS)
        lags = np.empty(0) if seen is None else seen
        if self.differ or company.likeness > 0:
            lags = _lags(lags, number, company.likeness, trust)
        inertia, effective = 1 + 2 * float(lags.sum()), number / (1 + 2 * float((lags**2).sum()))
        # The mean takes one degree of freedom, telling how alike neighbours are another one.
        freedom = max(effective - (2 if len(lags) else 1), 1.0)
        first, spread = self.first, self.spread
        normal = self.shape.squares(freedom) * (first / self.variance) ** 2
        by_direction = normal * _two_errors_up(freedom)
        # Two standard errors up, of the logarithm of a gamma's variance.
        by_distance = spread * float(np.exp(2 * np.sqrt((2 + 4 * spread / first**2) / effective)))
        widen = (1 + inertia / number) / max(1 - (inertia - 1) / (number - 1), 0.25) * (1 - 1 / number)
        second = min(by_direction, by_distance)
        doubt = (_CLEAR * np.sqrt(2 / (number - 1)) - 1) * _drawn(within, self.bins - 1, max(first - within, 0.0))
        calm = float(calmness(np.array(spread + doubt), np.array(normal + doubt))) if clear else 1.0
        return Between(
            power_sums=_without(within, self.bins - 1, (first, second, spread if clear else 0.0), freedom, widen),
            freedom=freedom,
            spread=2 * max(second, spread) / freedom * widen**2,
            windows=number,
            furthest=max(self.furthest - within, 0.0),
            calmness=min(calm, calm**trust * company.calmness ** (1 - trust)),
            likeness=np.nan if seen is None else float(seen[0]) if len(seen) else 0.0,
        )


def between(counts: Floats, company: Company = ALONE) -> Between | None:
    """What lies between windows, from counts (K, G) in time order; None if less than 3 windows or 2 bins are left."""
    apart = Apart.of(counts)
    return None if apart is None else apart.between(company)


def _seen(points: Floats, shape: "_Shape", variance: float, noise: float, within: float) -> tuple[Floats | None, bool]:
    """How alike neighbours are, by lag; None where windows are not told from drawn at random from one mix.

    They are told by their variance (then True), or, where rows are few, by likeness of neighbours: noise has none.
    """
    number, bins = points.shape
    beyond, visible = variance - within, _CLEAR * noise * np.sqrt(2 * (bins - 1) / (number - 1))
    if beyond > visible:
        return autocorrelation(points, beyond, within), True
    step = float((points[1:] * points[:-1]).sum()) / (number - 1) + variance / number
    if step <= _ALIKE * np.sqrt(shape.squares(number - 1.0) / (number - 1)):
        return None, False
    return autocorrelation(points, max(step, visible), within), False


def _lags(seen: Floats, number: int, others: float, trust: float) -> Floats:
    """How alike neighbours are taken to be, by lag: the first more than seen, falling geometrically at most.

    Few windows tell badly how long a spell lasts, and one that began before the reference looks like none: the fewer
    they are, the more the `others` count.
    """
    own = float(seen[0]) if len(seen) else 0.0
    first = min(max(own + _SPELLS / np.sqrt(number), trust * own + (1 - trust) * others), 0.98)
    lags: Floats = first ** np.arange(1, number // 3 + 1)
    lags[: len(seen)] = np.maximum(lags[: len(seen)], seen)
    return lags[lags > _NEGLIGIBLE]


def _noise(counts: Floats) -> tuple[float, float]:
    """What drawing rows adds to a window's distance from the others: in a direction, and in all."""
    size = counts.sum(axis=1)
    share = counts.sum(axis=0) / size.sum()
    noise = UNIT * (1 / size + 1 / (size.sum() - size))
    gain = mean_gain(share * size[:, None])
    return float(noise.mean()), float((noise[:, None] * (1 - share) * gain).sum(axis=1).mean())


@dataclass(frozen=True, slots=True)
class _Shape:
    """Trace of a covariance of centred points (K, G), the sum of its squares, and G."""

    first: float
    second: float
    bins: int

    @classmethod
    def of(cls, points: Floats) -> "_Shape":
        gram = points @ points.T if len(points) < points.shape[1] else points.T @ points
        gram = gram / (len(points) - 1)
        return cls(float(np.trace(gram)), float((gram**2).sum()), points.shape[1])

    def squares(self, freedom: float) -> float:
        """Σλ² of the covariance, without bias.

        Source: Srivastava, Some tests concerning the covariance matrix in high dimensional data, 2005.
        """
        df, first = max(freedom, 3.0), self.first
        unbiased = df**2 / ((df - 1) * (df + 2)) * (self.second - first**2 / df)
        return float(np.clip(unbiased, first**2 / self.bins, first**2))


def _two_errors_up(freedom: float) -> float:
    """Factor from Σλ² to two standard errors above it.

    Few windows tell badly in how many directions they differ, and the fewer directions the longer the null's tail.
    """
    df = max(freedom, 3.0)
    return 1 + 2 * float(np.sqrt(8 / df + 4 / df**2))


def autocorrelation(points: Floats, variance: float, noise: float) -> Floats:
    """Autocorrelations of centred `points` (K, G) from lag 1 until they first turn negative, or to a third of K.

    `variance` is the trace of the covariance between windows, `noise` that within: the latter is white.
    Centring lowers every lag by the variance of the mean; that is given back, in rounds, as it depends on the result.
    """
    number = len(points)
    spectrum = np.abs(np.fft.rfft(points, n=2 * number, axis=0)) ** 2
    lagged = np.fft.irfft(spectrum.sum(axis=1), n=2 * number)[1 : number // 3 + 1]
    lagged = lagged / np.arange(number - 1, number - 1 - len(lagged), -1)
    inertia, lags = 1.0, np.empty(0)
    for _ in range(3):
        rho = np.minimum((lagged + (variance * inertia + noise) / number) / variance, 0.98)
        negative = np.flatnonzero(rho <= 0)
        lags = rho[: negative[0]] if len(negative) else rho
        inertia = min(1 + 2 * float(lags.sum()), number / 3)
    return lags


def _without(
    within: float, rank: int, total: tuple[float, float, float], freedom: float, widen: float
) -> tuple[float, float, float]:
    """Σλ, Σλ², Σλ³ between windows: the total's less `within`, the noise of drawing rows in `rank` directions.

    `total` is Σλ, an upper bound of Σλ² as normal days have it (Σλ² ≤ (Σλ)²), and Σλ² as seen, which may be more:
    storms on few days. Σλ is without bias. What shapes the tail is on the safe side: Σλ² rests on a Σλ two standard
    errors higher, as far as they come from drawing rows (its other errors are the F's, see null.py), and Σλ³ is as
    large as it can be then: one direction, or a gamma distribution.
    """
    first = max(total[0] - within, 0.0)
    drawn = _drawn(within, rank, first)
    high = first + 2 * float(np.sqrt(2 * drawn / freedom))
    second = float(np.clip(total[1] - drawn, high**2 / rank, high**2))
    stormy = total[2] - drawn
    third = second**1.5
    if stormy > second and first > 0:
        second, third = stormy, max(stormy**1.5, stormy**2 / first)
    return first * widen, second * widen**2, third * widen**3


def _drawn(within: float, rank: int, first: float) -> float:
    """Part of Σλ² that comes from drawing rows, where `first` is Σλ between windows."""
    noise = within / rank
    return 2 * noise * first + noise**2 * rank
