"""Every performance metric and every series of these families is documented."""

from pathlib import Path

import pytest

from exporter.metrics.performance import PERFORMANCE, PERFORMANCE_METRICS
from exporter.metrics.quality import QUALITY
from exporter.metrics.quality.results import CHECKS

DOCS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize("name", [*(m.name for m in PERFORMANCE), *(m.name for m in PERFORMANCE_METRICS)])
def test_performance_is_documented(name):
    assert f"`{name}" in (DOCS / "performance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*(m.name for m in QUALITY), *CHECKS])
def test_quality_is_documented(name):
    assert name in (DOCS / "quality.md").read_text(encoding="utf-8")


def test_a_metric_says_what_it_is():
    assert [m.name for m in PERFORMANCE_METRICS if not (m.title and m.formula and m.source and m.tasks)] == []
    assert len({m.name for m in PERFORMANCE_METRICS}) == len(PERFORMANCE_METRICS)
