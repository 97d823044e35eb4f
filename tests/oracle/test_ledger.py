"""The shift ledger's own sums, on rows of a world whose expected losses are known: no loss model, no counting."""

import numpy as np
import pytest
from scipy.stats import norm

from bench.ledger_scenarios import _LEVEL as LEVEL
from bench.ledger_scenarios import (
    CALM,
    FEATURES,
    REGIONS,
    Planted,
    chances,
    effects,
    given_to_truth,
    scenarios,
    signal,
    spread,
    true_and_logged,
    window,
)
from exporter.metrics.shift import prior
from exporter.metrics.shift.ledger import (
    CAUSES,
    CONCEPT,
    COVARIATE,
    PRIOR,
    QUALITY,
    UNEXPLAINED,
    Shift,
    Side,
    bad_excess,
    expected_ledger,
    ledger,
    residual_noise,
    shrunk,
)

REFERENCE_ROWS, ROWS = 60_000, 40_000


def realized(task, rows):
    """Loss → loss of each row."""
    if task == "regression":
        e = rows["prediction"] - rows["y"]
        return {"mean_absolute_error": np.abs(e), "mean_error": e}
    true = np.clip(given_to_truth(task, rows), 1e-12, 1)
    return {"accuracy": (rows["prediction"] != rows["y"]).astype(float), "log_loss": -np.log(true)}


def expected(task, true, rows):
    """Loss → what it is expected to be of each row, as long as the concept is the reference's."""
    if task == "regression":
        mean, sd = rows["prediction"] - (10 + 2 * signal(true)), spread(true)
        folded = sd * np.sqrt(2 / np.pi) * np.exp(-(mean**2) / (2 * sd**2)) + mean * (1 - 2 * norm.cdf(-mean / sd))
        return {"mean_absolute_error": folded, "mean_error": mean}
    if task == "multiclass":
        p, shares = chances(true, ""), np.stack([rows[f"p{k}"] for k in range(3)], axis=1)
        right = p[np.arange(len(p)), rows["prediction"]]
        return {"accuracy": 1 - right, "log_loss": -(p * np.log(np.clip(shares, 1e-12, 1))).sum(axis=1)}
    p, score = 1 / (1 + np.exp(-signal(true) - LEVEL)), np.clip(rows["score"], 1e-12, 1 - 1e-12)
    wrong = np.where(rows["prediction"] == 1, 1 - p, p)
    return {"accuracy": wrong, "log_loss": -p * np.log(score) - (1 - p) * np.log1p(-score)}


def is_bad(rows):
    bad = rows["region"] == len(REGIONS)
    for name in FEATURES:
        bad = bad | ~np.isfinite(rows[name])
    return bad


def side(losses, estimates, bad):
    """The sides of one profile from its rows."""

    def mean(values, chosen, of=np.mean):
        return np.array([of(values[chosen]) if chosen.any() else np.nan])

    good = ~bad
    return Side(
        good=np.array([float(good.sum())]),
        bad=np.array([float(bad.sum())]),
        loss_good=mean(losses, good),
        loss_bad=mean(losses, bad),
        variance_good=mean(losses, good, np.var),
        variance_bad=mean(losses, bad, np.var),
        estimate_good=mean(estimates, good),
        estimate_bad=mean(estimates, bad),
        estimate_bad_share=np.array([bad.mean()]),
        estimate_variance=np.array([estimates.var() / len(bad)]),
    )


def sides(task, planted, metric, rows=ROWS, seed=0):
    true, seen = true_and_logged(np.random.default_rng(seed), task, rows, planted)
    return side(realized(task, seen)[metric], expected(task, true, seen)[metric], is_bad(seen))


