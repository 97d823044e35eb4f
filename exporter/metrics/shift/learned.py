"""What a reference says of a loss: its own side of the ledger, and how much windows differ by themselves."""

from dataclasses import dataclass

from exporter.metrics.evaluation import Thresholds
from exporter.metrics.performance.parts import Parts, of_counts, of_vectors
from exporter.metrics.shift.expected import Tables, Terms, expected, terms
from exporter.metrics.shift.ledger import Side, residual_noise
from exporter.metrics.shift.losses import Loss
from exporter.metrics.shift.sides import Expected, bad_is_rare, side
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
        # Blocks keep no sums of losses by feature: there, rows with bad cells are among the rest.
        each = of_vectors(reference.layout, windows)
        by_window = tables, None if tables is None else terms(tables, each)
        mixed = side_of(loss, each, by_window, relative, split=False)
        between = residual_noise(mixed, side_of(loss, whole, then, relative, split=False), least)
    return Learned(side_of(loss, whole, then, relative, split=split), mean, relative, between, split)
