"""What a reference leads one to expect of a subject in a pane, and how much more panes differ than that."""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.drift.cycles import DAY, HOUR, LEAST_SHARE, WEEK, explained, phases
from exporter.metrics.drift.memo import remember
from exporter.metrics.history import Times
from exporter.metrics.onset.course import smoothed
from exporter.metrics.onset.dispersion import Weather, weather
from exporter.metrics.onset.subjects import Subject
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference

_ITSELF = 0.5
"""Total variation between an hour and all hours from which a variable is its cycle."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """How shares go with the hour of the day or the day of the week.

    Attributes:
        seconds: of the cycle.
        unit: of a step of it.
        factors: (steps, B) share at that step over share of all.
        apart: how far a step's shares are from those of all, the mean total variation.
    """

    seconds: int
    unit: int
    factors: Floats
    apart: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is expected of a subject.

    Attributes:
        shares: (B,) of the whole reference, none 0.
        cycles: those that the reference is long enough to show.
        weather: None where the reference has no time.
    """

    shares: Floats
    cycles: tuple[Cycle, ...] = ()
    weather: Weather | None = None

    @property
    def least_seconds(self) -> int:
        """Panes shorter than this have no level of their own.

        A feature that is little else than its cycle (the hour itself) goes another way at every hour when it changes.
        """
        return max((cycle.seconds for cycle in self.cycles if cycle.apart >= _ITSELF), default=0)

    def at(self, starts: Times, widths: Times) -> Floats:
        """(K, B) or (1, B) shares expected in panes: those of all times the factors of their hour and weekday."""
        shares = self.shares[None]
        for cycle in self.cycles:
            middles = starts + widths // 2
            factors = cycle.factors[phases(middles, cycle.unit, cycle.seconds)]
            # A pane as long as the cycle has all of it.
            factors[widths >= cycle.seconds] = 1.0
            shares = shares * factors
        expected: Floats = shares / shares.sum(axis=1, keepdims=True)
        return expected


def baseline(reference: Reference, subject: Subject) -> Baseline:
    """What `reference` leads one to expect; learned once."""
    return remember(reference, ("onset", subject.key), lambda: _learn(reference, subject))


def _learn(reference: Reference, subject: Subject) -> Baseline:
    worth = reference.total.worth(subject.counted)
    whole = subject.cells(reference.total.all[subject.places][None])[0] * worth
    shares, seconds = smoothed(whole), reference.block_seconds
    if seconds is None or len(reference.block_starts) == 0:
        return Baseline(shares)
    blocks = subject.cells(reference.blocks.columns(subject.places)) * worth
    starts = reference.block_starts
    found = (_cycle(blocks, starts, seconds, shares, cycle, ordered=subject.ordered) for cycle in (DAY, WEEK))
    known = Baseline(shares, tuple(cycle for cycle in found if cycle is not None))
    expected = blocks.sum(axis=1, keepdims=True) * known.at(starts, np.full_like(starts, seconds))
    return Baseline(shares, known.cycles, weather(blocks, expected, starts // seconds, seconds))


def _cycle(blocks: Floats, starts: Times, seconds: int, shares: Floats, cycle: int, *, ordered: bool) -> Cycle | None:
    """How shares go with a cycle; None where they do not, as drift/cycles.py sees it."""
    unit = max(seconds, HOUR if cycle == DAY else DAY)
    if seconds * 4 > cycle:
        return None
    stretch, first = np.unique(starts // unit, return_index=True)
    counts, phase = np.add.reduceat(blocks, first, axis=0), phases(stretch * unit, unit, cycle)
    if explained(counts, phase, ordered=ordered) < LEAST_SHARE:
        return None
    steps = DAY // unit if cycle == DAY else 7
    held = np.zeros((steps, blocks.shape[1]))
    np.add.at(held, phase, counts)
    # A step with few rows is drawn to the whole.
    factors = (held + shares) / (held.sum(axis=1, keepdims=True) + 1) / shares
    apart = np.average(np.abs(factors - 1) @ shares / 2, weights=held.sum(axis=1))
    return Cycle(cycle, unit, factors, float(apart))
