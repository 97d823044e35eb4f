"""The loss model of rows whose expected loss is known."""

import json

import numpy as np
import pytest

from exporter.profile.bins import INVALID, MISSING, CategoryBins, FeatureBins, Floats, NumericBins
from exporter.profile.coarse import coarse
from exporter.profile.loss import fit
from exporter.profile.loss.fit import LEAST_ROWS, Sample, fit_losses
from exporter.profile.loss.model import LossModel
from exporter.profile.loss.pair_terms import Pairs

ROWS = 20_000
VARIABLES = ("x", "y", "c", None)
BINS: tuple[FeatureBins, ...] = (
    NumericBins(np.linspace(0.0, 1.0, 33)),
    NumericBins(np.linspace(0.0, 1.0, 33)),
    CategoryBins(("a", "b", "c")),
    NumericBins(np.linspace(0.0, 1.0, 65)),
)


def drawn(rows: int = ROWS, seed: int = 1) -> tuple[Floats, np.ndarray]:
    """Values of four variables that have nothing to do with each other, the category as 0, 1, 2; and their codes."""
    random = np.random.default_rng(seed)
    values = random.random((rows, 4))
    values[:, 2] = random.integers(0, 3, rows)
    return values, codes_of(values)


def codes_of(values: Floats) -> np.ndarray:
    codes = [
        bins.codes(column) if isinstance(bins, NumericBins) else column + 2
        for bins, column in zip(BINS, values.T, strict=True)
    ]
    return np.stack(codes, axis=1).astype(np.uint8)


def expected(values: Floats) -> Floats:
    """Mean losses: a slope, a category, and two variables that matter together; a second one, of the slope alone."""
    together = 8.0 * (values[:, 1] - 0.5) * (values[:, 3] - 0.5)
    return np.stack((5.0 + 2.0 * values[:, 0] + (values[:, 2] == 1) + together, 1.0 + values[:, 0]), axis=1)


def fitted(rows: int = ROWS, noise: float = 1.0) -> tuple[LossModel, Pairs]:
    values, codes = drawn(rows)
    losses = expected(values) + noise * np.random.default_rng(2).normal(size=(rows, 2))
    found = fit_losses(Sample(codes, VARIABLES, losses, ("one", "two")), BINS)
    assert found is not None
    return found


def predicted(model: LossModel, pairs: Pairs, codes: np.ndarray) -> Floats:
    """(n, L) the model's sum for each row."""
    total = np.tile(model.base, (len(codes), 1))
    for table, column in zip(model.tables.values(), codes.T, strict=True):
        total += table[column]
    for members, table, mean in zip(pairs.members, pairs.tables, model.pair_means, strict=True):
        i, j = (VARIABLES.index(each) for each in members)
        one, other = coarse(BINS[i]), coarse(BINS[j])
        place = one.table[codes[:, i]].astype(int) * other.width + other.table[codes[:, j]]
        total += (table[place] - mean) * model.pair_units
    return total


@pytest.fixture(scope="module")
def known() -> tuple[LossModel, Pairs]:
    return fitted()


def test_rows_of_another_draw_get_their_expected_loss(known: tuple[LossModel, Pairs]) -> None:
    """Within 2 % of the noise; the pair that matters was found, and is the first."""
    values, codes = drawn(seed=3)
    truth, found = expected(values), predicted(*known, codes)
    assert known[1].members[0] == ("y", None)
    assert np.mean((found - truth) ** 2, axis=0).max() < 0.02


def test_the_mean_follows_a_shift_of_covariates(known: tuple[LossModel, Pairs]) -> None:
    """Rows drawn with the two variables hand in hand, where single terms see nothing at all."""
    values, _ = drawn(seed=4)
    values[:, 3] = np.clip(values[:, 1] + 0.1 * values[:, 3] - 0.05, 0.0, 1.0)
    truth, found = expected(values).mean(axis=0), predicted(*known, codes_of(values)).mean(axis=0)
    assert truth[0] - known[0].base[0] > 0.5
    assert found == pytest.approx(truth, abs=0.05)


def test_terms_have_mean_zero_over_the_fitted_rows(known: tuple[LossModel, Pairs]) -> None:
    model, pairs = known
    _, codes = drawn()
    for table, column in zip(model.tables.values(), codes.T, strict=True):
        assert table[column].mean(axis=0) == pytest.approx(0.0, abs=1e-9)
    assert predicted(model, pairs, codes).mean(axis=0) == pytest.approx(model.base, abs=1e-9)


