"""The rules that are committed and those that a replay runs: sound, tested, explained, and about metrics that exist."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import promql_parser
import pytest
import yaml

from bundle import document
from bundle.render import ROOT, render, stale, unused, write
from bundle.values import load
from exporter.health import FAMILIES
from exporter.host.registry import METRICS as HOST_METRICS
from exporter.metrics.drift.pair import Pair
from exporter.metrics.drift.population_stability_index import compute as psi
from exporter.metrics.registry import METRICS
from tests.contract.foreign import FOREIGN

PROMETHEUS = ROOT / "prometheus"
VALUES = PROMETHEUS / "values.yml"
RUNBOOKS = PROMETHEUS / "runbooks"
SPEED = 8640.0
"""The demo's: a day in ten seconds."""

DAYS = [f"windows.{question}=[1d, 7d]" for question in ("drift", "performance", "quality", "labels", "traffic")]
"""Windows of a model whose story is told in days."""

RENDERINGS = {
    "life": lambda: load([VALUES]),
    "replay": lambda: load([VALUES], DAYS, speed=SPEED),
}

TARGET = {"job", "instance"}
"""Labels that a scrape adds."""
MADE = {"quantile", "owner", "tier", "task", "stack", "host"}
"""Labels that recorded rules make."""

EVENTLESS = {"MLWatchdog", "MLModelUnwatched"}
"""Alerts for machines: they fire at once."""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What `command` printed; an AssertionError with all of it where it failed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def promtool() -> str:
    found = shutil.which("promtool")
    assert found, "promtool is missing: install Debian's package prometheus"
    return found


def rules_under(folder: Path) -> list[dict[str, Any]]:
    files = sorted((*folder.glob("rules/*.yml"), *folder.glob("alerts/*.yml")))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


