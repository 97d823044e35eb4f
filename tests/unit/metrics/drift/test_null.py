"""Law: p-values of windows without drift are uniform, far into their tail."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.drift.between import NONE, Company, between, unbounded
from exporter.metrics.drift.jensen_shannon import divergence
from exporter.metrics.drift.null import NullMoments, null


def moments(counts, found=NONE):
    smooth = (counts + 0.5) / (counts + 0.5).sum()
    return NullMoments(
        shares=smooth[None],
        power_sums=np.array(found.power_sums)[:, None],
        freedom=np.array([found.freedom]),
        spread=np.array([found.spread]),
        windows=np.array([float(found.windows)]),
        furthest=np.array([found.furthest]),
        calmness=np.array([found.calmness]),
    )


def distances(windows, reference):
    share = np.repeat((reference / reference.sum())[None], len(windows), axis=0)
    return unbounded(divergence(windows / windows.sum(axis=1, keepdims=True), share))


def expected(found, n, m):
    return null(found, np.array([float(n)]), np.array([float(m)]))


@pytest.mark.parametrize(("n", "bins"), [(50, 8), (300, 32), (5000, 64), (5000, 2)])
def test_pvalues_of_independent_rows_are_uniform_into_the_tail(n, bins):
    rng = np.random.default_rng(n)
    hits, draws = np.zeros(3), 0
    for _ in range(60):
        reference = rng.multinomial(20_000, np.full(bins, 1 / bins)).astype(float)
        windows = rng.multinomial(n, np.full(bins, 1 / bins), size=1000).astype(float)
        p = expected(moments(reference), n, 20_000).pvalue(distances(windows, reference))
        hits += (p[:, None] <= [0.05, 0.01, 0.001]).sum(axis=0)
        draws += len(p)
    ratio = hits / draws / [0.05, 0.01, 0.001]
    assert (ratio < 1.0).tolist() == [True] * 3
    assert (ratio[:2] > 0.35).tolist() == [True] * 2


def test_mean_and_floor_are_those_of_independent_rows():
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.ones(20))
    seen, found = [], None
    for _ in range(100):
        reference = rng.multinomial(5000, shares).astype(float)
        seen.append(distances(rng.multinomial(1000, shares, size=300).astype(float), reference))
        found = expected(moments(reference), 1000, 5000)
    squared = -np.expm1(-np.concatenate(seen))
    assert squared.mean() == pytest.approx(found.mean_squared[0], rel=0.03)
    assert np.sqrt(np.quantile(squared, 0.99)) == pytest.approx(found.floor(0.99)[0], rel=0.05)


def days(rng, count, size, rows, bins=20):
    """Counts of days whose rows are moved alike, along one direction."""
    direction = np.cos(np.arange(bins))
    tilted = np.exp(size * rng.normal(size=(count, 1)) * direction)
    return rng.multinomial(rows, tilted / tilted.sum(axis=1, keepdims=True)).astype(float)


@pytest.mark.parametrize("size", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("blocks", [20, 60])
def test_days_that_differ_are_no_drift(size, blocks):
    rng = np.random.default_rng(blocks)
    hits, draws = np.zeros(2), 0
    for _ in range(150):
        reference = days(rng, blocks, size, 1000)
        total = reference.sum(axis=0)
        windows = days(rng, 100, size, 1000)
        p = expected(moments(total, between(reference)), 1000, total.sum()).pvalue(distances(windows, total))
        hits += (p[:, None] <= [0.01, 0.001]).sum(axis=0)
        draws += len(p)
    assert (hits / draws <= [0.012, 0.0015]).tolist() == [True, True]


def test_the_noise_of_another_size_of_window_is_known():
    """Blocks of 4,000 rows say what windows of 400 do: their mean distance is met."""
    rng = np.random.default_rng(4)
    seen, told = [], []
    for _ in range(100):
        reference = days(rng, 40, 0.2, 4000)
        total = reference.sum(axis=0)
        seen.append(distances(days(rng, 50, 0.2, 400), total).mean())
        told.append(expected(moments(total, between(reference)), 400, total.sum()).mean[0])
    assert np.mean(seen) == pytest.approx(np.mean(told), rel=0.05)


def test_days_alike_in_a_row_tell_less():
    rng = np.random.default_rng(5)
    walk = np.repeat(rng.normal(size=(10, 1)), 6, axis=0)
    tilted = np.exp(0.3 * walk * np.cos(np.arange(20)))
    sticky = rng.multinomial(1000, tilted / tilted.sum(axis=1, keepdims=True)).astype(float)
    shuffled = rng.permutation(sticky)
    assert between(sticky).freedom < between(shuffled).freedom / 2


def test_of_two_windows_nothing_is_known():
    assert between(np.ones((2, 5)) * 100) is None


def test_a_constant_has_no_spread():
    found = between(np.tile([0.0, 500.0], (30, 1)))
    assert (found.power_sums, found.windows) == ((0.0, 0.0, 0.0), 30)


def test_storms_lengthen_the_tail_that_normal_days_have():
    """Days moved by the same amount on average: one that is four times as far out is drift among normal days only."""
    rng = np.random.default_rng(6)
    direction = np.cos(np.arange(20))

    def reference(amounts):
        tilted = np.exp(amounts[:, None] * direction)
        return rng.multinomial(4000, tilted / tilted.sum(axis=1, keepdims=True)).astype(float)

    normal = between(reference(0.2 * rng.normal(size=60)))
    stormy = between(reference(np.where(rng.random(60) < 0.1, 1.0, 0.02) * rng.normal(size=60)))
    assert normal.calmness > 0.5
    assert stormy.calmness < 0.2
    moments_of = [moments(np.full(20, 1e4), each) for each in (normal, stormy)]
    p = [expected(each, 4000, 200_000).furthest.pvalue(np.array([4 * each.furthest[0]]))[0] for each in moments_of]
    assert p[1] > 5 * p[0]


def test_noise_alone_is_calm():
    rng = np.random.default_rng(7)
    found = [between(days(rng, 20, 0.0, 1000)) for _ in range(100)]
    assert sum(each.calmness == 1.0 and each.freedom == 19.0 for each in found) >= 97


def test_what_most_variables_show_holds_for_those_that_hide_it():
    """Days alike in a row and storms: a variable of the same days has them too, whatever its few days look like."""
    rng = np.random.default_rng(8)
    alone = [between(days(rng, 30, 0.3, 1000)) for _ in range(3)]
    stormy = [replace(each, calmness=0.1, likeness=0.8) for each in alone]
    company = Company.of(stormy)
    assert (company.likeness, company.calmness) == pytest.approx((0.8, 0.1))
    counts = days(rng, 30, 0.3, 1000)
    own, met = between(counts), between(counts, company)
    assert own.calmness > 0.5 > met.calmness > 0.1
    assert met.freedom < 0.9 * own.freedom
    assert met.likeness == own.likeness


def test_variables_that_differ_by_chance_alone_or_are_few_say_nothing():
    rng = np.random.default_rng(9)
    chance = [between(days(rng, 30, 0.0, 1000)) for _ in range(2)]
    moved = [between(days(rng, 30, 0.3, 1000)) for _ in range(2)]
    assert Company.of([*chance, *moved]) == Company()
    assert Company.of([*moved, moved[0]]) != Company()


@pytest.mark.parametrize("probability", [0.01, 1e-3])
def test_what_is_exceeded_with_a_probability_has_it_as_its_pvalue(probability):
    """Where the reference saw storms, too: the floor is as high as the p-values are large."""
    rng = np.random.default_rng(5)
    shares = rng.dirichlet(np.ones(20) * 50, size=20)
    shares[3] = rng.dirichlet(np.ones(20))
    blocks = np.array([rng.multinomial(3000, each) for each in shares]).astype(float)
    found = expected(moments(blocks.sum(axis=0), between(blocks)), 3000, blocks.sum())
    assert found.furthest.quantile(probability)[0] > 0
    assert found.pvalue(found.exceeded(np.array([probability]))) == pytest.approx(probability * found.caution)
    assert found.pvalue(found.significant(probability)) == pytest.approx(np.full(1, probability))