def random_sides(rng, m=200):
    """Any numbers, some of them not there."""
    given = rng.normal(size=(8, m)) + 1
    rows = rng.integers(0, 3, size=(2, m)) * rng.integers(1, 500, size=(2, m))
    good, bad = rows[0] + 1.0, rows[1].astype(float)
    return Side(
        good=good,
        bad=bad,
        loss_good=given[0],
        loss_bad=np.where(bad > 0, given[1], np.nan),
        variance_good=given[2] ** 2,
        variance_bad=given[3] ** 2,
        estimate_good=given[4],
        estimate_bad=given[5],
        estimate_bad_share=bad / (good + bad),
        estimate_variance=given[6] ** 2 / (good + bad),
    )


def test_terms_add_up_to_the_change_whatever_happened() -> None:
    """With or without a loss model, enough good rows, a prior, a change of unit."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        window_side, reference_side = random_sides(rng), random_sides(rng, 1)
        m = len(window_side.good)
        if rng.random() < 0.3:
            window_side.estimate_good[rng.random(m) < 0.5] = np.nan
        shift = Shift(
            prior=rng.normal(size=m) * (rng.random(m) < 0.5),
            prior_variance=rng.random(m),
            covariate=np.where(rng.random(m) < 0.3, rng.normal(size=m), np.nan),
            unit_change=rng.random(m) < 0.3,
            unit_covariate=rng.normal(size=m),
            between=float(rng.random()),
        )
        found = ledger(window_side, reference_side, shift, least=5)
        assert np.allclose(np.nansum(found.terms, axis=0), found.change, atol=1e-12)
        assert np.allclose(found.change, window_side.loss - reference_side.loss, atol=1e-12)


@pytest.mark.parametrize("case", [case for case in scenarios() if not {"prior"} & {*case.planted.causes} and case.planted.scaled == 1],
                         ids=lambda case: f"{case.task}, {case.name}")  # fmt: skip
def test_a_shift_is_in_its_own_term(case) -> None:
    """Each cause's term is its effect: within 10 % of a pure shift's, within 20 % of all that happened in a mixture."""
    planted = effects(case.task, case.planted, n=ROWS, seed=0)
    for metric in realized(case.task, window(np.random.default_rng(0), case.task, 10)):
        reference = sides(case.task, CALM, metric, REFERENCE_ROWS, seed=1)
        now = sides(case.task, case.planted, metric)
        found = ledger(now, reference, Shift.none(1)).terms[:, 0]
        noise = np.sqrt(now.variance_good[0] / ROWS + reference.variance_good[0] / REFERENCE_ROWS)
        sign = -1 if metric == "accuracy" else 1
        due = {cause: sign * planted.get(cause, {}).get(metric, 0.0) for cause in CAUSES}
        most = sum(abs(each) for each in due.values()) * (0.1 if len(planted) == 1 else 0.2)
        for cause, value in zip(CAUSES, found, strict=True):
            assert abs(value - due[cause]) <= most + 3 * noise, (metric, cause)


def test_without_labels_quality_and_covariate_are_the_expected_change() -> None:
    now = sides("regression", Planted(moved={"x0": 0.6}, broken={"x2": (0.15, "missing")}), "mean_absolute_error")
    reference = sides("regression", CALM, "mean_absolute_error", seed=1)
    found = expected_ledger(now, reference, Shift.none(1))
    with_labels = ledger(now, reference, Shift.none(1))
    assert np.isnan(found.terms[[PRIOR, CONCEPT, UNEXPLAINED]]).all()
    assert np.allclose(np.nansum(found.terms, axis=0), found.change)
    assert np.allclose(found.change, now.estimate - reference.estimate)
    assert found.terms[COVARIATE] == pytest.approx(with_labels.terms[COVARIATE])
    assert found.terms[QUALITY] == pytest.approx(with_labels.terms[QUALITY], rel=0.1)


def test_where_hardly_a_row_was_read_right_all_is_quality() -> None:
    """A column that is gone says nothing of the rest."""
    now = sides("regression", Planted(broken={"x2": (1.0, "missing")}, concept="level"), "mean_absolute_error", 5000)
    found = ledger(now, sides("regression", CALM, "mean_absolute_error", 5000), Shift.none(1), least=50)
    assert found.terms[QUALITY] == pytest.approx(found.change)
    assert found.terms[[PRIOR, COVARIATE, CONCEPT, UNEXPLAINED]] == pytest.approx(0.0)


def test_without_a_loss_model_what_is_no_quality_is_unexplained() -> None:
    now = sides("binary", Planted(moved={"x0": 0.8}), "log_loss", 5000)
    now.estimate_good[:] = np.nan
    found = ledger(now, sides("binary", CALM, "log_loss", 5000), Shift.none(1))
    assert np.isnan(found.terms[[COVARIATE, CONCEPT]]).all()
    assert found.terms[UNEXPLAINED] == pytest.approx(found.change - found.terms[QUALITY])


def test_a_change_of_unit_takes_its_features_the_prediction_and_the_rest() -> None:
    """Other features' covariate terms stay."""
    now = sides("regression", Planted(scaled=1.609344), "mean_absolute_error")
    reference = sides("regression", CALM, "mean_absolute_error", seed=1)
    plain = ledger(now, reference, Shift.none(1))
    aside = plain.terms[COVARIATE] * 0.7
    shift = Shift(np.zeros(1), np.zeros(1), np.full(1, np.nan), np.array([True]), aside)
    found = ledger(now, reference, shift)
    assert found.terms[COVARIATE] == pytest.approx(0.3 * plain.terms[COVARIATE])
    assert found.terms[QUALITY] == pytest.approx(found.change - found.terms[COVARIATE])
    assert found.terms[[CONCEPT, UNEXPLAINED]] == pytest.approx(0.0)


