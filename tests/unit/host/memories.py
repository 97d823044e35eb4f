"""Memory of made-up processes over days: none of them leaks but where it says so. Bytes by time, one draw a seed."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

Floats = npt.NDArray[np.float64]
Random = np.random.Generator

HOUR, DAY, MB = 3600.0, 86400.0, 1e6
STEP = 200.0
"""Seconds between samples: three in a block of the usual window."""
LIMIT = 2500 * MB
_BASE = 1000 * MB


def wandering(random: Random, n: int, deviation: float, correlation: float) -> Floats:
    """Noise that hangs together: an autoregression of the first order."""
    steps = random.standard_normal(n) * deviation * np.sqrt(1 - correlation**2)
    return np.asarray(lfilter([1], [1, -correlation], steps))


def noise(random: Random, t: Floats) -> Floats:
    return _BASE + wandering(random, len(t), random.uniform(1, 60) * MB, random.uniform(0, 0.99))


def warm_up(random: Random, t: Floats) -> Floats:
    """Ever slower, for a quarter of an hour up to two thirds of a day."""
    slowness = np.exp(random.uniform(np.log(0.2), np.log(16))) * HOUR
    grown = _BASE * (random.uniform(0.2, 0.8) + 1 - np.exp(-t / slowness))
    return np.asarray(grown + wandering(random, len(t), random.uniform(1, 20) * MB, 0.9))


def sawtooth(random: Random, t: Floats) -> Floats:
    """A collector or a cache: fills up and is emptied, every few minutes up to every thirty hours."""
    period = np.exp(random.uniform(np.log(0.05), np.log(30))) * HOUR
    teeth = random.uniform(50, 600) * MB * ((t / period + random.uniform()) % 1)
    return np.asarray(_BASE + teeth + wandering(random, len(t), random.uniform(1, 20) * MB, 0.9))


def warm_sawtooth(random: Random, t: Floats) -> Floats:
    slowness = np.exp(random.uniform(np.log(0.2), np.log(8))) * HOUR
    teeth = random.uniform(50, 400) * MB * ((t / (random.uniform(0.1, 12) * HOUR)) % 1)
    return np.asarray(_BASE * (1.5 - np.exp(-t / slowness)) + teeth + wandering(random, len(t), 5 * MB, 0.9))


def daily(random: Random, t: Floats) -> Floats:
    """Memory follows the traffic of the day, no day like the other."""
    days = 1 + 0.1 * random.standard_normal(int(t[-1] // DAY) + 1)
    wave = np.sin(2 * np.pi * (t / DAY + random.uniform()))
    heights = random.uniform(50, 300) * MB * days[(t // DAY).astype(int)]
    return np.asarray(_BASE + heights * wave + wandering(random, len(t), random.uniform(1, 20) * MB, 0.95))


def office_hours(random: Random, t: Floats) -> Floats:
    """Up in the morning, down in the evening."""
    hour = ((t + random.uniform(0, DAY)) % DAY) / HOUR
    up, down = (1 / (1 + np.exp(-(hour - at) / random.uniform(0.3, 1.5))) for at in (9, 18))
    return np.asarray(_BASE + random.uniform(50, 400) * MB * (up - down) + wandering(random, len(t), 10 * MB, 0.95))


def steps(random: Random, t: Floats) -> Floats:
    """Now and then something more is loaded, for good."""
    total = np.zeros(len(t))
    for _ in range(random.integers(1, 5)):
        total[random.integers(0, len(t)) :] += random.uniform(20, 300) * MB
    return np.asarray(_BASE + total + wandering(random, len(t), random.uniform(1, 20) * MB, 0.9))


def leak(random: Random, t: Floats) -> Floats:
    """1.5 to 6 % of a gigabyte an hour."""
    return np.asarray(_BASE + _rate(random) * t + wandering(random, len(t), random.uniform(1, 20) * MB, 0.9))


def late_leak(random: Random, t: Floats) -> Floats:
    """Since an hour of the first day."""
    grown = _rate(random) * np.maximum(0, t - random.uniform(0.3, 1) * DAY)
    return np.asarray(_BASE + grown + wandering(random, len(t), random.uniform(1, 20) * MB, 0.9))


def leak_behind_warm_up(random: Random, t: Floats) -> Floats:
    return leak(random, t) - 0.7 * _BASE * np.exp(-t / (random.uniform(0.2, 2) * HOUR))


def leak_under_a_day(random: Random, t: Floats) -> Floats:
    return leak(random, t) + random.uniform(20, 100) * MB * np.sin(2 * np.pi * (t / DAY + random.uniform()))


def leak_under_teeth(random: Random, t: Floats) -> Floats:
    """Of a collector that runs at least three times an hour."""
    return leak(random, t) + random.uniform(50, 300) * MB * ((t / (random.uniform(0.05, 0.33) * HOUR)) % 1)


def _rate(random: Random) -> float:
    return random.uniform(0.015, 0.06) * _BASE / HOUR


Memory = Callable[[Random, Floats], Floats]
WELL: Mapping[str, Memory] = {
    each.__name__: each for each in (noise, warm_up, sawtooth, warm_sawtooth, daily, office_hours, steps)
}
LEAKING: Mapping[str, Memory] = {
    each.__name__: each for each in (leak, late_leak, leak_behind_warm_up, leak_under_a_day, leak_under_teeth)
}


def drawn(memory: Memory, seed: int, limit: float | None = LIMIT, days: float = 3.0) -> tuple[Floats, Floats]:
    """Times and bytes. A process ends where it reaches the limit."""
    random = np.random.default_rng([seed, *memory.__name__.encode()])
    times = np.arange(round(days * DAY / STEP)) * STEP
    values = memory(random, times)
    end = len(values) if limit is None else int(np.argmax(values >= limit)) or len(values)
    return times[:end], values[:end]
