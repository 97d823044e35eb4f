"""Families → bytes: valid, exact, each series once."""

import math
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from exporter.exposition.family import Family
from exporter.exposition.render import OPENMETRICS_END, Renderer, numbers
from exporter.metrics.spec import HistogramValue


def gauge(samples, name="ml_level", labels=("a",), **more):
    return Family(name, "gauge", "A gauge.", labels, samples, **more)


def text(*families, renderer=None):
    return (renderer or Renderer(strict=True)).render(families).text.decode()


def parsed_text(rendered):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(rendered.text.decode())
        for sample in family.samples
    }


def parsed_openmetrics(rendered):
    body = (rendered.openmetrics + OPENMETRICS_END).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in openmetrics_parser.text_string_to_metric_families(body)
        for sample in family.samples
    }


def test_a_gauge_as_prometheus_writes_it():
    assert text(gauge([(("x",), 1.5), (("y",), 3.0)])) == (
        '# HELP ml_level A gauge.\n# TYPE ml_level gauge\nml_level{a="x"} 1.5\nml_level{a="y"} 3\n'
    )


def test_without_labels_there_are_no_braces():
    assert text(gauge([((), 1.0)], labels=())).endswith("\nml_level 1\n")


def test_openmetrics_names_a_counters_family_without_total():
    rendered = Renderer(strict=True).render([Family("ml_rows_total", "counter", 'Say "c".', (), [((), 2.0)])])
    assert rendered.text == b'# HELP ml_rows_total Say "c".\n# TYPE ml_rows_total counter\nml_rows_total 2\n'
    assert rendered.openmetrics == b'# HELP ml_rows Say \\"c\\".\n# TYPE ml_rows counter\nml_rows_total 2\n'


def test_a_histogram_is_cumulative_and_ends_in_inf():
    value = HistogramValue((0.1, 1.0), np.array([1.0, 2.0, 4.0]), 9.25)
    assert text(Family("ml_hits", "histogram", "H.", ("a",), [(("x",), value)])).splitlines()[2:] == [
        'ml_hits_bucket{a="x",le="0.1"} 1',
        'ml_hits_bucket{a="x",le="1.0"} 3',
        'ml_hits_bucket{a="x",le="+Inf"} 7',
        'ml_hits_sum{a="x"} 9.25',
        'ml_hits_count{a="x"} 7',
    ]


def test_a_histogram_with_negative_bounds_has_neither_sum_nor_count():
    value = HistogramValue((-1.0, 1.0), np.array([1.0, 2.0, 4.0]), -3.0)
    rendered = Renderer(strict=True).render([Family("ml_hits", "histogram", "H.", (), [((), value)])])
    assert parsed_openmetrics(rendered) == {
        ("ml_hits_bucket", (("le", "-1.0"),)): 1.0,
        ("ml_hits_bucket", (("le", "1.0"),)): 3.0,
        ("ml_hits_bucket", (("le", "+Inf"),)): 7.0,
    }


def test_families_of_one_name_are_one_and_sorted():
    families = [gauge([(("x",), 1.0)], "ml_b"), gauge([(("x",), 2.0)], "ml_a"), gauge([(("y",), 3.0)], "ml_b")]
    assert [line for line in text(*families).splitlines() if "HELP" not in line] == [
        "# TYPE ml_a gauge",
        'ml_a{a="x"} 2',
        "# TYPE ml_b gauge",
        'ml_b{a="x"} 1',
        'ml_b{a="y"} 3',
    ]


def test_nan_is_absent_and_a_family_without_samples_too():
    assert text(gauge([(("x",), math.nan), (("y",), 1.0)])).splitlines()[2:] == ['ml_level{a="y"} 1']
    assert text(gauge([(("x",), math.nan)])) == ""
    assert text(gauge([])) == ""


def test_numbers_of_every_shape():
    values = [3.0, -0.0, 0.1, 1e22, 1e16, 1.5e-9, math.inf, -math.inf, 1763700000.0, 100.0, 10.05, 5e-324]
    assert numbers(np.array(values)) == [
        *(b"3", b"0", b"0.1", b"1e+22", b"1e+16", b"1.5e-9", b"+Inf", b"-Inf", b"1763700000", b"100", b"10.05"),
        b"5e-324",
    ]


@given(st.lists(st.floats(allow_nan=False), max_size=20))
def test_every_number_reads_back_the_same(values):
    assert [float(number) for number in numbers(np.array(values))] == values


def test_one_cycle_after_the_other_is_rendered_alike():
    renderer = Renderer(strict=True)
    family = gauge([(("x",), 1.0)])
    assert text(family, renderer=renderer) == text(family, renderer=renderer)
    assert text(gauge([(("x",), 2.0)]), renderer=renderer).endswith('ml_level{a="x"} 2\n')


