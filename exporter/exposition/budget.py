"""Which series of a model go when it has more than its budget.

The order: the families with the highest `rank` first, among equals the one whose name comes last. Where a family has
one of the label groups of `CUT_BY`, it loses its least important features or slices, one after the other over all
versions and windows, and only as many as needed; else it goes whole. A histogram is never cut in two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from exporter.exposition.family import Family, LabelValues, Value, series_of

CUT_BY: tuple[tuple[str, ...], ...] = (("feature",), ("dimension", "value"))
"""What a family is cut by, the first group of labels that it has: a feature, or a slice."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model's families within its budget.

    Attributes:
        families: what is left of them.
        series: how many series that makes.
        dropped: family → series left out.
    """

    families: list[Family]
    series: int
    dropped: dict[str, int] = field(default_factory=dict)


def fit(families: Sequence[Family], budget: int, importance: Sequence[str] = ()) -> Fitted:
    """The families with at most `budget` series.

    Args:
        families: of one model; several may have the same name.
        budget: series.
        importance: features, the most important first; those not named come after, in order of appearance.
    """
    total = sum(family.series() for family in families)
    fitted = Fitted(list(families), total)
    if total <= budget:
        return fitted
    excess = total - budget
    dropped: dict[str, int] = {}
    kept = {name: _joined(name, families) for name in dict.fromkeys(family.name for family in families)}
    for family in drop_order(kept.values()):
        if excess <= 0:
            break
        left = _cut(family, excess, importance)
        gone = family.series() - (left.series() if left else 0)
        excess -= gone
        dropped[family.name] = gone
        if left:
            kept[family.name] = left
        else:
            del kept[family.name]
    return Fitted(list(kept.values()), sum(family.series() for family in kept.values()), dropped)


def drop_order(families: Iterable[Family]) -> list[Family]:
    """The families, the one that goes first at the front."""
    return sorted(sorted(families, key=lambda family: family.name, reverse=True), key=lambda family: -family.rank)


def _joined(name: str, families: Sequence[Family]) -> Family:
    same = [family for family in families if family.name == name]
    if len(same) == 1:
        return same[0]
    return replace(same[0], samples=[sample for family in same for sample in family.samples])


def _cut(family: Family, excess: int, importance: Sequence[str]) -> Family | None:
    """The family with at least `excess` series less, or None where nothing of it is left."""
    places = next((_places(family, group) for group in CUT_BY if set(group) <= set(family.labels)), None)
    if places is None:
        return None
    sizes: dict[LabelValues, int] = {}
    for labels, value in family.samples:
        part = tuple(labels[place] for place in places)
        sizes[part] = sizes.get(part, 0) + series_of(value)
    order = {feature: index for index, feature in enumerate(importance)}
    parts = sorted(sizes, key=lambda part: order.get(part[0], len(order)))
    while parts and excess > 0:
        excess -= sizes[parts.pop()]
    left = set(parts)
    samples: list[tuple[LabelValues, Value]] = [
        sample for sample in family.samples if tuple(sample[0][place] for place in places) in left
    ]
    return replace(family, samples=samples) if samples else None


def _places(family: Family, group: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(family.labels.index(label) for label in group)
