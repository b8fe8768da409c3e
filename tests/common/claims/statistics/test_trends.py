import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from common.claims.statistics import (
    ALPHA,
    rising,
    rising_unblocked,
)
from common.claims.statistics.trends import _jonckheere
from tests.common.claims.statistics import evidence


def test_a_rise_counts_all_orders_of_ranks():
    values = np.array([[1.0, 3.0, 2.0], [5.0, 6.0, 9.0]])
    rows = [np.array(order) for order in itertools.permutations([1, 2, 3])]
    every = np.array([a @ rows[0] + b @ rows[0] for a in rows for b in rows])
    observed = (1 * 1 + 2 * 3 + 3 * 2) + (1 + 4 + 9)
    found = rising(values)
    assert found.holds == pytest.approx(np.mean(every >= observed))
    assert found.low == found.against == pytest.approx(np.mean(every <= observed))


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.integers(2, 6), st.integers(3, 6)).flatmap(
        lambda shape: st.lists(
            st.lists(st.integers(0, 12), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        )
    )
)
def test_a_rise_is_tested_as_scipy_does_ties_included(rows):
    values = np.array(rows, dtype=float)
    found = rising(values)
    assert found.holds == stats.page_trend_test(values).pvalue
    assert found.low == found.against == stats.page_trend_test(-values).pvalue
    assert found.high == 1.0


def test_a_perfect_rise_has_one_chance_in_all_orders_of_all_seeds():
    values = np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 8.0], [0.0, 6.0, 7.0]])
    assert evidence(rising(values)) == pytest.approx((1 / 6**3, 1.0, 1.0, 1.0))
    assert evidence(rising(values[:, ::-1])) == pytest.approx((1.0, 1 / 6**3, 1.0, 1 / 6**3))


def jonckheere(tables):
    """Count the pairs of values at two points that rise, a tie as half a pair, of tables [..., seeds, points]."""
    points = tables.shape[-1]
    return sum(
        (np.sign(tables[..., :, None, j] - tables[..., None, :, i]) + 1).sum((-1, -2)) / 2
        for i in range(points)
        for j in range(i + 1, points)
    )


@functools.cache
def deals(seeds, points):
    """Return all ways to deal seeds * points places to the points, [ways, seeds, points]."""

    def hands(places, count):
        if not count:
            return [[]]
        return [
            [hand, *others]
            for hand in itertools.combinations(sorted(places), seeds)
            for others in hands(places - set(hand), count - 1)
        ]

    return np.array(hands(frozenset(range(seeds * points)), points)).transpose(0, 2, 1)


@pytest.mark.parametrize(("seeds", "points", "ways"), [(2, 3, 90), (3, 3, 1680)])
def test_an_unblocked_rise_counts_all_ways_to_deal_the_values(seeds, points, ways):
    values = np.random.default_rng(5).normal(0.0, 1.0, seeds * points)
    tables = values[deals(seeds, points)]
    every = jonckheere(tables)
    assert len(tables) == ways
    found = np.array([evidence(rising_unblocked(table)) for table in tables])
    chance = np.array([(np.mean(every >= observed), np.mean(every <= observed)) for observed in every])
    assert found[:, 0] == pytest.approx(chance[:, 0], rel=1e-9)
    assert found[:, 1] == pytest.approx(chance[:, 1], rel=1e-9)
    assert (found[:, 2] == 1.0).all()
    assert (found[:, 3] == found[:, 1]).all()
    for side in (0, 1):  # each p-value is reached as often as it says
        for p in {*found[:, side].round(9)}:
            assert np.mean(found[:, side] <= p + 1e-9) == pytest.approx(p, abs=1e-8)
    assert _jonckheere(seeds, points) == pytest.approx(np.bincount(every.astype(int)) / ways)


@pytest.mark.parametrize("seeds", [1, 2, 5, 12])
def test_an_unblocked_rise_over_two_points_is_mann_and_whitneys_exact_test(seeds):
    table = np.random.default_rng(seeds).normal([0.0, 0.4], 1.0, (seeds, 2))
    before, after = table.T
    found = rising_unblocked(table)
    assert found.holds == pytest.approx(stats.mannwhitneyu(after, before, alternative="greater", method="exact").pvalue)
    assert found.low == pytest.approx(stats.mannwhitneyu(after, before, alternative="less", method="exact").pvalue)