def test_what_the_reference_never_misses_says_the_mean_of_what_it_could_be(known: tuple[LossModel, Pairs]) -> None:
    values, codes = drawn(seed=5)
    for code in (MISSING, INVALID):
        gone = codes.copy()
        gone[:, 0] = code
        without = expected(np.where(np.arange(4) == 0, 0.5, values)).mean(axis=0)
        assert predicted(*known, gone).mean(axis=0) == pytest.approx(without, abs=0.05)


def test_missing_values_say_what_they_said_in_the_reference() -> None:
    values, codes = drawn()
    codes[::10, 0] = MISSING
    losses = np.where((codes[:, 0] == MISSING)[:, None], 9.0, expected(values))
    found = fit_losses(Sample(codes, VARIABLES, losses, ("one", "two")), BINS)
    assert found is not None
    assert predicted(*found, codes[::10]).mean(axis=0) == pytest.approx(9.0, abs=0.1)


def test_what_features_do_through_the_output_is_carried_by_them() -> None:
    """A loss that is the output's alone, and an output that two features make: each carries its part of a shift."""
    random = np.random.default_rng(6)
    values, _ = drawn()
    values[:, 3] = np.clip(0.6 * values[:, 0] + 0.3 * values[:, 1] + 0.1 * random.random(ROWS), 0.0, 1.0)
    losses = np.stack((10.0 * values[:, 3], values[:, 3]), axis=1) + random.normal(size=(ROWS, 2))
    codes = codes_of(values)
    found = fit_losses(Sample(codes, VARIABLES, losses, ("one", "two")), BINS)
    assert found is not None
    moved = codes[values[:, 0] > 0.5]
    through = {name: table[moved[:, VARIABLES.index(name)], 0].mean() for name, table in found[0].carried.items()}
    own = found[0].tables["x"][moved[:, 0], 0].mean()
    assert through["x"] + own == pytest.approx(10 * 0.6 * 0.25, abs=0.15)
    assert abs(through["y"]) + abs(through["c"]) < 0.1
    assert through[None] == 0.0


def test_residual_is_the_noise(known: tuple[LossModel, Pairs]) -> None:
    assert known[0].residual == pytest.approx(1.0, rel=0.05)


def test_noise_alone_gives_no_pairs_that_matter() -> None:
    """Losses that nothing tells: every estimate stays within a few standard errors of the mean."""
    _, codes = drawn()
    losses = np.random.default_rng(6).normal(size=(ROWS, 2))
    found = fit_losses(Sample(codes, VARIABLES, losses, ("one", "two")), BINS)
    assert found is not None
    assert predicted(*found, codes).std(axis=0).max() < 0.15


def test_the_same_rows_give_the_same_model() -> None:
    one, other = fitted(3000), fitted(3000)
    assert json.dumps(one[0].to_json()) == json.dumps(other[0].to_json())
    assert one[1] == other[1]


def test_written_and_read_again(known: tuple[LossModel, Pairs]) -> None:
    """To six digits, which no estimate shows."""
    model, pairs = known
    again = LossModel.from_json(json.loads(json.dumps(model.to_json())))
    assert Pairs.from_json(json.loads(json.dumps(pairs.to_json()))) == pairs
    _, codes = drawn(seed=7)
    assert predicted(again, pairs, codes) == pytest.approx(predicted(model, pairs, codes), rel=1e-5)


def test_few_rows_give_no_model() -> None:
    values, codes = drawn(LEAST_ROWS - 1)
    assert fit_losses(Sample(codes, VARIABLES, expected(values), ("one", "two")), BINS) is None


def test_many_features_leave_out_what_tells_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where room is short, variables are judged by what each tells by itself, and the one that matters stays."""
    monkeypatch.setattr(fit, "_MOST_CODES", 256)
    random = np.random.default_rng(8)
    codes = random.integers(3, 35, (2000, 30)).astype(np.uint8)
    names = tuple(str(place) for place in range(30))
    losses = np.stack((codes[:, 17] / 8.0, random.normal(size=2000)), axis=1)
    found = fit_losses(Sample(codes, names, losses, ("one", "two")), (BINS[0],) * 30, most_pairs=0)
    assert found is not None
    model, pairs = found
    assert len(pairs) == 0
    assert sum(bool(table.any()) for table in model.tables.values()) < len(names)
    assert model.tables["17"][codes[:, 17], 0] + model.base[0] == pytest.approx(losses[:, 0], abs=0.5)
