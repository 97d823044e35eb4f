import gc
from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.drift import memo
from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Thresholds
from exporter.metrics.spec import NoData
from exporter.profile.counts import Counts
from tests.unit.metrics.drift.simulated import DAY, evaluation, layout, reference, vector

SHAPE = layout()
NAMES = ("a", "b", "rare")


def day(rng, n=1000, shift=0.0, offset=0.0, share=0.05):
    scores = np.clip(rng.beta(2, 3, n) + shift / 10, 0, 1)
    return vector(
        SHAPE,
        rng.normal(shift + offset, 1, n),
        rng.choice(NAMES, size=n, p=[0.6, 0.4 - share, share]),
        score=scores,
        actual=rng.multinomial(n, [0.7 - shift / 10, 0.3 + shift / 10]),
    )


def known(seed=0, days=30, spread=0.0, **options):
    rng = np.random.default_rng(seed)
    return reference(SHAPE, [day(rng, offset=spread * rng.normal()) for _ in range(days)], **options)


def judged(counts, of, kind="features", **options):
    return verdicts(evaluation(of, counts, **options), kind)


def test_calm_days_are_calm():
    rng = np.random.default_rng(1)
    of = known()
    found = [judged(day(rng), of) for _ in range(40)]
    assert np.sum([each.detected for each in found], axis=0).tolist() == [0.0, 0.0]
    assert np.median([each.effect for each in found]) < 0.03


def test_a_shift_is_detected_in_the_feature_that_shifted():
    found = judged(day(np.random.default_rng(1), n=5000, shift=0.3), known())
    assert found.detected.tolist() == [1.0, 0.0]
    assert found.effect[0] > found.threshold[0]
    assert found.pvalue[0] < 1e-3


def test_effect_is_the_distance_less_what_calm_windows_have():
    """A shift of 0.3 σ: JS² is about 0.3²/(8 ln 2), whatever the noise at this n."""
    rng = np.random.default_rng(2)
    of = known()
    effect = np.mean([judged(day(rng, n=500, shift=0.3), of).effect[0] ** 2 for _ in range(40)])
    assert 0.09 / (8 * np.log(2)) == pytest.approx(effect, rel=0.2)


def test_days_that_differ_are_calm_and_the_floor_knows():
    rng = np.random.default_rng(3)
    of = known(spread=0.3)
    found = [judged(day(rng, offset=0.3 * rng.normal()), of) for _ in range(40)]
    assert sum(each.detected[0] for each in found) == 0.0
    assert found[0].noise_floor[0] > 2 * judged(day(rng), known()).noise_floor[0]


def test_a_trifle_is_not_detected_however_many_rows():
    rng = np.random.default_rng(4)
    found = judged(day(rng, n=300_000, shift=0.03), known(days=60, timed=False))
    assert found.pvalue[0] < 0.01
    assert found.detected[0] == 0.0


def test_the_threshold_is_the_features_own_where_it_has_one():
    rng = np.random.default_rng(5)
    strict = Thresholds(features={"x": 0.5})
    found = judged(day(rng, n=5000, shift=0.3), known(), thresholds=strict)
    assert (found.threshold.tolist(), found.detected.tolist()) == ([0.5, 0.04], [0.0, 0.0])


def test_with_too_few_reference_windows_there_is_no_verdict_but_an_effect():
    found = judged(day(np.random.default_rng(6), n=5000, shift=0.3), known(days=19))
    assert np.isnan([found.pvalue, found.detected, found.noise_floor]).all()
    assert found.effect[0] > 0.04


def test_days_so_alike_in_a_row_that_few_are_known_have_no_verdict():
    """One spell of calm and one of storm in thirty days are two windows, not thirty."""
    rng = np.random.default_rng(17)
    of = reference(SHAPE, [day(rng, offset=-0.5 if number < 15 else 0.5) for number in range(30)])
    assert np.isnan(judged(day(rng), of).detected).tolist() == [True, False]


def test_windows_longer_than_the_reference_have_no_verdict():
    found = judged(day(np.random.default_rng(6)), known(), seconds=90 * DAY)
    assert np.isnan(found.detected).all()


def test_without_time_rows_are_taken_to_be_independent():
    found = judged(day(np.random.default_rng(6), n=5000, shift=0.3), known(timed=False))
    assert found.detected.tolist() == [1.0, 0.0]


def test_a_feature_without_enough_values_has_no_verdict_and_the_others_have():
    rng = np.random.default_rng(7)
    counts = day(rng)
    counts.feature("x")[2:] = 0
    counts.feature("x")[0] = 1000
    found = judged(counts, known())
    assert np.isnan(found.effect).tolist() == [True, False]
    assert np.isnan(found.detected).tolist() == [True, False]


def test_values_beyond_all_the_reference_saw_are_detected_among_days_that_differ_much():
    """A day in its own corner is usual here; a day of values never seen is not."""
    rng = np.random.default_rng(8)
    narrow = lambda center: vector(SHAPE, rng.normal(center, 0.2, 900), ["a"] * 900)  # noqa: E731
    of = reference(SHAPE, [narrow(rng.normal()) for _ in range(60)])
    assert judged(narrow(0.8), of).detected[0] == 0.0
    assert judged(narrow(6.0), of).detected[0] == 1.0


