"""What a distance between two binned samples is."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import Floats


@dataclass(frozen=True, slots=True)
class Distance:
    """A number that says how far apart two distributions are.

    Attributes:
        name: scipy's or the field's snake_case name; the label `method`.
        title: for people.
        formula: in terms of p (window's shares) and q (reference's shares).
        source: who defined it.
        compute: (F,) values, NaN where it is undefined.
        ordered: it needs an order of the bins: undefined for categories, and it gains from every bin there is
            (the others are computed on the bins of the verdict, see merging.py).
        approximate: (F,) its share in the tails where bins cannot vouch for it, NaN where it is as good as from raw
            values; None: it needs no mark.
        shown: it is computed on the few bins that are on /metrics (see shown_bins.py), so that PromQL gives the same.
    """

    name: str
    title: str
    formula: str
    source: str
    compute: Callable[[Pair], Floats]
    ordered: bool = False
    approximate: Callable[[Pair], Floats] | None = None
    shown: bool = False