RULES = rules_under(PROMETHEUS)
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = [rule for rule in RULES if "record" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
TESTS = [
    test for file in sorted((PROMETHEUS / "tests").glob("*.yml")) for test in yaml.safe_load(file.read_text())["tests"]
]


def catalogue() -> dict[str, set[str]]:
    """Name on /metrics → its labels, of everything that the exporter exposes, and of the recorded rules."""
    known: dict[str, set[str]] = {}
    for name, kind, labels in (
        *((metric.name, metric.kind, metric.all_labels) for metric in METRICS),
        *((family.name, family.kind, family.labels) for family in (*FAMILIES, *HOST_METRICS)),
    ):
        if kind == "histogram":
            known |= {f"{name}_bucket": {*labels, "le"}, f"{name}_sum": {*labels}, f"{name}_count": {*labels}}
        else:
            known[name] = {*labels}
    every = set().union(*known.values(), *FOREIGN.values()) | MADE
    return known | {rule["record"]: every for rule in RECORDED} | FOREIGN


KNOWN = catalogue()
LABELS = set().union(*KNOWN.values()) | TARGET


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric that a PromQL expression reads, and the labels that it is matched by."""
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    for node in found:
        if isinstance(node, promql_parser.VectorSelector):
            matchers = [*node.matchers.matchers, *(m for either in node.matchers.or_matchers for m in either)]
            names = [m.value for m in matchers if m.name == "__name__"]
            yield node.name or names[0], {m.name for m in matchers} - {"__name__"}


def groupings(expression: str) -> set[str]:
    """All labels that a PromQL expression groups, joins or carries over by."""
    return {
        label
        for labels in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", expression)
        for label in re.findall(r"\w+", labels)
    }


def template_queries(rule: dict[str, Any]) -> list[str]:
    """PromQL inside of the annotations, its holes filled with something harmless."""
    text = " ".join(rule["annotations"].values())
    found = [a or b for a, b in re.findall(r'printf (?:"((?:sort|sum|max|ml|topk)[^"]*\([^"]*)"|`([^`]*)`)', text)]
    found += re.findall(r'printf "(ml:[^"]*)"', text)
    return [query.replace("%q", '"x"').replace("%s", "missing") for query in found]


EXPRESSIONS = [
    *((rule.get("record") or rule["alert"], rule["expr"]) for rule in RULES),
    *((f"{rule['alert']} (annotation)", query) for rule in ALERTS for query in template_queries(rule)),
    *(
        (
            f"{book.stem} (runbook)",
            query.replace("$model", "x").replace("$window", "x").replace("$source", "x").replace("$host", "x"),
        )
        for book in sorted(RUNBOOKS.glob("*.md"))
        for block in re.findall(r"```promql\n(.*?)```", book.read_text(), flags=re.DOTALL)
        for query in block.strip().splitlines()
    ),
]


@pytest.fixture(scope="module", params=RENDERINGS)
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole bundle."""
    folder = tmp_path_factory.mktemp(request.param)
    write(render(RENDERINGS[request.param]()), folder)
    return folder / "prometheus"


def test_committed_files_are_what_the_values_say() -> None:
    """`python -m bundle --write` would change nothing."""
    assert stale(render(load([VALUES])), ROOT) == []


def test_the_page_of_exporters_is_current() -> None:
    """If this fails: make generate."""
    assert document.PAGE.read_text() == document.page()


def test_nothing_is_committed_that_nobody_writes() -> None:
    """A rule file without a source would live on unnoticed."""
    committed = {
        path.relative_to(ROOT) for kind in ("rules", "alerts", "tests") for path in (PROMETHEUS / kind).iterdir()
    }
    assert committed - render(load([VALUES])).keys() == set()


def test_every_value_turns_something() -> None:
    """A knob that turns nothing misleads."""
    assert unused(load([VALUES])) == []


def test_prometheus_reads_it(rendered: Path) -> None:
    """promtool finds neither the configuration nor a rule at fault."""
    run(promtool(), "check", "config", "--lint-fatal", "prometheus.yml", cwd=rendered)
    run(promtool(), "check", "rules", "--lint-fatal", *rendered.glob("rules/*.yml"), *rendered.glob("alerts/*.yml"))


@pytest.mark.parametrize("area", sorted(path.name for path in (PROMETHEUS / "tests").glob("*.yml")))
def test_rules_do_what_their_tests_say(rendered: Path, area: str) -> None:
    """promtool's unit tests hold at life's speed and at the replay's."""
    run(promtool(), "test", "rules", rendered / "tests" / area)


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_fires_in_a_test(name: str) -> None:
    """Somewhere it fires, with all its labels and annotations."""
    assert any(
        check["alertname"] == name and check["exp_alerts"]
        for test in TESTS
        for check in test.get("alert_rule_test", ())
    )


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"MLWatchdog"}))
def test_every_alert_stays_silent_in_a_test(name: str) -> None:
    """Somewhere it does not fire, though something is there."""
    assert any(
        check["alertname"] == name and not check["exp_alerts"]
        for test in TESTS
        for check in test.get("alert_rule_test", ())
    )


@pytest.mark.parametrize("name", sorted({rule["record"] for rule in RECORDED}))
def test_every_recorded_rule_is_told_its_number(name: str) -> None:
    """A promtool test reads it, directly or through an alert that is tested."""
    told = {
        metric for test in TESTS for check in test.get("promql_expr_test", ()) for metric, _ in selectors(check["expr"])
    }
    through = {
        metric
        for rule in RULES
        if rule.get("record") in told or "alert" in rule
        for metric, _ in selectors(rule["expr"])
    }
    assert name in told | through


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_every_alert_is_complete(rule: dict[str, Any]) -> None:
    """It waits, says how bad, what, where to look and what to do."""
    assert re.fullmatch(r"ML[A-Z]\w+", rule["alert"])
    assert ("for" in rule) == (rule["alert"] not in EVENTLESS)
    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    assert rule["annotations"].keys() == {"summary", "description", "dashboard_url", "runbook_url"}
    assert rule["annotations"]["runbook_url"].rsplit("/", 1)[1].removesuffix(".md") == rule["alert"]


