from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.drift import DISTANCES, DRIFT
from exporter.metrics.drift.shown_bins import shown_bins
from exporter.metrics.evaluation import Facts, Thresholds
from exporter.metrics.spec import LABELS, FactMetric, NoData, WindowMetric
from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.counts import Counts
from exporter.profile.vocabulary import Vocabulary
from tests.unit.metrics.drift.simulated import evaluation, layout, reference, vector

SHAPE = layout()
BY_NAME = {metric.name: metric for metric in DRIFT}


def day(rng, n=2000, shift=0.0):
    return vector(
        SHAPE,
        rng.normal(shift, 1, n),
        rng.choice(["a", "b", "zz"], size=n, p=[0.6, 0.3, 0.1]),
        score=rng.beta(2, 3, n),
        actual=rng.multinomial(n, [0.7, 0.3]),
    )


@pytest.fixture(scope="module")
def of():
    rng = np.random.default_rng(0)
    return reference(SHAPE, [day(rng) for _ in range(30)])


@pytest.fixture(scope="module")
def shifted():
    return day(np.random.default_rng(1), shift=0.5)


def samples(metric, each):
    return dict(BY_NAME[metric].compute(each))


def facts(of):
    return Facts("m", "1", of.total, Vocabulary({}), reference=of)


def test_every_sample_has_the_labels_that_the_metric_names(of, shifted):
    each = evaluation(of, shifted, thresholds=Thresholds(methods=tuple(distance.name for distance in DISTANCES)))
    for metric in DRIFT:
        found = list(metric.compute(each if isinstance(metric, WindowMetric) else facts(of)))
        assert found, metric.name
        assert {len(metric.labels)} == {len(labels) for labels, _ in found}, metric.name
        assert len(found) == len({labels for labels, _ in found}), metric.name
        assert all(np.isfinite(value) for _, value in found), metric.name
        assert set(metric.labels) <= set(LABELS)


def test_names_are_unique_and_carry_the_namespace():
    names = [metric.name for metric in DRIFT]
    assert len(names) == len(set(names))
    assert all(name.startswith("ml_") for name in names)


def test_without_reference_all_is_absent(shifted):
    each = evaluation(None, shifted)
    for metric in DRIFT:
        with pytest.raises(NoData):
            list(metric.compute(each if isinstance(metric, WindowMetric) else Facts("m", "1", shifted, Vocabulary({}))))


def test_the_configured_methods_are_shown_and_order_is_not_made_up(of, shifted):
    each = evaluation(of, shifted, thresholds=Thresholds(methods=("jensen_shannon", "kolmogorov_smirnov")))
    expected = {("x", "jensen_shannon"), ("c", "jensen_shannon"), ("x", "kolmogorov_smirnov")}
    assert expected == set(samples("ml_feature_drift", each))


def test_ratio_is_detected_of_tested(of, shifted):
    each = evaluation(of, shifted)
    assert samples("ml_feature_drift_detected", each) == {("x",): 1.0, ("c",): 0.0}
    assert (samples("ml_drifted_features_ratio", each), samples("ml_tested_features", each)) == ({(): 0.5}, {(): 2.0})


def test_no_verdict_is_absent_and_not_0(shifted):
    few = reference(SHAPE, [day(np.random.default_rng(number)) for number in range(5)])
    each = evaluation(few, shifted)
    absent = ("detected", "pvalue", "noise_floor")
    assert [samples(f"ml_feature_drift_{name}", each) for name in absent] == [{}] * 3
    assert samples("ml_tested_features", each) == {(): 0.0}
    with pytest.raises(NoData):
        samples("ml_drifted_features_ratio", each)


def test_a_wasserstein_distance_is_in_standard_deviations(of, shifted):
    each = evaluation(of, shifted, thresholds=Thresholds(methods=("wasserstein",)))
    assert pytest.approx(samples("ml_feature_drift", each)["x", "wasserstein"], abs=0.06) == 0.5


