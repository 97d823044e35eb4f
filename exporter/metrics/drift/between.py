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
    raw = float((points**2).sum()) / (number - 1)
    # Beneath twice its noise the variance between windows is not told from none: nothing to correlate.
    correlated = raw - within > 2 * noise * np.sqrt(2 * (bins - 1) / (number - 1))
    lags = autocorrelation(points, raw - within, within) if correlated else np.empty(0)
    inertia, effective = 1 + 2 * float(lags.sum()), number / (1 + 2 * float((lags**2).sum()))
    freedom = max(effective - 1, 1.0)
    first, second, third = power_sums(points, number - 1, freedom)
    # Windows that are alike lie close to their own mean: their variance looks smaller than a new window's will be.
    widen = (1 + inertia / number) / max(1 - (inertia - 1) / (number - 1), 0.25)
    return Between(
        power_sums=_without(within / (bins - 1), bins - 1, (first, second, third), widen),
        freedom=freedom,
        spread=2 * second / freedom * widen**2,
        windows=number,
    )


def power_sums(points: Floats, divisor: float, freedom: float) -> tuple[float, float, float]:
    """Σλ, Σλ², Σλ³ of the covariance of centred `points` (K, G), without the bias of a Wishart matrix.

    Source: Srivastava, Some tests concerning the covariance matrix in high dimensional data, 2005; the third: Fisher,
    Sun & Gallagher, A new test for sphericity of the covariance matrix for high dimensional data, 2010.
    """
    gram = points @ points.T if len(points) < points.shape[1] else points.T @ points
    gram = gram / divisor
    square = gram @ gram
    first, second, third = float(np.trace(gram)), float(np.trace(square)), float((square * gram).sum())
    df = max(freedom, 4.0)
    unbiased = df**2 / ((df - 1) * (df + 2)) * (second - first**2 / df)
    low = first**2 / points.shape[1]
    unbiased = float(np.clip(unbiased, low, first**2))
    cubic = third - 3 / df * second * first + 2 / df**2 * first**3
    cubic *= df**4 / ((df - 1) * (df - 2) * (df + 2) * (df + 4))
    return first, unbiased, float(np.clip(cubic, unbiased**2 / first if first > 0 else 0.0, unbiased**1.5))


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
    noise: float, rank: int, total: tuple[float, float, float], widen: float
) -> tuple[float, float, float]:
    """Power sums of the covariance between windows: the total's less that of `rank` directions of `noise` each."""
    first = max(total[0] - noise * rank, 0.0)
    if first == 0.0:
        return 0.0, 0.0, 0.0
    second = float(np.clip(total[1] - 2 * noise * first - noise**2 * rank, first**2 / rank, first**2))
    third = total[2] - 3 * noise * second - 3 * noise**2 * first - noise**3 * rank
    third = float(np.clip(third, second**2 / first, second**1.5))
    return first * widen, second * widen**2, third * widen**3
