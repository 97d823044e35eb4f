"""Every file of tests/config: the good ones load, the bad ones say exactly what stands in the text beside them."""

from pathlib import Path

import pytest

from exporter.config import load
from exporter.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "config"
BAD = sorted(FOLDER.glob("bad-*.yml"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("good-*.yml")), ids=lambda path: path.stem)
def test_good_files_load(path: Path) -> None:
    assert load(path, {}).models


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_files_say_where_what_and_the_fix(path: Path) -> None:
    """All problems of a file are told at once, in the order of its lines."""
    with pytest.raises(ConfigError) as raised:
        load(path, {})
    told = [str(problem).replace(f"{path.parent}/", "") for problem in raised.value.problems]
    assert path.with_suffix(".txt").read_text(encoding="utf-8").splitlines() == told


def test_every_bad_file_has_its_messages() -> None:
    assert [path.stem for path in BAD] == [path.stem for path in sorted(FOLDER.glob("bad-*.txt"))]
