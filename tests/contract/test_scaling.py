"""The recorded rules and the exporter mean the same by too little work."""

import pytest

from bundle.values import load
from exporter.metrics.advice import machines
from tests.contract.test_rules import VALUES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scaling_in_ratio", machines.LOW),
        ("scaling_in_peak_ratio", machines.LOW_PEAK),
        ("scaling_in_until_ratio", machines.MORE),
        ("scaling_in_peak_until_ratio", machines.MORE_PEAK),
        ("scaling_in_budget_ratio", machines.WIDE),
    ],
)
def test_thresholds_are_the_exporters(name: str, expected: float) -> None:
    """`scale_in` is advised from the same numbers on."""
    assert expected == load([VALUES]).threshold[name]


@pytest.mark.parametrize(
    ("begin", "end", "sign"),
    [
        ("scaling_out_ratio", "scaling_out_until_ratio", 1),
        ("scaling_in_ratio", "scaling_in_until_ratio", -1),
        ("scaling_in_peak_ratio", "scaling_in_peak_until_ratio", -1),
        ("scaling_in_budget_ratio", "scaling_in_budget_until_ratio", -1),
    ],
)
def test_advice_ends_beyond_where_it_begins(begin: str, end: str, sign: int) -> None:
    """Between two thresholds nothing changes."""
    threshold = load([VALUES]).threshold
    assert sign * threshold[begin] > sign * threshold[end]


def test_what_is_suggested_needs_no_more() -> None:
    """With as many replicas as are suggested, the day's peak asks for none and would not keep asking."""
    threshold = load([VALUES]).threshold
    assert threshold["scaling_target_ratio"] < threshold["scaling_out_until_ratio"] < threshold["scaling_out_ratio"]
