"""What goes first when a model has more series than its budget."""

import numpy as np
import pytest

from exporter.exposition.budget import CUT_BY, drop_order, fit
from exporter.exposition.family import Family
from exporter.metrics.spec import LABELS, HistogramValue


def family(name, rank, *features, windows=("1h",)):
    samples = [(("m", window, feature), 1.0) for window in windows for feature in features]
    return Family(name, "gauge", "", ("model", "window", "feature"), samples, rank)


def plain(name, rank, size):
    return Family(name, "gauge", "", ("model", "bin"), [(("m", str(index)), 1.0) for index in range(size)], rank)


def sizes(fitted):
    return {family.name: family.series() for family in fitted.families}


def test_within_the_budget_everything_stays():
    families = [plain("a", 1, 3), plain("b", 2, 2)]
    fitted = fit(families, 5)
    assert (fitted.families, fitted.series, fitted.dropped) == (families, 5, {})


def test_the_highest_rank_goes_first_and_whole():
    fitted = fit([plain("a", 1, 3), plain("b", 9, 3), plain("c", 5, 3)], 7)
    assert (sizes(fitted), fitted.series, fitted.dropped) == ({"a": 3, "c": 3}, 6, {"b": 3})


def test_among_equals_the_last_name_goes_first():
    assert [one.name for one in drop_order([plain("a", 1, 1), plain("c", 1, 1), plain("b", 2, 1)])] == ["b", "c", "a"]


def test_a_family_by_feature_loses_its_least_important_only():
    fitted = fit([family("f", 1, "x", "y", "z")], 2)
    assert [labels[2] for labels, _ in fitted.families[0].samples] == ["x", "y"]
    fitted = fit([family("f", 1, "x", "y", "z")], 2, importance=["z", "x"])
    assert [labels[2] for labels, _ in fitted.families[0].samples] == ["x", "z"]


def test_a_feature_goes_in_all_windows_at_once():
    fitted = fit([family("f", 1, "x", "y", windows=("1h", "7d"))], 3)
    assert ([labels[1:] for labels, _ in fitted.families[0].samples], fitted.dropped) == (
        [("1h", "x"), ("7d", "x")],
        {"f": 2},
    )


def test_a_slice_is_one_value_of_one_dimension():
    samples = [(("m", d, v), 1.0) for d, v in (("origin", "A"), ("carrier", "A"), ("carrier", "B"))]
    slices = Family("s", "gauge", "", ("model", "dimension", "value"), samples, 1)
    assert [labels[1:] for labels, _ in fit([slices], 2).families[0].samples] == [("origin", "A"), ("carrier", "A")]


def test_families_of_one_name_are_one():
    fitted = fit([family("f", 1, "x", "y"), family("f", 1, "x", "y", windows=("7d",))], 2)
    assert sizes(fitted) == {"f": 2}


def test_a_histogram_goes_whole():
    value = HistogramValue((1.0, 2.0), np.ones(3), 1.0)
    fitted = fit([Family("h", "histogram", "", ("model",), [(("m",), value)], 2), plain("a", 1, 2)], 6)
    assert (sizes(fitted), fitted.dropped) == ({"a": 2}, {"h": 5})


@pytest.mark.parametrize("budget", range(12))
def test_never_more_than_the_budget_and_every_series_accounted_for(budget):
    families = [family("f", 3, "x", "y"), plain("a", 1, 4), family("g", 2, "x", "y", "z"), plain("b", 2, 3)]
    fitted = fit(families, budget)
    assert fitted.series <= budget
    assert fitted.series + sum(fitted.dropped.values()) == 12
    assert sum(sizes(fitted).values()) == fitted.series


def test_families_are_cut_by_labels_that_exist():
    assert {label for group in CUT_BY for label in group} <= set(LABELS)
