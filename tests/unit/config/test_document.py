"""The configuration's page is current, and says something of every key."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from exporter.config import load
from exporter.config.document import PAGE, describe, main, page
from exporter.config.example import EXAMPLE
from exporter.config.flow import flow
from exporter.config.model import ModelSection
from exporter.config.origin import source_classes
from exporter.config.settings import Settings
from exporter.config.shape import field_at, keys_at, sections
from exporter.config.tree import Reading


def test_the_page_is_current() -> None:
    """If this fails: `python -m exporter.config.document --write`."""
    assert page() == PAGE.read_text(encoding="utf-8")


def test_check_tells_a_stale_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "configuration.md"
    monkeypatch.setattr("exporter.config.document.PAGE", stale)
    assert main(["--check"]) == 1
    assert "--write" in capsys.readouterr().err
    assert main(["--write"]) == 0
    assert main(["--check"]) == 0
    assert main([]) == 2


def every_field(section: type[BaseModel], prefix: str = "") -> list[tuple[str, type[BaseModel], str]]:
    found = []
    for key in section.model_fields:
        path = f"{prefix}{key}"
        found.append((path, section, key))
        if key in ("models", "source"):
            continue
        for inner in sections(section.model_fields[key].annotation):
            found += every_field(inner, f"{path}.")
    return found


WHOLE = page()
FIELDS = [
    *every_field(Settings),
    *every_field(ModelSection),
    *(each for section in source_classes().values() for each in every_field(section)),
]


@pytest.mark.parametrize(("path", "section", "key"), FIELDS, ids=[path for path, _, _ in FIELDS])
def test_every_key_is_described_and_on_the_page(path: str, section: type[BaseModel], key: str) -> None:
    described = describe(key, section.model_fields[key])
    assert described.endswith((".", "`."))
    # The reference data's roles are those of the predictions.
    assert f"| `{path.replace('reference_data.columns.', 'predictions.columns.')}` |" in WHOLE


def test_the_example_loads(tmp_path: Path) -> None:
    file = tmp_path / "ml-exporter.yml"
    file.write_text(EXAMPLE, encoding="utf-8")
    plan = load(file, {})
    assert [model.name for model in plan.models] == ["flight_delay", "arrival_delay"]
    assert [model.owner for model in plan.models] == ["flights-team", "ml-platform"]


def test_the_example_uses_every_section_of_a_model() -> None:
    root = Reading("example", {}).read(EXAMPLE)
    assert root is not None
    used = {key for model in root.plain()["models"].values() for key in model}
    rarely = {"settle", "max_jump", "max_future", "dedupe", "max_counter_age", "classes", "pane"}
    assert set(ModelSection.model_fields) - used == rarely


@pytest.mark.parametrize(
    "value",
    ["a", "1", "1.10", "no", "true", "null", "", " a", "a b", "a: b", "a, b", "{a}", "[a]", "#a", "a #b", "*.jsonl", "-", "'", '"', "ü", "a:", "a:b", "${X}", "~", "a\nb", "1e5", "=", "?", "&x", "!x", "|", "%a", "@a", "`a`"],
)  # fmt: skip
def test_text_survives_being_written_on_one_line(value: str) -> None:
    """What `init` writes and examples show is read back as the same text."""
    reading = Reading("x", {"X": "filled in"})
    root = reading.read(f"a: {flow({value: [value]})}")
    assert root is not None
    assert {value: [value.replace("${X}", "filled in")]} == root.plain()["a"]


def test_shape_is_walked_through_mappings_lists_and_tags() -> None:
    assert keys_at(Settings, ("models", "any")) == tuple(ModelSection.model_fields)
    assert "max_values" in keys_at(ModelSection, ("slices", "origin"))
    assert "objective" in keys_at(ModelSection, ("slo", 3))
    assert field_at(ModelSection, ("labels", "wait")) is not None
    assert field_at(ModelSection, ("labels", "nothing")) is None
