"""Holes in sources: filled from the values, or a problem with file and line."""

import pytest

from bundle.duration import Duration
from bundle.template import Names
from exporter.errors import ConfigError

NAMES = {"hold.a": Duration(1_800), "step": Duration(60), "limit": 14.4, "many": 6.0, "who": "team"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("for: <<hold.a>>", "for: 30m"),
        ("<<hold.a + 2*step>>", "32m"),
        ("<<hold.a - step>>", "29m"),
        ("<<seconds(hold.a - step)>> <<seconds(step)>>", "1740 60"),
        ("<<limit>> <<many>> <<who>>", "14.4 6 team"),
        ("a < b and {{ $labels.model }}", "a < b and {{ $labels.model }}"),
    ],
)
def test_holes(text: str, filled: str) -> None:
    assert filled == Names(NAMES).fill(text, "f.yml")


def test_all_problems_at_once_by_line() -> None:
    """A name that is missing, one that is no duration, and what nobody understands."""
    with pytest.raises(ConfigError) as error:
        Names(NAMES).fill("<<nobody>>\n<<step + who>>\n\n<<step ** 2>>", "f.yml")
    assert str(error.value).splitlines() == [
        "f.yml:1: <<nobody>>: the values have no nobody",
        "f.yml:2: <<step + who>>: who is no duration",
        "f.yml:4: <<step ** 2>>: names, whole factors, + and - are all that is understood",
    ]


def test_what_was_used_is_remembered() -> None:
    names = Names(NAMES)
    names.fill("<<hold.a - step>> <<limit>>", "f.yml")
    assert {"hold.a", "step", "limit"} == names.used