def test_quality_by_feature_adds_up() -> None:
    """By the feature of a row's first bad cell."""
    rng = np.random.default_rng(3)
    planted = Planted(broken={"x2": (0.2, "missing"), "region": (0.1, "unseen")})
    true, seen = true_and_logged(rng, "regression", 20_000, planted)
    losses, bad = realized("regression", seen)["mean_absolute_error"], is_bad(seen)
    first = np.where(~np.isfinite(seen["x2"]), 0, 1)
    rows = np.array([(bad & (first == k)).sum() for k in (0, 1)], dtype=float)
    sums = np.array([losses[bad & (first == k)].sum() for k in (0, 1)])
    now = side(losses, expected("regression", true, seen)["mean_absolute_error"], bad)
    reference = sides("regression", CALM, "mean_absolute_error", 20_000)
    parts = bad_excess(rows, sums, now) - bad_excess(np.zeros(2), np.zeros(2), reference)
    assert parts.sum() == pytest.approx(ledger(now, reference, Shift.none(1)).terms[QUALITY, 0])
    assert (parts > 0).all()


def test_noise_is_shrunk_away_and_a_clear_concept_is_not() -> None:
    """James and Stein: noise keeps but a small part, ten standard errors 99 %."""
    noise = np.random.default_rng(0).normal(size=100_000)
    assert np.mean(shrunk(noise, np.ones(100_000)) ** 2) < 0.4
    assert shrunk(np.array([10.0, -10.0]), np.ones(2)) == pytest.approx([9.9, -9.9])
    assert shrunk(np.array([0.0, 0.5]), np.ones(2)).tolist() == [0.0, 0.0]


def test_windows_that_differ_by_themselves_make_concept_drift_less_sure() -> None:
    """What lies between the reference's windows beyond sampling is found, and shrinks the concept's term."""
    rng = np.random.default_rng(2)
    m, rows, between = 400, 1000.0, 0.05
    zero = np.zeros(m)

    def made(loss, good):
        return Side(good, 0 * good, loss, np.full(len(good), np.nan), np.ones(len(good)), np.ones(len(good)),
                    np.ones(len(good)), 0 * good, 0 * good, 0 * good)  # fmt: skip

    windows = made(1 + between * rng.normal(size=m) + rng.normal(size=m) / np.sqrt(rows), zero + rows)
    reference = made(np.ones(1), np.array([m * rows]))
    found = residual_noise(windows, reference)
    assert found == pytest.approx(between**2, rel=0.2)
    now = made(np.array([1.1]), np.array([rows]))
    sure, unsure = (ledger(now, reference, Shift.none(1, between=each)) for each in (0.0, found))
    assert unsure.terms[CONCEPT] < sure.terms[CONCEPT] < 0.1
    assert unsure.variances[CONCEPT] == pytest.approx(sure.variances[CONCEPT] + found)


