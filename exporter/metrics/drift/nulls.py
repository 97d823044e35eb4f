"""What the verdicts on windows of one length need from a reference, prepared once for each size of window."""

from dataclasses import dataclass, field

import numpy as np

from exporter.metrics.drift import cycles
from exporter.metrics.drift.between import ALONE, NONE, Apart, Between, Company
from exporter.metrics.drift.memo import remember
from exporter.metrics.drift.merging import Groups, merge, merged
from exporter.metrics.drift.null import NullMoments
from exporter.metrics.drift.pair import PSEUDO_COUNT, Mask
from exporter.metrics.drift.variables import Kind, Variables, counted_as, variables_of
from exporter.profile.bins import Floats
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors

_STEPS = 2
"""Sizes are rounded down to powers of two of so many steps each: groups change seldom, and most results are kept."""
_KEPT_TABLES = 8


@dataclass(frozen=True, slots=True)
class Prepared:
    """Groups and null of F variables for windows of about one size.

    Attributes:
        places: (used cells,) of a flat (F, G) table: the group of each used cell, in row order.
        used: (F, G) False in padding.
        reference: (F, G) counts.
        comparable: (F,) False where there is one cell only.
    """

    places: Groups
    used: Mask
    reference: Floats
    moments: NullMoments
    comparable: Mask

    def merge(self, counts: Floats, used: Mask) -> Floats:
        """(F, G) counts of the groups from counts (F, B) of the cells."""
        flat = np.bincount(self.places, weights=counts[used], minlength=self.used.size).astype(np.float64)
        return flat.reshape(self.used.shape)


@dataclass(frozen=True, slots=True)
class _Column:
    """One variable at one size."""

    groups: Groups
    reference: Floats
    between: Between


@dataclass(slots=True)
class Nulls:
    """Nulls of one reference, kind and window length.

    Attributes:
        counts: (F, B) of the reference.
        timed: the reference has a time column: rows are not taken to be independent.
        untestable: (F,) cycles that the window may not hold whole.
        limit: (F,) the size at which groups are chosen at most: the reference must fill them too.
        company: what the features of these windows have in common.
        worth: independent rows that one counted is worth.
        apart: (variable, groups) → how far the windows lie apart, as far as it is known.
        most: windows of the reference that count at most.
    """

    variables: Variables
    counts: Floats
    windows: Vectors
    timed: bool
    untestable: Mask
    limit: Floats
    company: Company = ALONE
    worth: float = 1.0
    apart: "_Known" = field(default_factory=dict)
    most: float = np.inf
    _columns: dict[tuple[int, int], _Column] = field(default_factory=dict)
    _tables: dict[tuple[int, ...], Prepared] = field(default_factory=dict)

    def at(self, n: Floats) -> Prepared:
        """Groups and null for windows with n rows (F,) of each variable."""
        size = np.maximum(np.minimum(n, self.limit), 1.0)
        steps = tuple(np.floor(_STEPS * np.log2(size)).astype(int).tolist())
        table = self._tables.get(steps)
        if table is None:
            if len(self._tables) >= _KEPT_TABLES:
                self._tables.clear()
            table = self._tables[steps] = self._prepare(steps)
        return table

    def _prepare(self, steps: tuple[int, ...]) -> Prepared:
        columns = [self._column(number, step) for number, step in enumerate(steps)]
        widths = [len(column.reference) for column in columns]
        used = np.arange(max(widths)) < np.array(widths)[:, None]
        reference = np.zeros(used.shape)
        reference[used] = np.concatenate([column.reference for column in columns])
        smoothed = np.where(used, reference * self.worth + PSEUDO_COUNT, 0.0)
        spreads = [column.between for column in columns]
        return Prepared(
            places=np.concatenate([column.groups + row * used.shape[1] for row, column in enumerate(columns)]),
            used=used,
            reference=reference,
            moments=NullMoments(
                shares=smoothed / smoothed.sum(axis=1, keepdims=True),
                power_sums=np.array([each.power_sums for each in spreads]).T,
                freedom=np.array([each.freedom for each in spreads]),
                spread=np.array([each.spread for each in spreads]),
                windows=np.array([float(each.windows) for each in spreads]),
                furthest=np.array([each.furthest for each in spreads]),
                calmness=np.array([each.calmness for each in spreads]),
            ),
            comparable=np.array(widths) > 1,
        )

    def _column(self, number: int, step: int) -> _Column:
        known = self._columns.get((number, step))
        if known is None:
            counts = self.counts[number, : self.variables.cells[number]]
            groups = _groups(self.variables, number, counts, 2.0 ** (step / _STEPS))
            apart = self._apart(number, groups) if self.timed else None
            spread = NONE if apart is None else apart.between(self.company)
            known = self._columns[number, step] = _Column(groups, merged(counts, groups), spread)
        return known

    def _apart(self, number: int, groups: Groups) -> Apart | None:
        return _apart(self.variables, number, groups, windows=self.windows, worth=self.worth, known=self.apart)


