import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import mean_absolute_error, roc_auc_score
from threadpoolctl import threadpool_limits

from demo import data, logs
from demo.incidents import rename_carriers
from demo.model import Encoder, Model, fit_encoder
from demo.train import Version, day_numbers, fingerprint, held_out, measure, serve, train


@pytest.fixture(scope="module")
def trained(january: pa.Table) -> Model:
    with threadpool_limits(1):
        return train(Version("flight_delay", "v1", "2013-01-02"), january, day_numbers(january))


def test_features_are_encoded_in_a_fixed_order(january: pa.Table) -> None:
    matrix = fit_encoder(january).encode(january)
    assert matrix.shape == (len(january), len(data.FEATURES))
    np.testing.assert_array_equal(data.floats(january["dep_delay"]), matrix[:, 0])
    carriers = sorted(set(january["carrier"].to_pylist()))
    codes = matrix[:, len(data.NUMERIC_FEATURES)].astype(int)
    assert [carriers[code] for code in codes] == january["carrier"].to_pylist()


def test_a_category_that_was_never_seen_is_missing(january: pa.Table) -> None:
    encoder = fit_encoder(january)
    renamed = rename_carriers(january, np.ones(len(january), dtype=bool))
    codes = encoder.encode(renamed)[:, len(data.NUMERIC_FEATURES)]
    expected = np.isin(np.array(january["carrier"].to_pylist()), ["UA", "AA"])
    np.testing.assert_array_equal(expected, np.isnan(codes))


def test_nothing_asked_nothing_answered() -> None:
    nothing = Model("flight_delay", "v1", Encoder({}), None)
    assert nothing.answer(pa.table({})).shape == (0,)


def test_whole_days_of_utc_are_held_out_every_third(january: pa.Table) -> None:
    number = day_numbers(january)
    days = data.seconds(january["time"]) // 86400
    assert set(days[held_out(number)]) == {days.min() + 2}


def test_a_trained_classifier_answers_with_probabilities_that_tell_late_from_punctual(
    trained: Model, january: pa.Table
) -> None:
    answer = trained.answer(january)
    minutes = data.floats(january["minutes"])
    known = ~np.isnan(minutes)
    assert ((answer >= 0) & (answer <= 1)).all()
    assert roc_auc_score(minutes[known] > data.LATE_MINUTES, answer[known]) > 0.9


def test_answers_do_not_depend_on_who_else_is_asked_about(trained: Model, january: pa.Table) -> None:
    alone = np.concatenate([trained.answer(january.slice(row, 1)) for row in range(20)])
    np.testing.assert_array_equal(trained.answer(january)[:20], alone)


def test_a_reference_log_holds_truth_beside_the_answers(trained: Model, january: pa.Table) -> None:
    answered = serve(trained, january)
    table = logs.reference_log("flight_delay", answered)
    landed = january["minutes"].is_valid().to_pylist()
    expected = [int(m > 15) if known else None for m, known in zip(january["minutes"].to_pylist(), landed, strict=True)]
    assert table["actual"].to_pylist() == expected
    assert table["landed_at"].is_valid().to_pylist() == landed
    assert (answered.latency_seconds > 0).all()


def test_measures_are_those_of_known_outcomes(january: pa.Table) -> None:
    answer = np.zeros(len(january))
    minutes = data.floats(january["minutes"])
    known = ~np.isnan(minutes)
    measured = measure("arrival_delay", january, answer, "held_out")
    assert measured["held_out.mean_absolute_error"] == pytest.approx(
        mean_absolute_error(minutes[known], answer[known]), abs=1e-4
    )


def test_the_cache_key_is_the_same_for_the_same_code() -> None:
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 12