@pytest.mark.parametrize(("seeds", "points"), [(1, 6), (5, 3), (5, 8), (20, 3)])
def test_jonckheeres_distribution_has_its_known_moments_and_holds_its_level(seeds, points):
    chance, n = _jonckheere(seeds, points), seeds * points
    statistic = np.arange(len(chance))
    mean = (n**2 - points * seeds**2) / 4
    variance = (n**2 * (2 * n + 3) - points * seeds**2 * (2 * seeds + 3)) / 72
    assert chance[-1] == pytest.approx(math.factorial(seeds) ** points / math.factorial(n), rel=1e-9, abs=0.0)
    assert (chance.sum(), chance @ statistic) == pytest.approx((1.0, mean))
    assert chance @ (statistic - mean) ** 2 == pytest.approx(variance)
    tails = chance[::-1].cumsum()
    for alpha in (0.05, 0.002):
        alarms = chance[::-1][tails <= alpha].sum()
        assert alarms <= alpha
        if seeds >= 5:
            assert alarms > 0.6 * alpha


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 12), min_size=9, max_size=9))
def test_an_unblocked_rise_with_ties_is_kendalls_and_about_the_permutation_test_of_jonckheere(values):
    values = np.array(values, dtype=float)
    assume(6 <= np.unique(values).size < 9)
    table = values.reshape(3, 3)
    every, observed = jonckheere(values[deals(3, 3)]), jonckheere(table)
    found = rising_unblocked(table)
    for p, side, beyond in ((found.holds, "greater", every > observed), (found.low, "less", every < observed)):
        assert p == stats.kendalltau([0, 1, 2] * 3, values, alternative=side, method="asymptotic").pvalue
        assert p == pytest.approx(np.mean(beyond) + np.mean(every == observed) / 2, abs=0.03)
    assert found.low == found.against
    assert found.high == 1.0


def test_an_unblocked_rise_with_ties_has_jonckheeres_normal_statistic():
    table = np.array([[3.0, 1.0, 4.0, 9.0], [9.0, 2.0, 6.0, 5.0], [0.0, 8.0, 4.0, 9.0]])
    n, each, ties = 12, np.full(4, 3), np.array([2, 3])  # two fours, three nines

    def pairs(sizes):
        return (sizes * (sizes - 1)).sum()

    def triples(sizes):
        return (sizes * (sizes - 1) * (sizes - 2)).sum()

    def spread(sizes):
        return (sizes * (sizes - 1) * (2 * sizes + 5)).sum()

    variance = (spread(np.array(n)) - spread(each) - spread(ties)) / 72
    variance += triples(each) * triples(ties) / (36 * triples(np.array(n)))
    variance += pairs(each) * pairs(ties) / (8 * pairs(np.array(n)))
    z = (jonckheere(table) - (n**2 - (each**2).sum()) / 4) / variance**0.5
    assert (rising_unblocked(table).holds, rising_unblocked(table).low) == pytest.approx(
        (stats.norm.sf(z), stats.norm.cdf(z))
    )


def test_an_unblocked_rise_does_not_see_which_seed_a_value_belongs_to():
    table = np.array([[1.0, 2.0, 3.0], [11.0, 12.0, 13.0], [21.0, 22.0, 23.0]])
    shuffled = np.array([[1.0, 22.0, 13.0], [11.0, 2.0, 23.0], [21.0, 12.0, 3.0]])
    assert rising_unblocked(table) == rising_unblocked(shuffled)
    assert rising(table).holds < ALPHA < rising(shuffled).holds
    rise = np.arange(9.0).reshape(3, 3).T
    assert rising_unblocked(rise).holds < 0.01 < 0.99 < rising_unblocked(rise).low
    assert rising_unblocked(rise[:, ::-1]).low == pytest.approx(rising_unblocked(rise).holds)


def test_equal_numbers_show_no_trend():
    assert evidence(rising_unblocked(np.ones((3, 4)))) == (1.0, 1.0, 1.0, 1.0)
    assert min(evidence(rising(np.ones((3, 4))))) >= 0.5
