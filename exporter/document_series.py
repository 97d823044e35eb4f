"""docs/series.md: how many series a model makes, what each switch costs, what goes first where there are too many."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from exporter.metrics.advice import ADVICE
from exporter.metrics.drift import DRIFT
from exporter.metrics.estimated import ESTIMATED
from exporter.metrics.labels import LABELS_METRICS
from exporter.metrics.onset import ONSET
from exporter.metrics.performance import PERFORMANCE
from exporter.metrics.quality import QUALITY
from exporter.metrics.registry import METRICS
from exporter.metrics.shift import SHIFT
from exporter.metrics.sizes import ON_OCCASION, SYMBOLS, Shape, formula, most
from exporter.metrics.slices import SLICES
from exporter.metrics.spec import Metric
from exporter.metrics.traffic import TRAFFIC

USUAL = Shape()

_TOLD: tuple[tuple[str, str, Sequence[Metric]], ...] = (
    ("traffic, errors, latency, outputs", "`columns.latency`, `columns.error`, `slo` add theirs", TRAFFIC),
    ("drift", "needs a reference; `features`, `thresholds.methods`", DRIFT),
    ("bad values", "`features`", QUALITY),
    ("performance", "needs labels; `slices`", PERFORMANCE),
    ("estimated performance", "needs a reference with labels", ESTIMATED),
    ("label coverage and maturity", "needs `labels`", LABELS_METRICS),
    ("causes", "needs a reference with labels", SHIFT),
    ("worst slices", "needs labels; while one is worse", SLICES),
    ("since when", "while something is detected", ONSET),
    ("advice", "needs a reference", ADVICE),
)


def groups() -> list[tuple[str, str, list[Metric]]]:
    """Every metric under what it tells, and what switches it on; those of no such family under *other*."""
    found = [(title, switch, list(metrics)) for title, switch, metrics in _TOLD]
    known = {metric.name for _, _, metrics in found for metric in metrics}
    rest = [metric for metric in METRICS if metric.name not in known]
    return [*found, ("batch runs and others", "`batch`", rest)] if rest else found


def order_table() -> list[tuple[int, list[str]]]:
    """Ranks from the one that goes first, each with its metrics in the order in which they go."""
    by_rank: defaultdict[int, list[str]] = defaultdict(list)
    for metric in METRICS:
        by_rank[metric.rank].append(metric.name)
    return [(rank, sorted(by_rank[rank], reverse=True)) for rank in sorted(by_rank, reverse=True)]


def sizes_table() -> list[tuple[str, ...]]:
    """What is told, what switches it on, its formula, and series of the usual model: always there, and at most."""
    rows = []
    for title, switch, metrics in groups():
        always = [metric for metric in metrics if not any(part in metric.name for part in ON_OCCASION)]
        numbers = (f"{sum(most(metric, USUAL) for metric in some):,}" for some in (always, metrics))
        rows.append((title, switch, formula(metrics), *numbers))
    return rows


_INTRODUCTION = """\
A model exposes at most `series_budget` series (5,000 unless set). One with 20 features, two versions, three windows
and 20 slices stays within, in the midst of an incident too: nothing is dropped. `tests/contract/test_series.py`
counts such a model, and holds every metric to its formula.

What decides (effect and verdict of drift, shares of bad values and their verdicts) is there of all features. Details
(bins, noise floor, p-value, what could be seen; impact on performance; size of concept drift) are shown of the few
that matter most in a window, *f* below; those that were shown stay while they are among half as many again, so that
series do not come and go. p-value and reference of a check of bad values are shown where p is at most 0.1, until it
is over 0.3. What is the same in all windows, thresholds, has no `window`. Sums over replicas (`ml:feature_psi`) are
of those replicas that show a feature: what drifts everywhere is shown everywhere, of calm features some may be
missing."""
_SIZES = """\
At most; *usual* is a binary model of 15 numbers and 5 categories, 20 slices, two versions and three windows, *always*
what is there of it without any finding. Not every metric is told of every window: a long one needs rows and a
reference of its length, so really there are about three quarters."""
_ORDER = """\
Where a model wants more than its budget, whole families go, from the first line of this table on, in the order of
their names in it. One with the label `feature`, or with `dimension` and `value`, does not go as a whole: it loses the
features that matter least (neither broken nor drifted, then by effect), or the slices that came last, in all versions
and windows alike, and only as many as needed. A histogram is never cut in two. A cut leaves a twentieth of the budget
free, and what went stays away until there is notably more room. The log names what was dropped,
`ml_exporter_series_dropped_total{reason="budget"}` counts it, and the alert MLExporterSeriesDropped tells."""
_COST = """\
What is dropped or not shown is counted all the same: series cost memory of Prometheus, not time here. Time goes by
what is counted and evaluated; [benchmarks.md](benchmarks.md) has the figures, as `ingest_loss_…` and `cycle_…`."""
_SWITCHES = (
    (
        "`labels.by_feature: false`",
        "W V (F + 2 f) less: no concept drift, no slices by bins of features, no price of bad values",
        "truth is not counted by feature; predictions that wait for labels keep no byte a feature",
        "less of causes and slices",
    ),
    (
        "a slice dimension",
        "W V (m + 1) + V for each of its values",
        "a second, narrower count",
        "metrics of its values",
    ),
    ("a drift method", "W V F", "nothing", "one pass over bins"),
    ("a window", "all that has W", "nothing", "all that has W"),
    ("a version", "all that has V", "nothing but its rows", "all that has V"),
    ("a feature", "all that has F, N or C", "its column", "all that has F, N or C"),
    ("`series_budget`", "at most so many", "nothing", "nothing"),
)


def page(table: Callable[[Iterable[tuple[str, ...]], tuple[str, ...]], str], notice: str) -> str:
    """docs/series.md."""
    symbols = ((f"*{symbol}*", text) for symbol, text in SYMBOLS.items())
    order = ((str(rank), ", ".join(f"`{name}`" for name in names)) for rank, names in order_table())
    parts = [
        "# Series: how many, what they cost, what goes first",
        notice,
        _INTRODUCTION,
        "## How many",
        _SIZES,
        table(sizes_table(), ("what is told", "switched on by", "series", "usual: always", "usual: at most")),
        table(symbols, ("", "stands for")),
        "## What switches cost",
        _COST,
        table(_SWITCHES, ("switch", "series", "counting a row", "a cycle")),
        "## What goes first",
        _ORDER,
        table(order, ("rank", "metrics")),
    ]
    return "\n\n".join(parts) + "\n"
