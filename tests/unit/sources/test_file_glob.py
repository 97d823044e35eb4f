"""A glob names what Python's own names, and ends where links lead in circles."""

import glob
from pathlib import Path

import pytest

from exporter.sources.file_glob import matching


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "a.jsonl",
        "one/b.jsonl",
        "one/two/c.jsonl",
        ".hidden/d.jsonl",
        "one/.e.jsonl",
        "[x]/f.jsonl",
        "one/g.csv",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        "*.jsonl",
        "**/*.jsonl",
        "**",
        "one/**",
        "**/two/*",
        "**/one/**/*.jsonl",
        "*/**/*.jsonl",
        "no/**",
        "a.jsonl",
        "**/[[]x]/*",
    ],
)
def test_files_are_those_of_python(tree: Path, pattern: str) -> None:
    expected = {path for path in glob.glob(f"{tree}/{pattern}", recursive=True) if Path(path).is_file()}  # noqa: PTH207 -- the law
    assert {path for path in matching(f"{tree}/{pattern}") if Path(path).is_file()} == expected


def test_links_in_circles_are_gone_through_once(tree: Path) -> None:
    """A handful of them would make more paths than can ever be listed; the names without a link are kept."""
    for number in range(20):
        (tree / f"0{number}").symlink_to(".")
        (tree / "one" / f"up{number}").symlink_to(tree)
    (tree / "self").symlink_to("self")
    assert sorted(matching(f"{tree}/**/*.jsonl")) == sorted(
        f"{tree}/{name}" for name in ("a.jsonl", "one/b.jsonl", "one/two/c.jsonl", "[x]/f.jsonl")
    )


def test_a_linked_directory_is_gone_into(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "z.jsonl").touch()
    (tree / "link").symlink_to(elsewhere)
    assert f"{tree}/link/z.jsonl" in set(matching(f"{tree}/**/*.jsonl"))