EDGES = np.linspace(0, 1, 101)[1:-1]


def score_table(planted, rows=20_000, seed=0):
    seen = window(np.random.default_rng(seed), "binary", rows, planted)
    table = np.zeros((100, 2))
    np.add.at(table, (np.searchsorted(EDGES, seen["score"]), seen["y"]), 1)
    return table, seen


@pytest.mark.parametrize("share", [0.12, 0.18, 0.33, 0.5])
def test_a_change_of_prior_is_recognised_and_its_term_is_exact(share) -> None:
    """Where P(x | y) is what it was, the classes' own losses tell all of the change."""
    (now, seen), (then, before) = score_table(Planted(prior=share)), score_table(CALM, 60_000, seed=1)
    group = prior.groups(then, prior.most_groups(now.sum()))
    assert prior.recognised(prior.merged(now, group), prior.merged(then, group))
    for metric, losses in realized("binary", seen).items():
        old = realized("binary", before)[metric]
        by_class = np.array([old[before["y"] == k].mean() for k in (0, 1)])
        value, variance = prior.term(now.sum(axis=0), then.sum(axis=0), by_class, old.var())
        change, noise = losses.mean() - old.mean(), np.sqrt(losses.var() / 20_000 + old.var() / 60_000)
        assert value == pytest.approx(change, abs=3 * noise)
        assert 0 < variance < 4 * noise**2
        assert abs(prior.beside(now, then, np.array([[0.3, 0.7]]).repeat(100, axis=0))) < 0.01


@pytest.mark.parametrize(
    "planted",
    [CALM, Planted(moved={"x0": 0.8}), Planted(moved={"region": 0.4}), *(Planted(concept=c) for c in ("x2", "region", "level"))],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("rows", [500, 20_000])
def test_other_shifts_are_no_change_of_prior(planted, rows) -> None:
    """Least of all that of the level: as many more come true, and the scores know nothing of it."""
    (now, _), (then, _) = score_table(planted, rows), score_table(CALM, 60_000, seed=1)
    group = prior.groups(then, prior.most_groups(now.sum()))
    assert not prior.recognised(prior.merged(now, group), prior.merged(then, group))


def test_days_that_differ_by_themselves_are_no_change_of_prior() -> None:
    """Shares of classes that swing in the reference from window to window are not called changed."""
    rng = np.random.default_rng(0)
    windows = np.array(
        [score_table(Planted(prior=float(p)), 2000, seed)[0] for seed, p in enumerate(rng.uniform(0.15, 0.35, 20))]
    )
    total, (now, _) = windows.sum(axis=0), score_table(Planted(prior=0.33), 2000, seed=99)
    group = prior.groups(total, prior.most_groups(now.sum()))
    now, total, known = (
        prior.merged(now, group),
        prior.merged(total, group),
        prior.variation(prior.merged(windows, group), prior.merged(total, group)),
    )
    assert prior.recognised(now, total)
    assert known.classes > 5
    assert not prior.recognised(now, total, known)


def test_values_of_a_class_that_moved_are_told() -> None:
    """P(x | y), held for each feature at once."""
    table, _ = score_table(Planted(prior=0.4))
    then, _ = score_table(CALM, 60_000, seed=1)
    moved, _ = score_table(Planted(moved={"x0": 0.8}))
    same = prior.same_given_class(np.stack((table, moved)), np.stack((then, then)), np.ones(2))
    assert same.tolist() == [True, False]
