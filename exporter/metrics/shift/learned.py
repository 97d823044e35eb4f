"""What a reference says of a loss: its own side of the ledger, and how much windows differ by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from exporter.metrics.evaluation import Thresholds
from exporter.metrics.performance.parts import Parts, in_chunks, of_counts
from exporter.metrics.shift.expected import Tables, Terms, expected, terms
from exporter.metrics.shift.ledger import Side, residual_noise
from exporter.metrics.shift.losses import Loss
from exporter.metrics.shift.sides import Expected, bad_is_rare, side
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference


@dataclass(frozen=True, slots=True)
class Learned:
    """What a reference says of one loss in windows of one length.

    Attributes:
        whole: its side; `mean` its mean realized loss.
        relative: variance of one row's loss, over its mean squared.
        between: variance of r between its windows.
        split: rows with a bad cell are set apart.
    """

    whole: Side
    mean: float
    relative: float
    between: float
    split: bool


def learned(reference: Reference, loss: Loss, seconds: int, thresholds: Thresholds) -> Learned | None:
    """What to hold windows of `seconds` against, learned once for a reference; None where it has too few labels."""
    least, blocks = least_labels(thresholds), thresholds.min_blocks
    key = ("shift", loss.name, seconds, least, blocks)
    return reference.once(key, lambda known: _learn(known, loss, seconds, least, blocks))


def least_labels(thresholds: Thresholds) -> int:
    """Labels that a window, and what of it has no bad cell, needs for a ledger of what was realized."""
    return max(thresholds.min_labels, 2)


def reference_terms(reference: Reference) -> Terms | None:
    """Mean terms of all rows of a reference, computed once; None where it has no loss model."""

    def compute(known: Reference) -> Terms | None:
        tables = Tables.of(known)
        return None if tables is None else terms(tables, of_counts(known.total))

    return reference.once("shift terms", compute)


def side_of(
    loss: Loss, parts: Parts, told: tuple[Tables | None, Terms | None], relative: float, *, split: bool
) -> Side:
    """The sides of m profiles and their mean terms, `told`."""
    tables, found = told
    known = Expected.unknown(len(parts["rows"])) if tables is None or found is None else expected(tables, found, loss)
    return side(loss, parts, known, relative, split=split)


def _side_of_windows(reference: Reference, loss: Loss, seconds: int, relative: float) -> Side:
    """The sides of the reference's windows.

    Blocks keep no sums of losses by feature: there, rows with bad cells are among the rest.
    """
    layout, windows = reference.layout, reference.windows(seconds)
    known = reference.once(
        ("shift expected", seconds), lambda learned_from: _expected_of_windows(learned_from, seconds)
    )
    each = [
        side(loss, parts, Expected.unknown(len(parts.labels)), relative, split=False)
        for parts in in_chunks(layout, windows)
    ]
    joined = {field.name: np.concatenate([getattr(one, field.name) for one in each]) for field in fields(Side)}
    return replace(Side(**joined), estimate_good=known[loss.name]) if loss.name in known else Side(**joined)


def _expected_of_windows(reference: Reference, seconds: int) -> Mapping[str, Floats]:
    """Loss → (m,) mean expected loss of windows; empty without a loss model."""
    tables = Tables.of(reference)
    if tables is None:
        return {}
    whole = [terms(tables, parts).whole for parts in in_chunks(reference.layout, reference.windows(seconds))]
    return dict(zip(tables.model.losses, np.concatenate(whole).T, strict=True))


def _learn(reference: Reference, loss: Loss, seconds: int, least: int, blocks: int) -> Learned | None:
    whole, tables = of_counts(reference.total), Tables.of(reference)
    split = bad_is_rare(whole)
    total, rows = (float(each[0]) for each in loss.sums(whole))
    if rows < least:
        return None
    mean, variance = total / rows, float(loss.variance(whole)[0])
    relative = variance / (mean * mean) if mean else 0.0
    windows = reference.windows(seconds)
    while len(windows) < blocks and reference.block_seconds is not None and seconds // 2 >= reference.block_seconds:
        seconds //= 2
        windows = reference.windows(seconds)
    between, then = 0.0, (tables, reference_terms(reference))
    if len(windows) > 1:
        mixed = _side_of_windows(reference, loss, seconds, relative)
        between = residual_noise(mixed, side_of(loss, whole, then, relative, split=False), least)
    return Learned(side_of(loss, whole, then, relative, split=split), mean, relative, between, split)