def test_a_constant_that_changes_is_detected():
    rng = np.random.default_rng(9)
    of = reference(SHAPE, [vector(SHAPE, np.zeros(1000), ["a"] * 1000) for _ in range(30)])
    found = judged(vector(SHAPE, np.zeros(1000), ["b"] * 100 + ["a"] * 900), of)
    assert found.detected.tolist() == [0.0, 1.0]
    assert judged(day(rng, n=0) + vector(SHAPE, np.zeros(500), ["a"] * 500), of).effect[1] == 0.0


@pytest.mark.parametrize("kind", ["prediction", "labels"])
def test_predictions_and_labels_are_judged_alike(kind):
    rng = np.random.default_rng(10)
    of = known()
    assert judged(day(rng), of, kind).detected.tolist() == [0.0]
    assert judged(day(rng, n=5000, shift=1.0), of, kind).detected.tolist() == [1.0]


def test_regression_predictions_and_actual_values_are_judged():
    shape = layout("regression")
    rng = np.random.default_rng(11)

    def one(shift):
        counts = vector(shape, rng.normal(size=2000), ["a"] * 2000)
        cells = np.bincount(shape.prediction_bins.codes(rng.normal(shift, 1, 2000)) - 2, minlength=66)
        counts["prediction"][:] = counts["actual"][:] = cells
        counts["labels"][0] = 2000
        return counts

    of = reference(shape, [one(0.0) for _ in range(30)])
    answers = [judged(one(shift), of, kind).detected[0] for kind in ("prediction", "labels") for shift in (0.0, 0.4)]
    assert answers == [0.0, 1.0, 0.0, 1.0]


def test_a_feature_with_a_daily_cycle_is_tested_in_whole_days_only():
    """Hours of a day differ: an hour is not tested, a day is."""
    rng = np.random.default_rng(12)
    hours = [day(rng, n=200, offset=np.sin(hour * np.pi / 12)) for hour in range(24 * 30)]
    of = reference(SHAPE, hours, block_seconds=3600)
    short = judged(hours[5], of, seconds=3600)
    long = judged(sum(hours[1:24], hours[0]), of)
    assert (
        np.isnan(short.detected).tolist(),
        np.isnan(long.detected).tolist(),
    ) == ([True, False], [False, False])


def test_a_week_with_its_own_sundays_is_not_tested_day_by_day():
    rng = np.random.default_rng(13)
    days = [day(rng, offset=1.0 * (number % 7 == 3)) for number in range(84)]
    of = reference(SHAPE, days)
    assert np.isnan(judged(days[0], of).detected).tolist() == [True, False]


@pytest.mark.parametrize("kind", ["features", "prediction", "labels"])
def test_no_data(kind):
    few = day(np.random.default_rng(14), n=49)
    for each in (evaluation(known(), few), evaluation(None, few)):
        with pytest.raises(NoData):
            verdicts(each, kind)


def test_counts_of_other_bins_are_not_compared():
    other = layout(features={"x": SHAPE.features["x"]})
    with pytest.raises(NoData):
        verdicts(evaluation(known(), vector(other, np.zeros(1000), [])), "features")


def test_the_answer_is_the_same_each_time_and_for_an_equal_reference():
    counts = day(np.random.default_rng(15), n=3000, shift=0.1)
    of = known()
    first = judged(counts, of)
    for again in (judged(counts, of), judged(counts, replace(of))):
        assert [first.pvalue.tolist(), first.effect.tolist()] == [again.pvalue.tolist(), again.effect.tolist()]


def test_what_was_prepared_goes_with_its_reference():
    of = known()
    judged(day(np.random.default_rng(16)), of)
    key = id(of)
    assert key in memo._kept
    del of
    gc.collect()
    assert key not in memo._kept


def test_an_empty_sum_of_panes_raises_no_warning():
    with pytest.raises(NoData):
        verdicts(evaluation(known(), Counts.zero(SHAPE)), "features")


@pytest.mark.parametrize(("n", "spread"), [(500, 0.0), (1000, 0.0), (1000, 0.1)])
def test_a_drift_by_the_minimum_detectable_effect_is_found_in_about_four_windows_of_five(n, spread):
    """A normal feature moved by δ σ has the effect √(δ² / (8 ln 2)). Half of it is not found in half of the windows."""
    rng = np.random.default_rng(20)
    of = known(days=60, spread=spread)
    shift = judged(day(rng, n=n), of).detectable[0] * np.sqrt(8 * np.log(2))

    def found(moved):
        days = (day(rng, n=n, shift=moved, offset=spread * rng.normal()) for _ in range(100))
        return np.mean([judged(each, of).detected[0] for each in days])

    assert 0.65 <= found(shift) <= 0.95
    assert found(shift / 2) < 0.5


def test_more_rows_show_smaller_drifts_but_none_under_the_threshold():
    rng = np.random.default_rng(21)
    of = known(days=60)
    found = [judged(day(rng, n=n), of) for n in (100, 300, 1000)]
    effects = [each.detectable[0] for each in found]
    assert effects == sorted(effects, reverse=True)
    high = judged(day(rng), of, thresholds=Thresholds(drift_effect=0.5))
    assert high.detectable[0] > 0.5
