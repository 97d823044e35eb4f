"""Estimated metrics of regressions hold what is measured later, where inputs alone moved."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from exporter.metrics.estimated import ESTIMATED
from exporter.metrics.estimated import loss_model as of_model
from exporter.metrics.estimated.loss_model import estimate, learn, moved
from exporter.profile.adapt import adapt
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.loss.model import LossModel
from tests.oracle.pipeline import Fitted
from tests.oracle.references import evaluation_of, samples
from tests.unit.metrics.estimated import regressions


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    rng = np.random.default_rng(1)
    return regressions.fitted(regressions.rows(rng, regressions.calm(rng, 20_000)))


@pytest.fixture(scope="module")
def told(fitted: Fitted) -> dict[str, list[dict[str, regressions.Told]]]:
    """Twenty-five windows of a thousand rows for each way to move."""
    rng = np.random.default_rng(2)
    return {
        name: [regressions.told(fitted, regressions.rows(rng, shift(rng, 1000))) for _ in range(25)]
        for name, shift in regressions.SHIFTS.items()
    }


@pytest.mark.parametrize("metric", regressions.METRICS)
def test_intervals_hold_what_is_measured_later(told: dict[str, list[dict[str, regressions.Told]]], metric: str) -> None:
    """95 % of 100 windows, of which one reference's own chance may take some: at least 85 %."""
    assert np.mean([window[metric].held for windows in told.values() for window in windows]) >= 0.85


def test_estimates_follow_what_is_measured(told: dict[str, list[dict[str, regressions.Told]]]) -> None:
    """Where inputs move, the estimate goes with the measured value, and is nearer to it than the reference's is."""
    windows = [
        window["mean_absolute_error"] for name in ("inputs move", "inputs spread or narrow") for window in told[name]
    ]
    estimates, measured = (np.array([getattr(each, key) for each in windows]) for key in ("estimate", "measured"))
    usual = np.mean([window["mean_absolute_error"].measured for window in told["nothing moves"]])
    assert np.corrcoef(estimates, measured)[0, 1] > 0.9
    assert ((estimates - measured) ** 2).mean() < 0.2 * ((usual - measured) ** 2).mean()


def test_the_reference_is_estimated_as_it_was_measured(fitted: Fitted) -> None:
    found = samples(ESTIMATED, evaluation_of(fitted.reference.total, fitted.reference))["ml_performance_estimated"]
    terms = fitted.reference.total["error_terms"]
    assert found["mean_absolute_error",] == pytest.approx(terms[1] / terms[0], rel=1e-9)
    assert found["root_mean_squared_error",] == pytest.approx(np.sqrt(terms[2] / terms[0]), rel=1e-9)
    assert found["mean_error",] == pytest.approx(terms[3] / terms[0], abs=1e-9)


def test_the_interval_widens_with_the_shift(fitted: Fitted) -> None:
    """As many rows, once as in the reference and once two standard deviations away."""
    rng, taught = np.random.default_rng(3), learn(fitted.reference)
    assert taught is not None
    near = fitted.count(regressions.rows(rng, regressions.calm(rng, 5000)))
    far = fitted.count(regressions.rows(rng, regressions.calm(rng, 5000) + np.array([2.0, 0, 0, 0, 0])))
    assert moved(taught, near) < 0.1
    assert moved(taught, far) > 1.0
    name = "mean_absolute_error"
    assert estimate(taught, far)[name].noise > 3 * estimate(taught, near)[name].noise


def test_the_interval_widens_where_features_go_hand_in_hand(fitted: Fitted) -> None:
    """Each of them lies where it lay, so D sees next to nothing; pairs that do what they never did tell."""
    rng, taught = np.random.default_rng(12), learn(fitted.reference)
    assert taught is not None
    usual, together = regressions.calm(rng, 10_000), regressions.calm(rng, 10_000)
    together[:, 1] = 0.7 * together[:, 0] + np.sqrt(0.51) * together[:, 1]
    told = [estimate(taught, fitted.count(regressions.rows(rng, each))) for each in (usual, together)]
    assert moved(taught, fitted.count(regressions.rows(rng, together))) < 0.2
    for name in ("mean_absolute_error", "root_mean_squared_error"):
        assert told[1][name].noise > 3 * told[0][name].noise


def test_what_moves_by_itself_is_no_change_of_what_goes_together(fitted: Fitted) -> None:
    rng, taught = np.random.default_rng(13), learn(fitted.reference)
    assert taught is not None
    assert taught.together is not None

    def beyond(inputs: np.ndarray) -> float:
        counts = fitted.count(regressions.rows(rng, inputs))
        known = taught.together
        assert known is not None
        return float(of_model.beyond_singles(known, taught.model, counts)[0])

    usual, common = regressions.calm(rng, 20_000), rng.normal(size=(20_000, 1))
    assert beyond(usual + np.array([0.5, -0.5, 0.3, 0.0, 0.2])) < 0.05 * beyond(0.7 * usual + np.sqrt(0.51) * common)