def test_only_harm_pages() -> None:
    """Drift and quality of single features, stale and missing data open tickets; what wakes somebody is written here."""
    assert {rule["alert"] for rule in ALERTS if rule["labels"]["severity"] == "critical"} == {
        "MLPerformanceDegraded",
        "MLFeatureQuality",
        "MLAvailabilitySLOBurn",
        "MLLatencySLOBurn",
        "MLFreshnessSLOBurn",
        "MLServingErrors",
        "MLExporterDown",
        "MLExporterCycleStalled",
        "MLBatchRunMissed",
        "MLInfrastructureHarm",
        "MLProcessDown",
        "MLHostDown",
    }


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_runbooks_answer_four_questions(name: str) -> None:
    """What it means, whom it hurts, how to find out more, what to do; with a query to paste."""
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE) == [name, "Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert "```promql\n" in text


@pytest.mark.parametrize(
    ("name", "expression"), EXPRESSIONS, ids=[f"{i}-{name}" for i, (name, _) in enumerate(EXPRESSIONS)]
)
def test_expressions_read_what_exists(name: str, expression: str) -> None:
    """Every metric is exposed or recorded, has the labels that it is matched by, and grouping labels exist."""
    for metric, labels in selectors(expression):
        if metric == "ml_.+":
            continue
        assert metric in KNOWN, f"{name} reads {metric}"
        assert labels - KNOWN[metric] - TARGET == set(), f"{name} matches {metric} by {labels}"
    assert groupings(expression) - LABELS - MADE - {"severity", "__name__"} == set()


def test_series_of_rule_tests_exist() -> None:
    """A test about a metric that nobody exposes proves nothing."""
    for test in TESTS:
        for series in test["input_series"]:
            for metric, labels in selectors(series["series"]):
                assert metric in KNOWN
                assert labels - KNOWN[metric] - TARGET == set(), series["series"]


def test_recorded_psi_and_accuracy_equal_the_exporters(tmp_path: Path) -> None:
    """Over random counts of three replicas, PromQL's sums give what the exporter's formulas give on the sum."""
    rng = np.random.default_rng(7)
    counts, reference = rng.poisson(40, (3, 10)).astype(float), rng.poisson(900, 10).astype(float)
    table = rng.poisson(30, (3, 3, 3)).astype(float)
    pair = Pair.of(counts.sum(axis=0), reference)
    both = 'model="m", version="v", feature="f"'
    window = 'model="m", version="v", window="w"'
    series = {
        f'ml_window_feature_observations{{{both}, window="w", bin="{i}", instance="{r}"}}': counts[r, i]
        for r in range(3)
        for i in range(10)
    }
    series |= {
        f'ml_feature_reference_ratio{{{both}, reference="r", bin="{i}", instance="a"}}': pair.smooth_q[0, i]
        for i in range(10)
    }
    series |= {
        f'ml_window_outcomes{{{window}, predicted="{i}", actual="{j}", instance="{r}"}}': table[r, i, j]
        for r in range(3)
        for i in range(3)
        for j in range(3)
    }
    accuracy = np.trace(table.sum(axis=0)) / table.sum()
    test = {
        "rule_files": [str(PROMETHEUS / "rules" / "*.yml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": f"{value:.17g}x3"} for name, value in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f"abs({name} - {expected:.17g}) < bool 1e-12",
                        "eval_time": "2m",
                        "exp_samples": [{"labels": f"{{{labels}}}", "value": 1}],
                    }
                    for name, expected, labels in (
                        ("ml:feature_psi", psi(pair)[0], f'{both}, window="w"'),
                        ("ml:accuracy", accuracy, window),
                    )
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(test))
    run(promtool(), "test", "rules", file)
