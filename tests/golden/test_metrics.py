"""What the whole program says of three small logs, against the committed page."""

import gzip
import math
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.app import App, Runner
from exporter.clock import ManualClock
from exporter.config import load
from exporter.exposition.snapshot import Publisher
from exporter.health import FAMILIES
from exporter.metrics.registry import METRICS
from exporter.references import fit_references
from tests import fleet

pytestmark = pytest.mark.xdist_group("golden")

GOLDEN = Path(__file__).with_name("metrics.txt")
RELATIVE = 1e-6
"""Numbers may differ by so much: the last digits of a logarithm are the processor's."""
MASKED = {
    "ml_exporter_build_info": (re.compile(r'(version|python)="[^"]*"'), r'\1="-"'),
    # Of the reference file: changes with everything that is kept in it.
    "ml_": (re.compile(r'(reference)="[0-9a-f]+"'), r'\1="-"'),
    "ml_exporter_state_bytes": (re.compile(r" \S+$"), " 1"),
}
"""What differs from one machine or release to the next: beginning of a line → how it is made the same."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Both formats as they are served after one cycle: `text` and `openmetrics`."""
    path = fleet.write(tmp_path_factory.mktemp("golden"))
    clock = ManualClock(fleet.NOW)
    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[_drop])
    plan = load(path)
    assert len(list(fit_references(plan, clock, None, None, lambda _: None))) == 4
    app = App(path, plan, clock, log)
    app._publisher = Publisher(app._health, clock, log, strict=True)
    with pytest.MonkeyPatch.context() as patch:
        # A cycle in this thread instead of one after the other in their own.
        patch.setattr(Runner, "start", lambda runner: runner.cycle_once(runner.clock.monotonic()))
        app.start()
    try:
        app.publish()
        yield {
            "text": _fetch(app.server.url, "text/plain"),
            "openmetrics": _fetch(app.server.url, "application/openmetrics-text"),
        }
    finally:
        for runner in app._runners.values():
            runner.worker.close()
        app.stop()


def _drop(*_: object) -> str:
    raise structlog.DropEvent