def test_changed_labels_of_a_family_are_seen():
    renderer = Renderer(strict=True)
    text(gauge([(("x",), 1.0)], labels=("a",)), renderer=renderer)
    assert text(gauge([(("x",), 1.0)], labels=("b",)), renderer=renderer).endswith('ml_level{b="x"} 1\n')


def test_what_is_remembered_is_bounded():
    renderer = Renderer(strict=True)
    for cycle in range(50):
        value = HistogramValue((float(cycle),), np.array([1.0, 2.0]), 3.0)
        renderer.render(
            [
                gauge([((f"{cycle}-{series}",), 1.0) for series in range(100)]),
                Family(
                    "ml_hits", "histogram", "H.", ("a",), [((f"{cycle}-{series}",), value) for series in range(100)]
                ),
            ]
        )
    assert len(renderer._prefixes["ml_level"]) <= 264
    assert len(renderer._prefixes["ml_hits"].blocks) <= 264
    assert len(renderer._prefixes["ml_hits"]) <= 264
    renderer.render([])
    assert renderer._prefixes == {}


def test_a_series_twice_fails_tests_and_is_dropped_in_production():
    family = gauge([(("x",), 1.0), (("x",), 2.0), (("y",), 3.0)])
    with pytest.raises(ValueError, match="ml_level has series twice"):
        text(family)
    rendered = Renderer().render([family])
    assert rendered.text.decode().splitlines()[2:] == ['ml_level{a="x"} 1', 'ml_level{a="y"} 3']
    assert rendered.duplicates == {"ml_level": [("x",)]}


def test_a_histogram_twice_is_dropped_whole():
    value = HistogramValue((1.0,), np.array([1.0, 1.0]), 1.0)
    rendered = Renderer().render([Family("ml_hits", "histogram", "H.", (), [((), value), ((), value)])])
    assert rendered.text.count(b"ml_hits_count") == 1
    assert rendered.duplicates == {"ml_hits": [()]}


@dataclass
class Broken:
    family: Family
    message: str


BROKEN = [
    Broken(gauge([(("x", "y"), 1.0)], "ml_bad"), "has the labels"),
    Broken(Family("ml_bad", "counter", "C.", (), [((), 1.0)]), "must end in _total"),
    Broken(
        Family("ml_bad", "histogram", "H.", (), [((), HistogramValue((1.0,), np.array([1.0]), 1.0))]), "1 bounds has 1"
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.message)
def test_a_broken_family_takes_no_other_with_it(broken):
    with pytest.raises(ValueError, match=broken.message):
        text(broken.family)
    rendered = Renderer().render([gauge([(("x",), 1.0)]), broken.family])
    assert rendered.text.endswith(b'ml_level{a="x"} 1\n')
    assert list(rendered.failures) == ["ml_bad"]


def test_a_family_that_contradicts_another_is_left_out():
    families = [gauge([(("x",), 1.0)]), Family("ml_level", "counter", "C.", ("a",), [(("y",), 1.0)])]
    with pytest.raises(ValueError, match="declared twice"):
        text(*families)
    rendered = Renderer().render(families)
    assert b'"y"' not in rendered.text
    assert list(rendered.failures) == ["ml_level"]


AWKWARD = ['"', "\\", "\n", '\\"', "\\n", "", " ", "a,b", "}", "é", "日本", "😀", "1e5", "x" * 256]


def everything():
    histogram = HistogramValue((0.1, 1.0), np.array([1.0, 2.0, 4.0]), 9.25)
    return [
        gauge([((value,), float(index)) for index, value in enumerate(AWKWARD)]),
        gauge([((), math.inf)], "ml_limit", ()),
        Family("ml_rows_total", "counter", 'Back\\slash "quote"\nline.', ("a",), [(("x",), 1e-7)]),
        Family("ml_hits", "histogram", "H.", ("a",), [(("x",), histogram), (('y"',), histogram)]),
    ]


def test_both_formats_read_back_as_they_went_in():
    rendered = Renderer(strict=True).render(everything())
    expected = {("ml_level", (("a", value),)): float(index) for index, value in enumerate(AWKWARD)}
    read = parsed_text(rendered)
    assert {key: read[key] for key in expected} == expected
    assert read["ml_limit", ()] == math.inf
    assert read["ml_hits_bucket", (("a", 'y"'), ("le", "+Inf"))] == 7.0
    assert parsed_openmetrics(rendered) == read


@given(st.lists(st.text(), unique=True, max_size=10))
def test_any_label_value_makes_valid_lines_and_stays_apart_from_others(values):
    rendered = Renderer(strict=True).render([gauge([((value,), 1.0) for value in values])])
    assert len(parsed_text(rendered)) == len(values)
    assert parsed_openmetrics(rendered) == parsed_text(rendered)


def test_promtool_finds_nothing():
    text = Renderer().render(everything()).text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
