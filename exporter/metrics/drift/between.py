"""How much the reference's windows differ from each other beyond chance.

The roots of shares, √(p/(2 ln 2)), are points whose squared distances are JS² to second order. The K windows of the
reference are K such points. Their covariance is that between windows (one day's rows share one weather) plus that
within (rows drawn at random), the latter known. What a new window's JS² does then depends on the first three power
sums of the covariance's eigenvalues, and on how well K windows tell them.
"""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.drift.sparse import UNIT, root_gain
from exporter.profile.bins import Floats

ROOT_SCALE = 1.0 / np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True, slots=True)
class Between:
    """Covariance of a window's distribution about the reference's, without the noise of drawing rows.

    Attributes:
        power_sums: Σλ, Σλ², Σλ³ of its eigenvalues, in units of JS².
        freedom: how many independent windows they rest on, minus one; infinite if rows are taken to be independent.
        spread: variance of the estimate of Σλ, in units of JS⁴.
        windows: how many windows of the reference it was taken from.
    """

    power_sums: tuple[float, float, float]
    freedom: float
    spread: float
    windows: int


NONE = Between((0.0, 0.0, 0.0), np.inf, 0.0, 0)
"""Rows are taken to be independent."""


def between(counts: Floats) -> Between | None:
    """Between-window covariance from counts (K, G) in time order; None if less than 3 windows or 2 bins are left.

    Neighbouring windows may be alike: their autocorrelation widens the null (the reference's own mean is off by
    Σρ/K) and lowers the degrees of freedom (Bartlett: K / (1 + 2Σρ²)).
    """
    size = counts.sum(axis=1)
    kept = size >= max(float(np.median(size)) / 2, 1.0)
    counts, size = counts[kept], size[kept]
    number, bins = counts.shape
    if number < 3 or bins < 2:  # noqa: PLR2004 - a variance of less means nothing
        return None
    share = counts.sum(axis=0) / size.sum()
    points = np.sqrt(counts / size[:, None]) * ROOT_SCALE
    points -= points.mean(axis=0)
    noise = UNIT * float(np.mean(1.0 / size))
    rates = np.mean(root_gain(share * size[:, None]), axis=0)
    within = noise * float(np.sum((1.0 - share) * rates))
    distances = (points**2).sum(axis=1)
    first = float(distances.sum()) / (number - 1)
    # Beneath twice its noise the variance between windows is not told from none: its shape would be made of noise.
    clear = first - within > 2 * noise * np.sqrt(2 * (bins - 1) / (number - 1))
    lags = autocorrelation(points, first - within, within) if clear else np.empty(0)
    inertia, effective = 1 + 2 * float(lags.sum()), number / (1 + 2 * float((lags**2).sum()))
    freedom = max(effective - 1, 1.0)
    second = squares(points, number - 1, freedom)
    # Of normal days the distances from the mean have the variance 2 Σλ²; storms on few days have more.
    stormy = float(distances.var(ddof=1)) / 2 if clear else 0.0
    # Windows that are alike lie close to their own mean: their variance looks smaller than a new window's will be.
    widen = (1 + inertia / number) / max(1 - (inertia - 1) / (number - 1), 0.25)
    return Between(
        power_sums=_without(within / (bins - 1), bins - 1, (first, second, stormy), freedom, widen),
        freedom=freedom,
        spread=2 * max(second, stormy) / freedom * widen**2,
        windows=number,
    )


def squares(points: Floats, divisor: float, freedom: float) -> float:
    """Σλ² of the covariance of centred `points` (K, G): two standard errors above its unbiased estimate.

    High, because few windows tell badly in how many directions they differ, and the fewer directions the longer the
    null's tail. Source: Srivastava, Some tests concerning the covariance matrix in high dimensional data, 2005.
    """
    gram = points @ points.T if len(points) < points.shape[1] else points.T @ points
    gram = gram / divisor
    first, second = float(np.trace(gram)), float((gram**2).sum())
    df = max(freedom, 3.0)
    unbiased = df**2 / ((df - 1) * (df + 2)) * (second - first**2 / df)
    unbiased = float(np.clip(unbiased, first**2 / points.shape[1], first**2))
    return unbiased * (1 + 2 * float(np.sqrt(8 / df + 4 / df**2)))


def autocorrelation(points: Floats, variance: float, noise: float) -> Floats:
    """Autocorrelations of centred `points` (K, G) from lag 1 until they first turn negative, or to a third of K.

    `variance` is the trace of the covariance between windows, `noise` that within: the latter is white.
    Centring lowers every lag by the variance of the mean; that is given back (twice, as it depends on the result).
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
    noise: float, rank: int, total: tuple[float, float, float], freedom: float, widen: float
) -> tuple[float, float, float]:
    """Σλ, Σλ², Σλ³ between windows: the total's less that of `rank` directions of `noise` each.

    `total` is Σλ, Σλ² as a covariance has them (Σλ² ≤ (Σλ)²), and Σλ² as the distances show it, which may be more.
    Σλ is without bias. What shapes the tail is on the safe side: Σλ² rests on a Σλ two standard errors higher, as far
    as they come from drawing rows (its other errors are the F's, see null.py), and Σλ³ is as large as it can be then:
    one direction, or a gamma distribution.
    """
    first = max(total[0] - noise * rank, 0.0)
    drawn = 2 * noise * first + noise**2 * rank
    high = first + 2 * float(np.sqrt(2 * drawn / freedom))
    second = float(np.clip(total[1] - drawn, high**2 / rank, high**2))
    stormy = total[2] - drawn
    third = second**1.5
    if stormy > second:
        second, third = stormy, max(stormy**1.5, stormy**2 / first)
    return first * widen, second * widen**2, third * widen**3
