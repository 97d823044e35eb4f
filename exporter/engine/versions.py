"""Which versions of a model there are, since when, and until when."""

from dataclasses import dataclass, field

import numpy as np

from exporter.profile.cells import Names
from exporter.profile.outcomes import Outcomes
from exporter.profile.rows import Rows

MOST_LIVE = 100
"""Versions told apart at one time; a log whose version column is another id by mistake has millions."""
MOST_KEPT = 1000
"""Versions whose counts are kept at one time, retired ones too: each has counters and panes of its own."""
OTHER = "other"
_MICRO = 1_000_000


@dataclass(slots=True)
class Versions:
    """Event times by version, in Unix seconds."""

    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    last_label: dict[str, float] = field(default_factory=dict)

    def bounded(self, column: Names, used: list[str], longest: int) -> Names:
        """The column with versions that are one too many renamed to OTHER.

        Args:
            column: a batch's versions.
            used: those that stand in it, in the order of their rows.
            longest: seconds of the longest window: a version without rows for so long makes room.
        """
        new = [name for name in used if name not in self.last]
        if not new or len(self.last) + len(new) <= MOST_LIVE:
            return column
        newest = max(self.last.values(), default=0.0)
        live = sum(last >= newest - longest for last in self.last.values())
        room = min(MOST_LIVE - live, MOST_KEPT - len(self.last))
        surplus = set(new[max(0, room) :]) - {OTHER}
        if not surplus:
            return column
        names = (*column.names, OTHER)
        table = np.array([len(column.names) if name in surplus else i for i, name in enumerate(column.names)])
        return Names(table[column.codes], names)

    def note(self, rows: Rows) -> None:
        """Notes when versions were first and last seen."""
        codes = rows.version.codes
        one = len(rows.version.names) == 1
        for code in codes[:1] if one else np.unique(codes):
            times = rows.time if one else rows.time[codes == code]
            name = rows.version.names[int(code)]
            first, last = float(times.min()) / _MICRO, float(times.max()) / _MICRO
            self.first[name] = min(first, self.first.get(name, first))
            self.last[name] = max(last, self.last.get(name, last))

    def note_labels(self, outcomes: Outcomes) -> None:
        """Notes when labels were last learned."""
        learned = np.where(np.isnan(outcomes.delay), 0, outcomes.delay) + outcomes.time / _MICRO
        one = len(outcomes.versions) == 1
        for code in outcomes.version[:1] if one else np.unique(outcomes.version):
            name = outcomes.versions[int(code)]
            newest = float((learned if one else learned[outcomes.version == code]).max())
            self.last_label[name] = max(newest, self.last_label.get(name, newest))

    def live(self, end: int | None, longest: int) -> list[str]:
        """Versions with traffic in the longest window; the others are retired."""
        return sorted(version for version, last in self.last.items() if end is None or last >= end - longest)

    def forget(self, before: float) -> list[str]:
        """Forgets versions without rows since `before`; which they were."""
        gone = [version for version, last in self.last.items() if last < before]
        for version in gone:
            for times in (self.first, self.last):
                times.pop(version, None)
        # A label may come when the version of its prediction is forgotten already.
        self.last_label = {version: time for version, time in self.last_label.items() if version in self.last}
        return gone
