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


def test_lines_for_each_of_a_list() -> None:
    """Whole and by word, inside other holes, as often as there are items; what is around stands once."""
    text = "a\n  # each x: limit hold.a, many step\n  - <<x>>: <<<<x.0>>>> <<<<x.1>> + step>>\n  # end\nb\n"
    assert Names(NAMES).fill(text, "f.yml") == "a\n  - limit hold.a: 14.4 31m\n  - many step: 6 2m\nb\n"


def test_problems_of_repeated_lines_by_the_line_of_the_source() -> None:
    with pytest.raises(ConfigError) as error:
        Names(NAMES).fill("# each x: limit, nobody, who\n\n<<<<x>>>>\n# end\n<<none>>\n", "f.yml")
    assert str(error.value).splitlines() == [
        "f.yml:3: <<nobody>>: the values have no nobody",
        "f.yml:5: <<none>>: the values have no none",
    ]


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