def _fetch(url: str, accept: str) -> str:
    request = urllib.request.Request(f"{url}metrics", headers={"Accept": accept, "Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return gzip.decompress(answer.read()).decode()


def masked(page: str) -> list[str]:
    """Lines of a page without what differs from machine to machine."""
    lines = page.splitlines()
    for start, (pattern, replacement) in MASKED.items():
        lines = [pattern.sub(replacement, line) if line.startswith(start) else line for line in lines]
    return lines


def same(one: str, other: str) -> bool:
    """Both lines say the same: the same series with the same number, but for rounding."""
    if one == other:
        return True
    (series, number), (other_series, other_number) = (line.rpartition(" ")[::2] for line in (one, other))
    if series != other_series or one.startswith("#"):
        return False
    return math.isclose(float(number), float(other_number), rel_tol=RELATIVE, abs_tol=1e-12)


def test_page_is_the_committed_one(pages: dict[str, str], golden_update: bool) -> None:
    """Every line: names, help, labels, order and numbers. After a wanted change: make golden, and look at the diff."""
    lines = masked(pages["text"])
    if golden_update:
        # Lines that say the same stay as they are, so that a diff shows what has changed and no last digits.
        known = {line.rpartition(" ")[0]: line for line in GOLDEN.read_text().splitlines()} if GOLDEN.exists() else {}
        kept = (known.get(line.rpartition(" ")[0], line) for line in lines)
        GOLDEN.write_text("".join(f"{old if same(old, new) else new}\n" for old, new in zip(kept, lines, strict=True)))
    expected = GOLDEN.read_text().splitlines()
    here, there = ({line.rpartition(" ")[0] for line in page} for page in (lines, expected))
    assert (sorted(here - there), sorted(there - here)) == ([], []), "series or help came or went: make golden"
    differing = [(e, a) for e, a in zip(expected, lines, strict=True) if not same(e, a)]
    assert differing == [], "numbers changed: make golden"


def test_page_has_every_metric() -> None:
    """The committed page has each family of the program but those that tell of its own failures, of bins
    too coarse, of replicas and their machines, of a better threshold, or of a beginning that history holds."""
    missing = [
        each.name for each in (*METRICS, *FAMILIES) if f"# TYPE {each.name} {each.kind}\n" not in GOLDEN.read_text()
    ]
    assert sorted(missing) == [
        "ml_exporter_collector_duration_seconds",
        "ml_exporter_collector_success",
        "ml_exporter_metric_failures_total",
        "ml_feature_drift_tail_ratio",
        "ml_infrastructure_suspect",
        "ml_infrastructure_suspect_since_timestamp_seconds",
        "ml_recommended_threshold",
        "ml_replica_error_ratio",
        "ml_replica_info",
        "ml_replica_skew",
        "ml_replica_skew_detected",
        "ml_replica_unusable_score_ratio",
        "ml_worst_slice_onset_timestamp_seconds",
    ]


def test_promtool_finds_nothing(pages: dict[str, str]) -> None:
    """Prometheus' own linter is content with every name, help and type, those of the committed page too."""
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: install Debian's package prometheus"
    for page in (pages["text"], GOLDEN.read_text()):
        done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_both_formats_say_the_same(pages: dict[str, str]) -> None:
    """The parsers of Prometheus' Python client accept both formats and find the same samples in them."""
    text = {(s.name, *sorted(s.labels.items())): s.value for f in parse_text(pages["text"]) for s in f.samples}
    other = {
        (s.name, *sorted(s.labels.items())): s.value
        for family in parse_openmetrics(pages["openmetrics"])
        for s in family.samples
    }
    assert text == other
    assert len(text) > 1000


def test_page_shows_what_the_logs_were_made_for(pages: dict[str, str]) -> None:
    """The golden page would keep a wrong number for ever: a few that can be told from how the logs were made."""
    samples = {(s.name, *sorted(s.labels.items())): s.value for f in parse_text(pages["text"]) for s in f.samples}

    def value(name: str, **labels: str) -> float | None:
        return samples.get((name, *sorted(labels.items())))

    day = {"model": "spam", "version": "v1", "window": "24h"}
    # A day has 240 mails, two in three answered by v1.
    assert value("ml_window_predictions", **day) == 160
    assert [value("ml_predictions_total", model="spam", version=v) for v in ("v1", "v2")] == [386, 194]
    assert value("ml_feature_drift_detected", feature="length", **day) == 1
    assert value("ml_feature_drift_detected", feature="links", **day) == 0
    assert value("ml_feature_quality_detected", feature="sender", check="missing", **day) == 1
    assert value("ml_exporter_rows_rejected_total", model="spam", source="labels", reason="duplicate") == 2
    assert value("ml_exporter_labels_unmatched", model="spam") == 1
    assert value("ml_model_info", model="leaf", owner="garden-team", task="multiclass", tier="", reference="x") is None
    assert value("ml_window_labels", model="leaf", version="unversioned", window="24h") == 180
    assert value("ml_window_labels", model="price", version="unversioned", window="24h") == 240
    leaf = {"model": "leaf", "version": "unversioned", "window": "24h"}
    assert value("ml_performance_degraded", metric="accuracy", **leaf) == 1
    assert value("ml_performance_onset_timestamp_seconds", metric="accuracy", **leaf) == fleet.START + 31 * fleet.DAY
    assert value("ml_feature_drift_detected", feature="hairy", **leaf) == 0


def test_comparison_can_fail() -> None:
    """A series, a help or a number that differs is told; rounding is not."""
    line = 'ml_performance{model="m"} 0.25'
    assert same(line, 'ml_performance{model="m"} 0.25000000001')
    assert not same(line, 'ml_performance{model="m"} 0.2501')
    assert not same(line, 'ml_performance{model="n"} 0.25')
    assert not same("# HELP ml_x Of 2", "# HELP ml_x Of 2.0")
