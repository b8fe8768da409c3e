import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from common.claims.statistics import (
    ALPHA,
    above_gap,
    above_gap_everywhere,
    seeds_to_order,
    signs,
    wider,
)
from tests.common.claims.statistics import NUMBER, evidence


@settings(deadline=None, max_examples=30)
@given(st.lists(NUMBER, min_size=2, max_size=12).map(np.array))
def test_the_number_of_seeds_that_decides_an_order_does_and_clearly_fewer_do_not(differences):
    def decides(n):
        spread, mean = differences.std(ddof=1), abs(differences.mean())
        return stats.t.sf(mean / spread * n**0.5, n - 1) <= ALPHA if spread > 0 else mean > 0

    found = seeds_to_order(differences)
    if found is None:
        assert not decides(10_000)
    else:
        assert found >= 5
        assert decides(found * 1.000001)
        assert found == 5 or not decides(int(0.9 * found))


def test_one_difference_or_none_gives_no_number_of_seeds():
    assert seeds_to_order(np.array([1.0])) is None
    assert seeds_to_order(np.array([-1.0, 1.0])) is None
    assert seeds_to_order(np.array([1.0, 1.0])) == 5


def all_signs(n):
    return itertools.product([1, -1], repeat=n)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_half_of_all_signs_and_their_negatives_are_all(n):
    half = signs(n)
    assert half[0].tolist() == [1.0] * n
    assert sorted(map(tuple, np.concatenate([half, -half]))) == sorted(all_signs(n))


@settings(deadline=None, max_examples=25)
@given(st.lists(NUMBER, min_size=1, max_size=7), NUMBER)
def test_above_a_gap_counts_all_assignments_of_signs(differences, gap):
    shifted = [d - gap for d in differences]
    sums = [sum(s * d for s, d in zip(flip, shifted, strict=True)) for flip in all_signs(len(shifted))]
    found = above_gap(np.array(differences), gap)
    assert found.holds == sum(total >= sum(shifted) for total in sums) / len(sums)
    assert found.low == found.against == sum(total <= sum(shifted) for total in sums) / len(sums)
    assert found.high == 1.0


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=8))
def test_above_a_gap_is_scipys_exact_paired_permutation_test(pairs):
    above, below = np.array(pairs).T
    found = above_gap(above - below)
    for p, side in ((found.holds, "greater"), (found.low, "less")):
        exact = stats.permutation_test(
            (above, below),
            lambda a, b, axis: np.mean(a - b, axis=axis),
            permutation_type="samples",
            alternative=side,
            n_resamples=np.inf,
            vectorized=True,
        )
        assert p == pytest.approx(exact.pvalue)


@pytest.mark.parametrize(
    ("differences", "holds", "low"),
    [
        ([1.0] * 5, 1 / 32, 1.0),
        ([-1.0] * 4, 1.0, 1 / 16),
        ([0.0] * 5, 1.0, 1.0),
        ([3.0], 1 / 2, 1.0),
        ([1.0, 1.0, 0.0], 1 / 4, 1.0),  # a zero lies on either side: it decides nothing
        ([1.0, -1.0], 3 / 4, 3 / 4),
        ([0.1, 0.2, 0.3, -0.6], 9 / 16, 9 / 16),  # sums that differ in the last bit only are ties
        ([1.0] * 16, 1 / 2**16, 1.0),
    ],
)
def test_above_a_gap_by_hand(differences, holds, low):
    found = above_gap(np.array(differences))
    assert (found.holds, found.low) == (holds, low)


def test_the_gap_is_taken_off_first():
    differences = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert above_gap(differences, 0.5).holds == 1 / 32
    assert above_gap(differences, 1.0).holds == 2 / 32
    assert above_gap(-differences, -6.0).holds == 1 / 32
    assert above_gap(-differences, -0.5).low == 1 / 32


@pytest.mark.parametrize(("n", "exact"), [(16, True), (17, False)])
def test_more_than_sixteen_differences_fall_to_students_t(n, exact):
    differences = np.random.default_rng(0).normal(0.3, 1.0, n)
    found = above_gap(differences, 0.1)
    for p, side in ((found.holds, "greater"), (found.low, "less")):
        t = stats.ttest_1samp(differences, 0.1, alternative=side).pvalue
        assert p == pytest.approx(t, abs=0.02)
        assert (p == pytest.approx(t, abs=1e-12)) is not exact
        assert float(p * 2**n).is_integer() is exact


@pytest.mark.parametrize("n", [1, 5, 17])
def test_cases_are_tested_side_by_side(n):
    differences = np.random.default_rng(1).normal(0.5, 1.0, (2, 3, n)) if n > 1 else np.array([[[1.0], [-2.0], [0.0]]])
    found = above_gap(differences, 0.25)
    assert found.holds.shape == found.low.shape == found.high.shape == found.against.shape == differences.shape[:2]
    for case in np.ndindex(differences.shape[:2]):
        alone = above_gap(differences[case], 0.25)
        assert (found.holds[case], found.low[case]) == (alone.holds, alone.low)


def lowest_t(table):
    return stats.ttest_1samp(table, 0.0, axis=1).statistic.min()


