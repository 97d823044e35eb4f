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


NAMES = [f"f{number:02}" for number in range(60)]


def test_what_went_stays_away_while_calm_features_change_places():
    """Effects of features without drift are noise: at the budget's edge series would come and go in every cycle."""
    rng, last, seen = np.random.default_rng(1), None, set()
    for cycle in range(50):
        order = NAMES[:5] + [NAMES[5 + place] for place in np.argsort(np.arange(55) + rng.normal(0, 4, 55))]
        wanted = [family("f", 1, *NAMES), plain("a", 0, 40 + cycle % 3)]
        fitted = fit(wanted, 80, order, last)
        assert fitted.series <= 80
        last = fitted.cuts
        seen.add(last["f"])
    assert len(seen) == 1


def test_a_feature_that_became_important_comes_back():
    first = fit([family("f", 1, *NAMES)], 40, NAMES)
    assert NAMES[-1] not in [labels[2] for labels, _ in first.families[0].samples]
    again = fit([family("f", 1, *NAMES)], 40, [NAMES[-1], *NAMES[:-1]], first.cuts)
    assert NAMES[-1] in [labels[2] for labels, _ in again.families[0].samples]


def test_what_went_comes_back_where_there_is_room_for_all_or_for_much():
    first = fit([family("f", 1, *NAMES)], 40, NAMES)
    assert first.series == 38
    assert fit([family("f", 1, *NAMES[:39])], 40, NAMES, first.cuts).dropped == {"f": 1}
    assert fit([family("f", 1, *NAMES[:38])], 40, NAMES, first.cuts).dropped == {}
    fewer = [family("f", 1, *NAMES[:10], *NAMES[-35:])]
    assert fit(fewer, 40, NAMES, first.cuts).series == 38


def test_more_goes_where_the_last_cut_is_not_enough():
    first = fit([family("f", 1, *NAMES)], 40, NAMES)
    again = fit([family("f", 1, *NAMES), plain("a", 0, 10)], 40, NAMES, first.cuts)
    assert (again.series, again.dropped) == (38, {"f": 32})
