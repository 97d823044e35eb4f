"""How much a reference's rates of bad values vary from window to window, beyond what drawing rows explains.

`between`, the variance of the rates of the reference's K windows in excess of binomial noise, is known by the method of
moments: Σ nᵢ (rᵢ - r)² has the mean (K - 1) r (1 - r) + between (N - Σ nᵢ² / N). It is known the less the fewer windows
there are: its upper 90 % bound is taken, between f / χ²(0.1; f), f = K - 1. Days like their neighbours count for less
(as in drift/between.py; their autocorrelation is taken to fall geometrically).

In few windows some feature always looks as if its rates hardly swung, as if one day had nothing to do with the next, or
as if there were no storms (a sensor that is dark for a day). But all features are of the same days, and together they
tell: what they have in common holds for each, the more the fewer the independent windows are (`Company`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from exporter.metrics.furthest import Furthest, calmness
from exporter.metrics.quality.table import Rates
from exporter.profile.bins import Floats

_CAUTION = 0.1
"""The variance between windows is taken at the upper end of a one-sided interval that misses it so often."""
_MOST_ALIKE = 0.95
_CLEAR = 3.0
"""Standard errors from which rates are taken to differ by more than chance."""
_FEWEST_TELLING = 2
"""Features that differ by more than chance, at least, and a quarter of those with bad values: fewer do so by chance."""
_FEW_WINDOWS = 45
"""Independent windows of the reference from which a feature's own count for more than what those of the others show."""


@dataclass(frozen=True, slots=True)
class Company:
    """What the rates of a check have in common among features: (4,) each, by check; see `Company.of`.

    Attributes:
        known: (4,) whether the following are.
        likeness: autocorrelation of neighbours; 0: nothing known.
        calmness: 1: nothing known.
        spread: variance between windows relative to the squared rate; 0: nothing known.
        furthest: how far above their rates they came, relative to them; 0: nothing known.
    """

    known: NDArray[np.bool_]
    likeness: Floats
    calmness: Floats
    spread: Floats
    furthest: Floats

    @classmethod
    def of(cls, own: "_Own", rate: Floats, windows: int) -> "Company":
        """Means over the features whose rates differ by more than chance in so many windows.

        If these are few, it was chance that they do; features without a bad value do not count. One standard deviation
        above the mean where few windows show too little (likeness, with what centring takes), half of one for spread.
        """
        telling = own.telling
        number = telling.sum(axis=0)
        known = number >= np.maximum(_FEWEST_TELLING, (rate > 0).sum(axis=0) / 4)

        def mean(values: Floats, otherwise: float = 0.0) -> Floats:
            kept = np.where(telling, values, 0.0).sum(axis=0) / np.maximum(number, 1)
            return np.where(known, kept, otherwise)

        def deviation(values: Floats) -> Floats:
            result: Floats = np.sqrt(mean((values - mean(values)) ** 2))
            return result

        spread = _ratio(own.between, rate**2)
        likeness = mean(own.likeness) + deviation(own.likeness)
        return cls(
            known=known,
            likeness=likeness + (_inertia(likeness) - 1) / windows,
            calmness=mean(own.calmness, 1.0),
            spread=mean(spread) + deviation(spread) / 2,
            furthest=mean(_ratio(own.furthest, rate)),
        )


@dataclass(frozen=True, slots=True)
class _Own:
    """What the windows of each feature and check show by themselves: (F, 4) each.

    Attributes:
        between: variance of rates between windows.
        likeness: autocorrelation of neighbours.
        calmness: see metrics/furthest.py.
        furthest: how far above the mean the highest came, less what drawing rows adds.
        telling: the rates differ by more than chance.
    """

    between: Floats
    likeness: Floats
    calmness: Floats
    furthest: Floats
    telling: NDArray[np.bool_]


def variation(windows: Rates) -> tuple[Floats, Furthest]:
    """(F, 4) upper bound of a new window's variance in excess of binomial noise, and how far the rates came."""
    number = len(windows.rows)
    total = windows.rows.sum(axis=0)
    rate = _ratio(windows.bad.sum(axis=0), total)
    own = _own(windows, rate, total)
    company = Company.of(own, rate, number)
    # Few windows tell badly how alike neighbours are: a standard error up, or what the others show.
    trust = number / (number + _FEW_WINDOWS)
    alike = np.maximum(own.likeness + 1 / np.sqrt(number), trust * own.likeness + (1 - trust) * company.likeness)
    alike = np.clip(alike, 0.0, _MOST_ALIKE)
    inertia, effective = _inertia(alike), number * (1 - alike**2) / (1 + alike**2)
    freedom = np.maximum(effective - 1, 1.0)
    widen = (1 + inertia / number) / np.maximum(1 - (inertia - 1) / (number - 1), 0.25)
    others = 1 - effective / (effective + _FEW_WINDOWS)

    def leaning(value: Floats, common: Floats) -> Floats:
        result: Floats = np.maximum(value, (1 - others) * value + others * common)
        return result

    bound = leaning(own.between * freedom / chdtri(freedom, 1 - _CAUTION), company.spread * rate**2)
    calm = np.where(own.telling | company.known, own.calmness, 1.0)
    calm = np.minimum(calm, calm ** (1 - others) * company.calmness**others)
    far = leaning(own.furthest, company.furthest * rate)
    return bound * widen, Furthest.of(far, calm, np.full_like(rate, number), effective, normal_power=2.0)


def _own(windows: Rates, rate: Floats, total: Floats) -> _Own:
    number = len(windows.rows)
    above = np.nan_to_num(windows.ratio - rate)
    squares = above**2
    whole = squares.sum(axis=0)
    lagged = (above[1:] * above[:-1]).sum(axis=0)
    between = _between(windows, rate)
    # The part of the distance that is not of drawing rows: windows may hold more rows than the reference's.
    drawn = rate * (1 - rate) * number / np.maximum(total, 1.0)
    return _Own(
        between=between,
        likeness=_ratio(lagged, whole) + 1 / number,  # centring lowers it by about that
        calmness=calmness(squares.var(axis=0), 2 * (whole / number) ** 2),
        furthest=above.max(axis=0) * np.sqrt(_ratio(between, between + drawn)),
        telling=between > _CLEAR * np.sqrt(2 / (number - 1)) * drawn,
    )


def _inertia(alike: Floats) -> Floats:
    """By how much likeness of neighbours, falling geometrically with distance, widens the variance of a mean."""
    alike = np.clip(alike, 0.0, _MOST_ALIKE)
    inertia: Floats = (1 + alike) / (1 - alike)
    return inertia


def _between(windows: Rates, rate: Floats) -> Floats:
    """(F, 4) variance of rates between windows around `rate`, in excess of binomial noise."""
    total = windows.rows.sum(axis=0)
    off = np.nan_to_num(windows.ratio - rate) ** 2 * windows.rows
    used = (windows.rows > 0).sum(axis=0)
    spread = off.sum(axis=0) - np.maximum(used - 1, 0) * rate * (1 - rate)
    return _ratio(np.maximum(spread, 0), total - _ratio((windows.rows**2).sum(axis=0), total))


def _ratio(above: Floats, below: Floats) -> Floats:
    """0 where there is nothing to divide by."""
    ratio: Floats = np.divide(above, below, out=np.zeros_like(above, dtype=np.float64), where=below > 0)
    return ratio