_Known = dict[tuple[int, bytes], Apart | None]


def _apart(
    variables: Variables, number: int, groups: Groups, *, windows: Vectors, worth: float, known: _Known
) -> Apart | None:
    """How far `windows` lie apart in a variable's groups; computed once, and kept in `known`."""
    key = number, groups.tobytes()
    if key not in known:
        known[key] = Apart.of(merged(variables.counts_of(number, windows) * worth, groups))
    return known[key]


def _groups(variables: Variables, number: int, counts: Floats, size: float) -> Groups:
    return merge(counts / max(float(counts.sum()), 1.0) * size, ordered=bool(variables.ordered[number]))


def _limit(variables: Variables, counts: Floats, windows: Vectors, worth: float) -> Floats:
    limit: Floats = counts.sum(axis=1)
    if len(windows):
        sizes = [np.median(variables.counts_of(row, windows).sum(axis=1)) for row in range(len(counts))]
        limit = np.minimum(limit, np.array(sizes))
    return limit * worth


def _company(reference: Reference, seconds: int, *, part: bool) -> tuple[Company, _Known]:
    """Of the features, which tells of predictions and labels too: all are of the same windows; and what it rests on.

    `part`: of windows that hold some hours only. What goes with the hour differs there whatever the weather does.
    """

    def met() -> tuple[Company, _Known]:
        variables, windows = variables_of(reference, "features"), reference.windows(seconds)
        if variables is None or not len(windows):
            return ALONE, {}
        counts, worth = variables.counts(reference.total.all), reference.total.worth()
        limit = np.maximum(_limit(variables, counts, windows, worth), 1.0)
        known: _Known = {}
        found = []
        cyclical = part & cycles.untestable(reference, "features", variables, seconds, whole=False)
        for number, cells in enumerate(variables.cells):
            if cyclical[number]:
                continue
            groups = _groups(variables, number, counts[number, :cells], limit[number])
            apart = _apart(variables, number, groups, windows=windows, worth=worth, known=known)
            found.append(NONE if apart is None else apart.between(ALONE))
        return Company.of(found), known

    return remember(reference, ("company", seconds, part), met)


def nulls_of(reference: Reference, kind: Kind, variables: Variables, seconds: int, *, part_of: int = 0) -> Nulls:
    """The nulls of a reference for windows of `seconds`, prepared at the first call.

    `part_of`: seconds of the windows that are filled for `seconds` only; 0: none, they are whole.
    """

    def prepare() -> Nulls:
        counts = variables.counts(reference.total.all)
        windows, worth = reference.windows(seconds), reference.total.worth(counted_as(kind))
        company, apart = _company(reference, seconds, part=bool(part_of))
        return Nulls(
            variables=variables,
            counts=counts,
            windows=windows,
            timed=reference.block_seconds is not None,
            untestable=cycles.untestable(reference, kind, variables, seconds, whole=not part_of),
            limit=_limit(variables, counts, windows, worth),
            company=company,
            worth=worth,
            apart=apart if kind == "features" else {},
            # What could not be said of a whole window is not said of a part.
            most=len(reference.windows(part_of)) if part_of else np.inf,
        )

    return remember(reference, ("nulls", kind, seconds, part_of), prepare)
