"""How much more stretches of time differ than rows drawn at random: rows of one hour share one weather.

For stretches of one length, X²/df of the reference's along a direction (Σ over cells of slope · (seen - expected),
squared, over its variance under drawing rows) is 1 + ρ · rows a stretch, with ρ the variance that the level itself has
between such stretches, in units of one row's. The longer the stretch, the less is left of an hour's weather (ρ falls)
and the more rows share it. A log-likelihood ratio that rests on so many seconds and rows is divided by 1 + ρ · rows.

Source: McCullagh & Nelder, Generalized Linear Models, 1989, 4.5 and 9.2 (quasi-likelihood).
"""

from dataclasses import dataclass

import numpy as np

from exporter.profile.bins import Floats

_FEWEST = 10
"""Stretches that say how they differ, at least."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """What a reference says of one direction.

    Attributes:
        log_seconds: (L,) rising, logarithms of lengths that were asked; empty: rows are taken to be independent.
        between: (L,) ρ, never rising.
    """

    log_seconds: Floats
    between: Floats

    def of(self, seconds: Floats, rows: Floats) -> Floats:
        """Factor ≥ 1 for stretches of `seconds` that hold `rows`, broadcast.

        Within the shortest length asked all rows share one weather. Stretches beyond the longest are independent.
        """
        if len(self.log_seconds) == 0:
            return np.ones(np.broadcast(seconds, rows).shape)
        length = np.log(np.maximum(seconds, 1.0))
        between = np.interp(length, self.log_seconds, self.between)
        if length.max(initial=-np.inf) > self.log_seconds[-1]:
            between = between * np.exp(-np.maximum(length - self.log_seconds[-1], 0.0))
        factor: Floats = 1 + between * rows
        return factor


INDEPENDENT = Dispersion(np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class Weather:
    """What a reference says of all directions at once.

    Attributes:
        seconds: (L,) lengths of stretches, rising.
        squares: (L, B, B) mean of (seen - expected)(seen - expected)ᵀ over rows, of such stretches.
        rows: (L,) of a stretch.
        shares: (B,) of the whole reference.
    """

    seconds: Floats
    squares: Floats
    rows: Floats
    shares: Floats

    def along(self, slope: Floats) -> Dispersion:
        """The dispersion of Σ slope (B,) · counts."""
        drawn = float(self.shares @ slope**2 - (self.shares @ slope) ** 2)
        if len(self.seconds) == 0 or drawn <= 0:
            return INDEPENDENT
        factor = np.einsum("b,lbc,c->l", slope, self.squares, slope) / drawn
        between = np.maximum(factor - 1, 0.0) / self.rows
        return Dispersion(np.log(self.seconds), np.minimum.accumulate(between))


def weather(counts: Floats, expected: Floats, numbers: np.ndarray, seconds: int) -> Weather:
    """What blocks of `seconds` say: counts (K, B), `expected` (K, B) of the same rows, `numbers` (K,) whole, rising.

    Lengths are `seconds` times powers of two; a stretch counts whose blocks are there by half.
    """
    lengths, squares, rows, times = [], [], [], 1
    while len(counts) // times >= _FEWEST:
        _, first, blocks = np.unique(numbers // times, return_index=True, return_counts=True)
        whole = blocks * 2 >= times
        held = np.add.reduceat(counts, first, axis=0)[whole]
        size = held.sum(axis=1)
        if (size > 0).sum() < _FEWEST:
            break
        off = (held - np.add.reduceat(expected, first, axis=0)[whole])[size > 0]
        # Whitened by its own rows, each stretch says as much; the mean took one of them.
        off /= np.sqrt(size[size > 0])[:, None]
        lengths.append(float(seconds * times))
        squares.append(off.T @ off / (len(off) - 1))
        rows.append(float((size**2).sum() / size.sum()))
        times *= 2
    width = counts.shape[1]
    return Weather(
        seconds=np.array(lengths),
        squares=np.array(squares).reshape(-1, width, width),
        rows=np.array(rows),
        shares=counts.sum(axis=0) / max(float(counts.sum()), 1.0),
    )
