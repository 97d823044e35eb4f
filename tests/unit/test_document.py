"""The generated pages: what serving.md and the runbooks send people there for."""

from typing import get_args

import pytest

from exporter import document
from exporter.batch import REJECT_REASONS, RejectReason
from exporter.metrics.registry import METRICS
from exporter.metrics.spec import Metric


def cells(page: str, name: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_rank_stands_beside_each_metric(metric: Metric) -> None:
    assert cells(document.metrics_page(), metric.name)[3] == str(metric.rank)


def test_every_reason_is_told() -> None:
    """The table behind the page and the preset counters has them all."""
    assert set(REJECT_REASONS) == set(get_args(RejectReason))
    page = document.metrics_page()
    assert [cells(page, reason)[2] for reason in REJECT_REASONS] == [each.says for each in REJECT_REASONS.values()]


def test_every_command_has_its_options() -> None:
    page = document.commands_page()
    assert "## `ml-exporter rejects`" in page
    assert "`--most`, `-n`" in page
