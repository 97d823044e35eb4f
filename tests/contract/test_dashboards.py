"""Dashboards: current, sound, and about metrics, labels, rules and pages that exist."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from exporter.health import FAMILIES
from exporter.host.registry import METRICS as HOST_METRICS
from exporter.metrics.registry import METRICS
from grafana.source import knobs
from grafana.source.__main__ import BOARDS, HOME, main, render, stale
from grafana.source.layout import DEMO, Timing
from tests.contract.foreign import FOREIGN as OTHERS

ROOT = Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "grafana"
FILES = {uid: json.loads(text) for uid, text in ((name[:-5], text) for name, text in render(Timing()).items())}

SCRAPE = {"job", "instance"}
FOREIGN = OTHERS | {
    # Prometheus' own series about alerts → labels that all alerts of the bundle may carry
    "ALERTS": {"alertname", "alertstate", "severity", "model", "version", "window", "feature", "owner", "tier", "slo"},
    "ALERTS_FOR_STATE": {"alertname", "severity", "model", "version", "window", "feature", "owner", "tier", "slo"},
}
BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "1h",
    "__url_time_range": "from=now-1h&to=now",
    "__all_variables": "var-x=y",
}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel that is no row, rows' own included."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


EVERY = [pytest.param(uid, panel, id=f"{uid}-{panel['id']}") for uid, board in FILES.items() for panel in panels(board)]


def substituted(text: str) -> str:
    """`text` with every Grafana variable as some value; unknown ones stay."""
    for name, value in BUILT_IN.items():
        text = re.sub(rf"\$\{{?{name}\b\}}?", value, text)
    return re.sub(r"\$\{?(burn|silence|week)\b\}?", "1h", re.sub(r'"\$(\w+)(\|?)"', r'"value\2"', text))


def expressions(board: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(where, expression, legend) of panels, variables and annotations."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"], target["legendFormat"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            inner = re.fullmatch(r"(?:query_result|label_values)\((.+)\)", variable["query"]["query"])
            assert inner, variable["query"]
            expr, _, label = inner[1].rpartition(", ")
            wanted = f"{{{{{label}}}}}" if variable["query"]["query"].startswith("label_values") else ""
            yield f"variable {variable['name']}", expr if wanted else inner[1], wanted
    for annotation in board["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"], annotation["titleFormat"]


ALL_EXPRESSIONS = [
    pytest.param(expr, legend, id=f"{uid}-{where}")
    for uid, board in FILES.items()
    for where, expr, legend in expressions(board)
]


def rules() -> list[dict[str, Any]]:
    found = []
    for path in sorted((*ROOT.glob("prometheus/rules/*.yml"), *ROOT.glob("prometheus/alerts/*.yml"))):
        for group in yaml.safe_load(path.read_text())["groups"]:
            found += group["rules"]
    return found


class Catalogue:
    """What can be asked for, with its labels."""

    def __init__(self) -> None:
        self.labels: dict[str, set[str]] = {name: set(labels) for name, labels in FOREIGN.items()}
        for metric in METRICS:
            self._add(metric.name, metric.kind, set(metric.all_labels))
        for family in (*FAMILIES, *HOST_METRICS):
            self._add(family.name, family.kind, set(family.labels))
        self._recorded: dict[str, list[dict[str, Any]]] = {}
        self._open: set[str] = set()
        for rule in rules():
            if "record" in rule:
                self._recorded.setdefault(rule["record"], []).append(rule)

    def _add(self, name: str, kind: str, labels: set[str]) -> None:
        if kind == "histogram":
            self.labels |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            self.labels[name] = labels

    def of(self, name: str) -> set[str]:
        for rule in self._recorded.pop(name, ()):
            # A name may be recorded by several rules, which may read what the others, or they themselves, recorded before.
            self._open.add(name)
            found = set(rule.get("labels", {})) | Labels(self).of(promql.parse(rule["expr"]))
            self.labels[name] = self.labels.get(name, set()) | found
        if name in self._open and name not in self.labels:
            return set().union(*self.labels.values())
        assert name in self.labels, f"no metric or rule is called {name}"
        return self.labels[name] | SCRAPE


@dataclass(frozen=True)
class Labels:
    """Labels of what an expression gives; an AssertionError where it uses one that cannot be there."""

    catalogue: Catalogue

    def of(self, expr: Any) -> set[str]:
        kind = type(expr).__name__
        result: set[str] = getattr(self, f"_{kind.lower()}")(expr)
        return result

    def _vectorselector(self, expr: Any) -> set[str]:
        known = self.catalogue.of(expr.name)
        used = {matcher.name for matcher in expr.matchers.matchers}
        assert used <= known, f"{expr.name} has no label {used - known}"
        return known

    def _matrixselector(self, expr: Any) -> set[str]:
        return self.of(expr.vector_selector)

    def _subqueryexpr(self, expr: Any) -> set[str]:
        return self.of(expr.expr)

    def _parenexpr(self, expr: Any) -> set[str]:
        return self.of(expr.expr)

    def _unaryexpr(self, expr: Any) -> set[str]:
        return self.of(expr.expr)

    def _numberliteral(self, _expr: Any) -> set[str]:
        return set()

    def _aggregateexpr(self, expr: Any) -> set[str]:
        inner = self.of(expr.expr)
        if expr.modifier is None:
            return set()
        named = set(expr.modifier.labels)
        assert named <= inner, f"{named - inner} cannot be there in {expr.expr}"
        if str(expr.op) in {"topk", "bottomk"}:
            return inner
        if str(expr.op) == "count_values":
            return named | {expr.param.val}
        return named if expr.modifier.type == promql.AggModifierType.By else inner - named

    def _call(self, expr: Any) -> set[str]:
        name = expr.func.name
        if name in {"time", "vector", "scalar"}:
            for argument in expr.args:
                self.of(argument)
            return set()
        if name == "label_replace":
            inner, source = self.of(expr.args[0]), expr.args[3].val
            # A label that only some series have may be copied, but not one that none can have.
            assert not source or source in inner, f"{source} cannot be there in {expr.args[0]}"
            return inner | {expr.args[1].val}
        labels = set().union(*(self.of(argument) for argument in expr.args))
        return labels - {"le"} if name == "histogram_quantile" else labels

    def _binaryexpr(self, expr: Any) -> set[str]:
        left, right = self.of(expr.lhs), self.of(expr.rhs)
        modifier, operator = expr.modifier, str(expr.op)
        matching = modifier.matching if modifier else None
        joined = matching is not None and matching.type == promql.LabelModifierType.Include
        if joined:
            assert set(matching.labels) <= left & right, f"{matching} is not on both sides of {expr}"
        if operator == "or":
            return left | right
        if operator in {"and", "unless"} or not right:
            return left
        if not left and not joined:
            return right
        if modifier and modifier.card == promql.VectorMatchCardinality.ManyToOne:
            return left | set(modifier.group_labels or ())
        if modifier and modifier.card == promql.VectorMatchCardinality.OneToMany:
            return right | set(modifier.group_labels or ())
        return set(matching.labels) if joined else left


CATALOGUE = Catalogue()


def test_committed_dashboards_are_what_the_code_writes() -> None:
    assert stale(HOME, render(Timing())) == []


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    assert main(["--write", "--out", str(tmp_path)]) == 0
    assert stale(tmp_path, render(Timing())) == []
    assert main(["--check", "--out", str(tmp_path)]) == 0


def test_check_names_files_that_are_changed_or_left_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--write", "--out", str(tmp_path)])
    (tmp_path / "ml-fleet.json").write_text("{}")
    (tmp_path / "ml-old.json").write_text("{}")
    assert main(["--check", "--out", str(tmp_path)]) == 1
    assert [line.split(": ")[0].rsplit("/", 1)[1] for line in capsys.readouterr().err.splitlines()] == [
        "ml-fleet.json",
        "ml-old.json",
    ]


def test_the_demo_shows_minutes_and_leaves_the_committed_files_alone() -> None:
    board = json.loads(render(DEMO)["ml-model.json"])
    assert (board["time"], board["refresh"]) == ({"from": "now-15m", "to": "now"}, "5s")
    with pytest.raises(SystemExit):
        main(["--write", "--demo"])


@pytest.mark.parametrize("uid", FILES)
def test_a_dashboard_says_what_it_is(uid: str) -> None:
    board = FILES[uid]
    assert board["uid"] == uid
    assert board["title"]
    assert board["description"]
    assert board["schemaVersion"] >= 39
    assert board["time"] == {"from": "now-24h", "to": "now"}
    assert "5s" in board["timepicker"]["refresh_intervals"]
    assert board.get("id") is None


@pytest.mark.parametrize("uid", FILES)
def test_ids_are_unique_and_places_do_not_overlap(uid: str) -> None:
    everything = [*FILES[uid]["panels"], *(p for row in FILES[uid]["panels"] for p in row.get("panels", []))]
    ids = [panel["id"] for panel in everything]
    assert sorted(set(ids)) == sorted(ids)
    cells = [
        (x, y)
        for panel in everything
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


@pytest.mark.parametrize(("uid", "panel"), EVERY)
def test_a_panel_explains_itself(uid: str, panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert len(panel["description"]) > 40, uid
    assert panel["description"].endswith("."), uid
    assert defaults["unit"]
    assert defaults["noValue"], "an empty panel must say what it means"
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    references = [target["refId"] for target in panel["targets"]]
    assert sorted(set(references)) == references


@pytest.mark.parametrize(("expr", "legend"), ALL_EXPRESSIONS)
def test_an_expression_asks_for_what_exists(expr: str, legend: str) -> None:
    """Metrics, recorded rules, matchers, grouping, joins and legends: everything that is named can be there."""
    known = Labels(CATALOGUE).of(promql.parse(substituted(expr)))
    assert set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend)) <= known


def test_the_catalogue_misses_nothing_on_purpose() -> None:
    """The test above can fail: names, labels, groupings and joins that do not exist are told."""
    for wrong in (
        "ml_nothing",
        'ml_performance{feature="x"}',
        "sum by (feature) (ml_performance)",
        "ml_performance * on (feature) ml_performance_reference",
    ):
        with pytest.raises(AssertionError):
            Labels(CATALOGUE).of(promql.parse(wrong))


@pytest.mark.parametrize("uid", FILES)
def test_variables_that_are_used_are_defined(uid: str) -> None:
    board = FILES[uid]
    defined = {variable["name"] for variable in board["templating"]["list"]}
    text = json.dumps({key: board[key] for key in ("panels", "templating", "annotations")})
    used = set(re.findall(r"\$(?!__)([a-z_]+)", text)) | set(re.findall(r"\$\{(?!__)([a-z_]+)[:}]", text))
    assert used - defined == set()


@pytest.mark.parametrize("uid", ["ml-model", "ml-why", "ml-drift-quality"])
def test_marks_stand_where_changes_began(uid: str) -> None:
    """At the time that the series tell, in milliseconds, of the window and versions that the dashboard shows."""
    (mark,) = (each for each in FILES[uid]["annotations"]["list"] if each["name"] == "Changes began")
    assert mark["useValueForTime"] is True
    assert mark["expr"].endswith(" * 1000")
    named = set(re.findall(r"ml_\w+", mark["expr"]))
    assert named == {f"ml_{of}_onset_timestamp_seconds" for of in ("drift", "performance", "feature_quality")}
    assert mark["expr"].count('window="$window"') == len(named)
    others = (each for each in FILES[uid]["annotations"]["list"] if each is not mark)
    assert not any(each.get("useValueForTime") for each in others)


@pytest.mark.parametrize("uid", FILES)
def test_variables_that_are_defined_are_used(uid: str) -> None:
    board = FILES[uid]
    text = json.dumps({key: board[key] for key in ("panels", "templating", "annotations")})
    unused = [
        variable["name"]
        for variable in board["templating"]["list"]
        if not re.search(rf"\$\{{?{variable['name']}\b", text)
    ]
    assert unused == []


def addresses(board: dict[str, Any]) -> Iterator[str]:
    for link in board["links"]:
        assert link["includeVars"]
        assert link["keepTime"]
        yield link["url"]
    for panel in panels(board):
        for override in panel["fieldConfig"]["overrides"]:
            for found in override["properties"]:
                if found["id"] == "links":
                    yield from (link["url"] for link in found["value"])


@pytest.mark.parametrize("uid", FILES)
def test_links_lead_to_dashboards_with_those_variables_and_keep_the_time(uid: str) -> None:
    found = list(addresses(FILES[uid]))
    assert found
    for address in found:
        target, _, query = address.partition("?")
        assert target.removeprefix("/d/") in FILES
        names = {variable["name"] for variable in FILES[target.removeprefix("/d/")]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= names
        assert not query or "${__url_time_range}" in query


def test_links_of_alerts_lead_to_dashboards_with_those_variables() -> None:
    found = [rule["annotations"]["dashboard_url"] for rule in rules() if "alert" in rule]
    assert found
    for address in found:
        target, _, query = address.partition("?")
        board = FILES[target.rsplit("/d/", 1)[1]]
        names = {variable["name"] for variable in board["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= names


def test_lights_and_alerts_share_their_thresholds() -> None:
    values = yaml.safe_load((ROOT / "prometheus" / "values.yml").read_text())
    assert values["host_of_instance"] == knobs.HOST_OF_INSTANCE
    hours = {"h": 3600, "d": 86400}
    stale_after = values["event"]["stale"]
    assert {
        "page_metrics": knobs.PAGE_METRICS,
        "labels": knobs.COVERAGE_LEAST,
        "estimates": knobs.ESTIMATE_LABELS,
        "stale": knobs.LAG_MOST_SECONDS,
        "slow": knobs.BURN_WARNING,
        "fast": knobs.BURN_BAD,
        "silence": Timing().silence,
    } == {
        "page_metrics": values["page_metrics"],
        "labels": values["threshold"]["labels_ratio"],
        "estimates": values["threshold"]["estimate_labels_ratio"],
        "stale": int(stale_after[:-1]) * hours[stale_after[-1]],
        "slow": values["threshold"]["burn_page_slow"],
        "fast": values["threshold"]["burn_page_fast"],
        "silence": values["range"]["silence"],
    }


def test_headline_metrics_are_metrics_and_page() -> None:
    headline = set(knobs.HEADLINE.split("|"))
    assert headline <= set(knobs.PAGE_METRICS.split("|"))
    assert headline <= set(knobs.FIRST_METRICS)


@pytest.mark.parametrize("kind", ["datasources", "dashboards"])
def test_provisioning_finds_the_data_source_and_the_files(kind: str) -> None:
    found = [yaml.safe_load(path.read_text()) for path in sorted((GRAFANA / "provisioning" / kind).glob("*.yml"))]
    assert [file["apiVersion"] for file in found] == [1]
    if kind == "datasources":
        source = found[0]["datasources"][0]
        assert (source["name"], source["uid"], source["type"]) == ("Prometheus", "prometheus", "prometheus")
        variable = FILES["ml-fleet"]["templating"]["list"][0]
        assert (variable["current"]["value"], variable["query"]) == (source["uid"], source["type"])
    else:
        assert found[0]["providers"][0]["type"] == "file"


def test_every_dashboard_has_its_builder() -> None:
    assert sorted(BOARDS) == sorted(path.stem for path in HOME.glob("*.json"))
