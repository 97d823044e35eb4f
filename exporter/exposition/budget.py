"""Which series of a model go when it has more than its budget.

The order: the families with the highest `rank` first, among equals the one whose name comes last. Where a family has
one of the label groups of `CUT_BY`, it loses its least important features or slices, one after the other over all
versions and windows, and only as many as needed; else it goes whole. A histogram is never cut in two.

What went stays away until there is room for notably more: series that come and go with every cycle are of no use to a
graph or an alert. A cut therefore leaves a twentieth of the budget free.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exporter.exposition.family import Family, LabelValues, Value, series_of

CUT_BY: tuple[tuple[str, ...], ...] = (("feature",), ("dimension", "value"))
"""What a family is cut by, the first group of labels that it has: a feature, or a slice."""


Cuts = Mapping[str, frozenset[LabelValues] | None]
"""Family → its features or slices that go; None: all of it."""
_ROOM = 20


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model's families within its budget.

    Attributes:
        families: what is left of them.
        series: how many series that makes.
        dropped: family → series left out.
        cuts: what went.
    """

    families: list[Family]
    series: int
    dropped: dict[str, int] = field(default_factory=dict)
    cuts: Cuts = field(default_factory=dict)


def fit(families: Sequence[Family], budget: int, importance: Sequence[str] = (), last: Cuts | None = None) -> Fitted:
    """The families with at most `budget` series.

    Args:
        families: of one model; several may have the same name.
        budget: series.
        importance: features, the most important first; those not named come after, in order of appearance.
        last: what went the last time. It goes again, unless more must go, a twentieth of the budget would be won, or
            a feature among it is now more important than half of those that stayed.
    """
    room = budget // _ROOM
    total = sum(family.series() for family in families)
    if total <= budget - (room if last else 0):
        return Fitted(list(families), total)
    joined = [_joined(name, families) for name in dict.fromkeys(family.name for family in families)]
    order = {feature: index for index, feature in enumerate(importance)}
    fresh = _fitted(joined, _cuts(joined, total - budget + room, order))
    if not last or _is_stale(joined, last, order):
        return fresh
    again = _fitted(joined, last)
    return again if again.series <= budget and fresh.series - again.series <= room else fresh


def _fitted(families: Sequence[Family], cuts: Cuts) -> Fitted:
    """The families, each of another name, without what `cuts` takes away."""
    kept: list[Family] = []
    dropped: dict[str, int] = {}
    for family in families:
        left = _without(family, cuts[family.name]) if family.name in cuts else family
        if left is not None:
            kept.append(left)
        gone = family.series() - (left.series() if left else 0)
        if gone:
            dropped[family.name] = gone
    return Fitted(kept, sum(family.series() for family in kept), dropped, cuts)


def _cuts(families: Sequence[Family], excess: int, order: Mapping[str, int]) -> Cuts:
    """What must go for at least `excess` series less."""
    cuts: dict[str, frozenset[LabelValues] | None] = {}
    for family in drop_order(families):
        if excess <= 0:
            break
        sizes = _sizes(family)
        if not sizes:
            cuts[family.name] = None
            excess -= family.series()
            continue
        parts = sorted(sizes, key=lambda part: order.get(part[0], len(order)))
        gone: set[LabelValues] = set()
        while parts and excess > 0:
            part = parts.pop()
            gone.add(part)
            excess -= sizes[part]
        cuts[family.name] = frozenset(gone)
    return cuts


def drop_order(families: Iterable[Family]) -> list[Family]:
    """The families, the one that goes first at the front."""
    return sorted(sorted(families, key=lambda family: family.name, reverse=True), key=lambda family: -family.rank)


def _joined(name: str, families: Sequence[Family]) -> Family:
    same = [family for family in families if family.name == name]
    if len(same) == 1:
        return same[0]
    return replace(same[0], samples=[sample for family in same for sample in family.samples])


def _is_stale(families: Sequence[Family], cuts: Cuts, order: Mapping[str, int]) -> bool:
    """Whether something that went is now more important than half of what stayed of its family."""
    for family in families:
        gone = cuts.get(family.name)
        if not gone:
            continue
        stayed = sorted(order.get(part[0], len(order)) for part in _sizes(family).keys() - gone)
        if stayed and min(order.get(part[0], len(order)) for part in gone) < stayed[len(stayed) // 2]:
            return True
    return False


def _without(family: Family, gone: frozenset[LabelValues] | None) -> Family | None:
    """The family without some of its features or slices; None where nothing of it is left."""
    places = _places(family)
    if gone is None or places is None:
        return None
    samples: list[tuple[LabelValues, Value]] = [
        sample for sample in family.samples if tuple(sample[0][place] for place in places) not in gone
    ]
    return replace(family, samples=samples) if samples else None


def _sizes(family: Family) -> dict[LabelValues, int]:
    """Series of each feature or slice, in order of appearance; nothing where the family has neither."""
    places = _places(family)
    sizes: dict[LabelValues, int] = {}
    for labels, value in family.samples if places is not None else ():
        part = tuple(labels[place] for place in places or ())
        sizes[part] = sizes.get(part, 0) + series_of(value)
    return sizes


def _places(family: Family) -> tuple[int, ...] | None:
    """Where the labels stand that the family is cut by; None where it goes whole."""
    for group in CUT_BY:
        if set(group) <= set(family.labels):
            return tuple(family.labels.index(label) for label in group)
    return None
