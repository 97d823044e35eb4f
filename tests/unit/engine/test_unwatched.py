"""Columns that appear in a log after the reference was fitted are told, each once."""

from pathlib import Path
from typing import Any

import pytest

from tests.exporters import Exporter, row


def told(exporter: Exporter) -> list[str]:
    return [line["columns"] for line in exporter.logged if "not in the reference" in line["event"]]


@pytest.fixture
def exporter(tmp_path: Path):
    made = Exporter(tmp_path)
    made.fit()
    yield made
    made.close()


def test_a_new_column_is_told_once(exporter: Exporter) -> None:
    """Those with a role, features of the reference and those told before are not."""
    exporter.predict(row(1))
    exporter.read()
    assert told(exporter) == []
    exporter.predict(row(2, speed=3, colour="red"))
    exporter.read()
    exporter.predict(row(3, speed=4), row(4, height=1))
    exporter.read()
    assert told(exporter) == ["colour, speed", "height"]


@pytest.mark.parametrize(
    "features",
    [{"exclude": ["speed"]}, {"include": ["x"]}, {"columns": {"x": "x", "carrier": "carrier"}, "exclude": ["speed"]}],
)
def test_a_column_that_the_configuration_leaves_out_is_not_told(features: dict[str, Any], tmp_path: Path) -> None:
    exporter = Exporter(tmp_path, features=features)
    exporter.fit()
    exporter.predict(row(1, speed=3))
    exporter.read()
    assert (told(exporter), exporter.window().rows) == ([], 1.0)
    exporter.close()


def test_many_new_columns_take_one_line_of_few_names(exporter: Exporter) -> None:
    exporter.predict(row(1, **{f"c{number:02}": number for number in range(30)}))
    exporter.read()
    assert told(exporter) == ["c00, c01, c02, c03, c04, c05, c06, c07, c08, c09 and 20 more"]
