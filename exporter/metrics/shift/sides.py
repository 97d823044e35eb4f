"""From counts to what the ledger adds up: rows with and without a bad cell, and their realized and expected losses."""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.performance.parts import Parts, divide
from exporter.metrics.shift.ledger import Side
from exporter.metrics.shift.losses import Loss
from exporter.metrics.spec import NoData
from exporter.profile.bins import Floats

_LEAST_GOOD = 0.1
"""Where fewer of the reference's rows have no bad cell, missing is an ordinary value: no row is called bad for it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Sums of one loss that is expected of all rows of m profiles, labelled or not; (m,) each.

    Attributes:
        rows, bad_rows: all, and those with a bad cell.
        total, bad: Σ expected loss of both.
        of_row: variance of one row's expected loss.
    """

    rows: Floats
    bad_rows: Floats
    total: Floats
    bad: Floats
    of_row: Floats

    @classmethod
    def unknown(cls, m: int) -> "Expected":
        """Nothing is expected."""
        nothing = np.full(m, np.nan)
        return cls(np.zeros(m), np.zeros(m), nothing, nothing, nothing)


def bad_is_rare(reference: Parts) -> bool:
    """True where enough of the reference's labelled rows have no bad cell to set the others apart."""
    bad, labels = float(_bad(reference)[0, :, 0].sum()), float(reference["labels"][0, 0])
    return labels > 0 and bad <= (1 - _LEAST_GOOD) * labels


def side(loss: Loss, parts: Parts, expected: Expected, relative: float, *, split: bool) -> Side:
    """The sides of m profiles.

    Args:
        loss: which one.
        parts: counts of the profiles.
        expected: of the same profiles.
        relative: variance of one row's loss on the reference, over its mean squared.
        split: rows with a bad cell are set apart.

    Raises:
        NoData: the profiles keep no such loss.
    """
    total, rows = loss.sums(parts)
    nothing = np.zeros(len(rows))
    bad, lost, lost_squares = _bad_sums(loss, parts) if split else (nothing, nothing, None)
    squares = _squares(loss, parts)
    good = rows - bad
    return Side(
        good=good,
        bad=bad,
        loss_good=divide(total - lost, good),
        loss_bad=divide(lost, bad),
        variance_good=_variance(loss, good, total - lost, _less(squares, lost_squares if split else nothing), relative),
        variance_bad=_variance(loss, bad, lost, lost_squares, relative),
        **_expectations(expected, split=split),
    )


def bad_by_feature(loss: Loss, parts: Parts) -> tuple[Floats, Floats]:
    """(F,) labelled rows of one profile whose first bad cell is the feature's, and Σ of their losses."""
    table = _bad(parts)[0]
    return table[:, 0], table[:, _column(loss, parts)]


def _expectations(expected: Expected, *, split: bool) -> dict[str, Floats]:
    none = np.zeros_like(expected.rows)
    bad_rows, bad = (expected.bad_rows, np.where(expected.bad_rows > 0, expected.bad, 0.0)) if split else (none, none)
    good = expected.rows - bad_rows
    return {
        "estimate_good": divide(expected.total - bad, good),
        "estimate_bad": divide(bad, bad_rows),
        "estimate_bad_share": np.nan_to_num(divide(bad_rows, expected.rows)),
        "estimate_variance": divide(expected.of_row, good),
    }


def _bad(parts: Parts) -> Floats:
    """(m, F, T) the part `bad_truth`."""
    return parts["bad_truth"]


def _column(loss: Loss, parts: Parts) -> int:
    if loss.name not in parts.layout.truth_terms:
        raise NoData
    return parts.layout.truth_terms.index(loss.name)


def _bad_sums(loss: Loss, parts: Parts) -> tuple[Floats, Floats, Floats | None]:
    """(m,) rows with a bad cell, Σ loss and Σ loss² of them; None where squares are not kept."""
    whole = _bad(parts).sum(axis=1)
    squared = whole[:, parts.layout.truth_terms.index("squared_error")] if loss.has_squares else None
    return whole[:, 0], whole[:, _column(loss, parts)], squared


def _squares(loss: Loss, parts: Parts) -> Floats | None:
    return parts["error_terms"][:, 2] if loss.has_squares else None


def _less(whole: Floats | None, part: Floats | None) -> Floats | None:
    return None if whole is None or part is None else whole - part


def _variance(loss: Loss, rows: Floats, total: Floats, squares: Floats | None, relative: float) -> Floats:
    """(m,) variance of one row's loss: exact where counts tell, else as large beside the mean as the reference's."""
    mean = divide(total, rows)
    if loss.name == "wrong":
        # Wilson's centre: not 0 where all or none were wrong.
        centre = divide(total + 2.0, rows + 4.0)
        return np.where(rows > 0, centre * (1 - centre), np.nan)
    if squares is not None:
        return np.maximum(divide(squares, rows) - mean * mean, 0.0)
    return relative * mean * mean