@pytest.mark.parametrize(("points", "n"), [(1, 5), (2, 4), (3, 5), (4, 6)])
def test_a_range_is_contradicted_by_its_lowest_t_under_joint_flips_of_signs(points, n):
    rng = np.random.default_rng(10 * points + n)
    for shift in (-1.0, 0.0, 0.5):
        table = rng.normal(shift, 1.0, (points, n)) * 10.0 ** rng.integers(-3, 3, (points, 1))
        found = above_gap_everywhere(table)
        flipped = [lowest_t(table * np.array(flip)) for flip in all_signs(n)]
        assert found.low == found.against == np.mean(np.array(flipped) <= lowest_t(table) + 1e-9)
        assert found.holds == max(above_gap(row).holds for row in table)
        assert found.high == 1.0


def test_one_point_is_a_range_of_itself():
    differences = np.random.default_rng(2).normal(0.2, 1.0, 7)
    assert evidence(above_gap_everywhere(differences[None], 0.1)) == evidence(above_gap(differences, 0.1))


@pytest.mark.parametrize(("points", "n"), [(2, 6), (5, 6)])
def test_over_all_flips_of_signs_the_p_values_of_a_range_are_exact(points, n):
    table = np.random.default_rng(points).normal(0.0, 1.0, (points, n))
    every = [above_gap_everywhere(table * np.array(flip)) for flip in all_signs(n)]
    low, holds = (np.array([getattr(found, name) for found in every]) for name in ("low", "holds"))
    for p in {*low}:
        assert np.mean(low <= p) == p
    for p in {*holds}:
        assert np.mean(holds <= p) <= p


@pytest.mark.parametrize(
    ("table", "gap", "holds", "low"),
    [
        ([[1, 1, 1], [1, 1, 1]], 0.0, 1 / 8, 1.0),
        ([[1, 1, 1], [2, 4, 8]], 0.0, 1 / 8, 1.0),
        ([[1, 1, 1], [-1, -1, -1]], 0.0, 1.0, 2 / 8),  # one or the other is at its lowest in two of eight
        ([[-1, -1, -1], [-2, -2, -2]], 0.0, 1.0, 1 / 8),
        ([[0, 0, 0], [0, 0, 0]], 0.0, 1.0, 1.0),
        ([[0, 0, 0], [-1, -1, -1]], 0.0, 1.0, 1 / 8),
        ([[3, 3, 3], [4, 4, 4]], 2.0, 1 / 8, 1.0),
        ([[3, 3, 3], [4, 4, 4]], 5.0, 1.0, 1 / 8),
    ],
)
def test_a_range_by_hand(table, gap, holds, low):
    assert evidence(above_gap_everywhere(np.array(table, dtype=float), gap)) == (holds, low, 1.0, low)


def test_a_range_of_more_than_sixteen_seeds_counts_its_points():
    table = np.random.default_rng(4).normal(-0.5, 1.0, (3, 17))
    found = above_gap_everywhere(table, 0.1)
    t = stats.ttest_1samp(table, 0.1, axis=1, alternative="less").pvalue
    assert found.low == pytest.approx(3 * t.min())
    assert found.holds == pytest.approx(1.0 - t.min())
    assert above_gap_everywhere(table + 5.0).low == 1.0


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=3, max_size=12))
def test_a_wider_spread_is_a_correlation_of_sum_and_difference(pairs):
    a, b = np.array(pairs).T
    assume(np.ptp(a + b) > 0)
    assume(np.ptp(a - b) > 0)
    r = stats.pearsonr(a + b, a - b)
    assume(abs(r.statistic) < 1.0 - 1e-9)
    found = wider(a, b)
    if len(a) > 2:
        assert found.holds == pytest.approx(stats.pearsonr(a + b, a - b, alternative="greater").pvalue, abs=1e-9)
        assert found.low == found.against
        assert found.low == pytest.approx(stats.pearsonr(a + b, a - b, alternative="less").pvalue, abs=1e-9)
    assert found.high == 1.0
    if a.var() != b.var():
        assert (found.holds < found.low) == (a.var() > b.var())


def test_a_spread_against_a_multiple_of_itself_is_certain():
    a = np.array([1.0, 2.0, 4.0, 8.0])
    assert wider(3.0 * a, a).holds == pytest.approx(0.0, abs=1e-12)
    assert wider(a, 3.0 * a).low == pytest.approx(0.0, abs=1e-12)
    assert wider(3.0 * a, np.zeros(4)).holds == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("other", [[1.0, 2.0, 4.0, 8.0], [8.0, 4.0, 2.0, 1.0], [3.0, 4.0, 6.0, 10.0]])
def test_equal_spreads_decide_nothing(other):
    assert evidence(wider(np.array([1.0, 2.0, 4.0, 8.0]), np.array(other))) == (0.5, 0.5, 1.0, 0.5)


@pytest.mark.parametrize(("a", "b"), [(0.1, 0.0), (0.0, 0.1), (0.1, 0.3), (0.0, 0.0)])
def test_no_spread_on_either_side_decides_nothing(a, b):
    assert evidence(wider(np.full(3, a), np.full(3, b))) == (0.5, 0.5, 1.0, 0.5)
