"""Every metric on /metrics: named as its unit says, explained, with known labels, documented, and of use to somebody."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter import document
from exporter.config import document as configuration
from exporter.health import FAMILIES
from exporter.host.labels import LABELS as HOST_LABELS
from exporter.host.registry import COLLECTORS
from exporter.host.registry import METRICS as HOST_METRICS
from exporter.metrics.registry import METRICS
from exporter.metrics.spec import LABELS

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Named:
    """What metrics of models and the exporter's own have in common."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...]
    internal: bool

    @property
    def series(self) -> set[str]:
        """Names that a query can ask for."""
        return (
            {f"{self.name}{part}" for part in ("_bucket", "_sum", "_count")}
            if self.kind == "histogram"
            else {self.name}
        )


ALL = [
    *(Named(m.name, m.kind, m.help, m.all_labels, m.internal) for m in METRICS),
    *(Named(f.name, f.kind, f.help, f.labels, f.internal) for f in (*FAMILIES, *HOST_METRICS)),
]
EVERY = pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)

UNITS = {
    # how a help begins or what it says → how the name ends, `_total` apart
    r"\bin Unix (time|seconds)": "_time(stamp)?_seconds",
    r"^(Share|Shares) of": "_ratio",
    r"^(Time|How long|How far)\b": "_seconds",
    r"^(Bytes|Size)\b": "_bytes",
    r"^Factor\b": "_factor",
    r"^Probability\b": "_pvalue",
    r"^Always 1": "_info",
}
ENDINGS = ("seconds", "bytes", "ratio", "pvalue", "factor", "info", "total")


def text_of(*patterns: str) -> str:
    """The files of the bundle without their comments."""
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    assert files
    return "\n".join(re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE) for path in files)


BUNDLE = text_of("grafana/dashboards/*.json", "prometheus/rules/*.yml", "prometheus/alerts/*.yml")
USED = set(re.findall(r"\bml_\w+", BUNDLE))
RECORDED = set(re.findall(r"record: (\S+)", text_of("prometheus/rules/*.yml")))


def test_names_are_told_once() -> None:
    """No two metrics share a name, nor does one end in what another's histogram adds."""
    names = [name for metric in ALL for name in metric.series | {metric.name}]
    assert sorted(set(names)) == sorted(names)


@EVERY
def test_help_is_a_sentence(metric: Named) -> None:
    assert re.fullmatch(r"[A-Z0-9].{15,}\.", metric.help, flags=re.DOTALL), metric.help
    assert "\n" not in metric.help


@EVERY
def test_name_is_of_the_project_and_in_snake_case(metric: Named) -> None:
    assert re.fullmatch(r"ml(_[a-z][a-z0-9]*)+", metric.name)


@EVERY
def test_name_ends_in_its_unit(metric: Named) -> None:
    """Counters, and no others, end in `_total`; a unit stands at the end; a help that tells a unit has it in its name."""
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not metric.name.endswith(("_count", "_sum", "_bucket"))
    base = metric.name.removesuffix("_total")
    # What an amount is the total of (`memory_total`, as node_exporter and DCGM have it), and rates.
    plain = re.sub(r"_total(?=_bytes$)|_(bytes|seconds)(?=_per_second$)", "", base)
    assert [word for word in plain.split("_")[:-1] if word in ENDINGS] == []
    for said, ending in UNITS.items():
        if re.search(said, metric.help):
            assert re.search(f"{ending}$", base), f"{metric.help} wants {ending}"


@EVERY
def test_only_small_units_are_used(metric: Named) -> None:
    """Base units alone: seconds and bytes, ratios from 0 to 1."""
    words = {"milliseconds", "ms", "minutes", "hours", "days", "kilobytes", "megabytes", "percent", "count", "rate"}
    assert words & set(metric.name.split("_")) == set()


@EVERY
def test_labels_are_known(metric: Named) -> None:
    """Every label is in its table, is said once, and `model` comes first, but behind the process that serves it."""
    assert [label for label in metric.labels if label not in LABELS | HOST_LABELS] == []
    assert len(set(metric.labels)) == len(metric.labels)
    assert "model" not in metric.labels[1:] or "process" in metric.labels
    assert {"le", "quantile", "job", "instance"} & set(metric.labels) == set()


def test_the_table_of_labels_has_nothing_else() -> None:
    assert set(LABELS) | set(HOST_LABELS) == {label for metric in ALL for label in metric.labels}
    assert set(LABELS) & set(HOST_LABELS) == set()


@pytest.mark.parametrize("name", COLLECTORS)
def test_collectors_say_what_they_read(name: str) -> None:
    """Named like a word, explained, with families of its own alone, in time."""
    entry = COLLECTORS[name]
    assert re.fullmatch("[a-z]+", name)
    assert re.fullmatch(r"[A-Z0-9].{15,}\.", entry.reads)
    assert entry.metrics
    assert all(re.match(r"ml_(host|process(es)?|gpu|cost)(_|$)", metric.name) for metric in entry.metrics)
    assert 0 < entry.limit_seconds <= 5


@EVERY
def test_somebody_uses_it(metric: Named) -> None:
    """A dashboard, a rule or an alert; or it says that it is `internal`, and then really none does."""
    assert bool(metric.series & USED) != metric.internal


def test_the_bundle_asks_for_nothing_else() -> None:
    """Every `ml_…` in dashboards, rules and alerts is a metric, but for name patterns and templates."""
    known = set().union(*(metric.series for metric in ALL))
    patterns = {name for name in USED if name.endswith("_")}
    assert USED - known - patterns == set()
    assert [name for name in patterns if not any(metric.name.startswith(name) for metric in ALL)] == []


@pytest.mark.parametrize(
    "path",
    sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("prometheus/runbooks/*.md"))),
    ids=lambda p: p.name,
)
def test_pages_speak_of_metrics_that_exist(path: Path) -> None:
    """Metrics and recorded rules in prose, tables and queries; a name that ends in `_` or `…` stands for several."""
    text = path.read_text()
    known = set().union(*(metric.series | {metric.name} for metric in ALL))
    told = {name for name in re.findall(r"\bml_[a-z0-9_]+(?![\w…])", text) if not name.endswith("_")}
    assert told - known == set()
    assert set(re.findall(r"\bml:[a-z0-9_:]*[a-z0-9](?![\w:…])", text)) - RECORDED == set()


@pytest.mark.parametrize("name", document.PAGES)
def test_generated_pages_are_current(name: str) -> None:
    """If this fails: make generate."""
    assert (ROOT / "docs" / name).read_text() == document.PAGES[name]()


def test_configuration_page_is_current() -> None:
    """If this fails: make generate."""
    assert configuration.PAGE.read_text() == configuration.page()


@EVERY
def test_metrics_page_has_it(metric: Named) -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "metrics.md").read_text().splitlines()
        if line.startswith(f"| `{metric.name}` |")
    ]
    assert len(rows) == 1