def test_population_stability_index_of_promql_equals_the_gauge(of, shifted):
    """As the recorded rule has it, from window counts and the reference's ratios: the same number for every feature."""
    each = evaluation(of, shifted, thresholds=Thresholds(methods=("population_stability_index",)))
    counts = samples("ml_window_feature_observations", each)
    ratios = {labels[1:]: value for labels, value in BY_NAME["ml_feature_reference_ratio"].compute(facts(of))}
    gauges = samples("ml_feature_drift", each)
    for name in ("x", "c"):
        x = np.array([value for (feature, _), value in counts.items() if feature == name])
        r = np.array([value for (feature, _), value in ratios.items() if feature == name])
        p = (x + 0.5) / (x.sum() + len(x) / 2)
        assert gauges[name, "population_stability_index"] == pytest.approx(np.sum((p - r) * np.log(p / r)), rel=1e-12)


def test_shown_bins_hold_all_valid_values_and_ratios_add_up_to_1(of, shifted):
    counts = samples("ml_window_feature_observations", evaluation(of, shifted))
    assert [sum(value for (name, _), value in counts.items() if name == each) for each in ("x", "c")] == [2000.0] * 2
    ratios = list(BY_NAME["ml_feature_reference_ratio"].compute(facts(of)))
    for name in ("x", "c"):
        assert pytest.approx(sum(value for labels, value in ratios if labels[1] == name)) == 1.0
    assert {of.id} == {labels[0] for labels, _ in ratios}


def labels_of(bins, counts):
    shape = layout(features={"f": bins})
    total = Counts.zero(shape)
    total.feature("f")[2 : 2 + len(counts)] = counts
    return shown_bins(reference(shape, [total]), "features")[1][0]


def test_64_bins_are_shown_as_8_and_what_lies_above():
    bins = NumericBins(np.arange(65.0))
    shown = labels_of(bins, np.ones(66))
    assert shown.labels == ("8", "16", "24", "32", "40", "48", "56", "64", "+Inf")
    assert shown.counts(np.ones(66)).tolist() == [9, 8, 8, 8, 8, 8, 8, 8, 1]


def test_few_values_are_shown_one_by_one_with_what_lies_above():
    shown = labels_of(NumericBins(np.array([np.nextafter(0, -1), 0.0, 1.0])), np.array([0.0, 5, 5, 0]))
    assert shown.labels == ("0", "1", "+Inf")
    assert shown.counts(np.array([0.0, 1, 2, 3])).tolist() == [1.0, 2.0, 3.0]


def test_edges_that_look_alike_are_one_bin():
    shown = labels_of(NumericBins(np.array([0.0, 1.0, 1.0 + 1e-9, 2.0])), np.ones(5))
    assert shown.labels == ("1", "2", "+Inf")
    assert shown.counts(np.ones(5)).tolist() == [3.0, 1.0, 1.0]


def test_nine_categories_are_named_and_the_rest_is_other():
    names = (*(f"c{number}" for number in range(12)), "other")
    counts = np.r_[np.arange(13.0)[::-1], 3]
    shown = labels_of(CategoryBins(names), counts)
    assert (*(f"c{number}" for number in range(9)), "other") == shown.labels
    assert counts[9:].sum() == shown.counts(counts)[-1]


def test_scores_have_20_bins_at_most(of, shifted):
    counts = samples("ml_window_score_observations", evaluation(of, shifted))
    ratios = list(BY_NAME["ml_score_reference_ratio"].compute(facts(of)))
    assert len(counts) <= 20
    assert list(counts) == [labels[1:] for labels, _ in ratios]
    assert sum(counts.values()) == 2000.0
    assert list(counts)[-1] == ("+Inf",)


def test_kinds_of_metrics():
    """What is the same in all windows has none."""
    thresholds = {f"ml_{of}_drift_threshold" for of in ("feature", "prediction", "label")}
    assert thresholds | {"ml_feature_reference_ratio", "ml_score_reference_ratio"} == {
        metric.name for metric in DRIFT if isinstance(metric, FactMetric)
    }


def test_thresholds_are_those_of_the_configuration(of):
    known = replace(facts(of), thresholds=Thresholds(drift_effect=0.1, features={"x": 0.2}))
    assert dict(BY_NAME["ml_feature_drift_threshold"].compute(known)) == {("x",): 0.2, ("c",): 0.1}
    assert dict(BY_NAME["ml_prediction_drift_threshold"].compute(known)) == {(): 0.1}
    with pytest.raises(NoData):
        list(BY_NAME["ml_label_drift_threshold"].compute(replace(known, reference=None)))