def test_models_of_before_know_nothing_of_what_went_together(fitted: Fitted) -> None:
    """Their files are read, and their intervals are what they were."""
    model = fitted.reference.losses
    assert model is not None
    data = model.to_json()
    again = LossModel.from_json(json.loads(json.dumps(data)))
    assert [each.tolist() for each in again.pair_rows] == [each.tolist() for each in model.pair_rows]
    assert again.pair_doubt == pytest.approx(model.pair_doubt, rel=1e-5)
    assert model.pair_doubt.max() > 0
    del data["pair_doubt"], data["pair_rows"]
    old = replace(fitted.reference, losses=LossModel.from_json(data))
    rng, taught = np.random.default_rng(14), learn(old)
    assert taught is not None
    assert taught.together is None
    found = estimate(taught, fitted.count(regressions.rows(rng, regressions.hand_in_hand(rng, 2000))))
    assert set(found) == set(regressions.METRICS)


def test_windows_whose_pairs_were_not_counted_are_absent(fitted: Fitted) -> None:
    """As those of a layout that came before: nothing is said rather than something wrong."""
    rng, layout = np.random.default_rng(4), fitted.reference.layout
    counts = fitted.count(regressions.rows(rng, regressions.calm(rng, 2000)))
    before = Counts.zero(replace(layout, pairs=None))
    before.add(adapt(counts, before.layout))
    again = adapt(before, layout)
    assert again.rows == counts.rows
    taught = learn(fitted.reference)
    assert taught is not None
    assert set(estimate(taught, counts)) == set(regressions.METRICS)
    assert estimate(taught, again) == {}


def test_references_without_a_model_say_nothing(fitted: Fitted) -> None:
    assert learn(replace(fitted.reference, losses=None)) is None
    rng = np.random.default_rng(5)
    counts = fitted.count(regressions.rows(rng, regressions.calm(rng, 2000)))
    assert samples(ESTIMATED, evaluation_of(counts, replace(fitted.reference, losses=None))) == {}


def test_a_feature_left_out_of_the_configuration_says_the_mean(fitted: Fitted) -> None:
    """Its terms are gone, the others stay as they are; pairs it was in are taken as if it were missing."""
    rng = np.random.default_rng(6)
    layout: Layout = fitted.reference.layout
    some = {name: bins for name, bins in layout.features.items() if name != "a"}
    without = replace(fitted, reference=replace(fitted.reference, layout=replace(layout, features=some)))
    table = regressions.rows(rng, regressions.calm(rng, 4000))
    taught = learn(fitted.reference)
    assert taught is not None
    means = [of_model.expected(taught.model, of_model.of_counts(each.count(table)))[0] for each in (fitted, without)]
    assert means[1] == pytest.approx(means[0], rel=0.03, abs=0.1)


def test_predictions_out_of_the_reference_s_range_are_outside(fitted: Fitted) -> None:
    rng = np.random.default_rng(7)
    table = regressions.rows(rng, regressions.calm(rng, 2000))
    away = table.set_column(table.schema.get_field_index("prediction"), "prediction", pa.array(np.full(2000, 1e4)))
    outside = [
        samples(ESTIMATED, evaluation_of(fitted.count(each), fitted.reference))[
            "ml_performance_estimated_outside_ratio"
        ]
        for each in (table, away)
    ]
    assert outside[0][()] < 0.05
    assert outside[1][()] > 0.9


def classified(rng: np.random.Generator, n: int, shift: float = 0.0, *, scored: bool = True) -> pa.Table:
    """A classifier's log: outcomes follow two features, and the score knows only one of them."""
    a, b = rng.normal(shift, 1.0, n), rng.normal(shift, 1.0, n)
    truth = rng.random(n) < 1 / (1 + np.exp(-(2 * a + b)))
    score = 1 / (1 + np.exp(-1.8 * a))
    columns = {"a": a, "b": b, "prediction": (score >= 0.5).astype(float), "truth": truth.astype(float)}
    return pa.table({**columns, "score": score} if scored else columns)


@pytest.mark.parametrize("scored", [True, False])
def test_classifiers_get_an_opinion_of_the_loss_model(scored: bool) -> None:
    """A second one beside that of the scores; the only one where there are none."""
    rng = np.random.default_rng(8)
    columns = {"score": "score"} if scored else {}
    known = Fitted.of(
        classified(rng, 20_000, scored=scored), "binary", ("a", "b"), prediction="prediction", label="truth", **columns
    )
    window = classified(rng, 10_000, 1.0, scored=scored)
    accuracy = np.mean(window["prediction"].to_numpy() == window["truth"].to_numpy())
    usual = known.reference.total["outcomes"]
    found = samples(ESTIMATED, evaluation_of(known.count(window), known.reference))
    told = found["ml_performance_estimated_second_opinion" if scored else "ml_performance_estimated"]
    assert accuracy - (usual[0, 0] + usual[1, 1]) / usual.sum() > 0.03
    assert told["accuracy",] == pytest.approx(accuracy, abs=0.015)
    assert ("ml_performance_estimated_second_opinion" in found) == scored
