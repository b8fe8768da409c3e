import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from common.statistics import binomial_bounds, difference, page_trend, sign_flip

NUMBER = st.integers(-1000, 1000).map(lambda i: i / 8)  # sums of these are exact
SAMPLE = st.lists(NUMBER, min_size=2, max_size=12).map(np.array)


def test_difference_by_hand():
    # variances 4 and 9 over 2 and 3 seeds: standard error sqrt(2 + 3), degrees 25 / (4/1 + 9/2) = 2.941
    found = difference(np.array([8.0 - 2**0.5, 8.0 + 2**0.5]), 5.0, 3.0, 3, 0.0)
    assert found.estimate == pytest.approx(3.0)
    assert found.standard_error == pytest.approx(5**0.5)
    width = stats.t.ppf(0.95, 25 / 8.5) * 5**0.5
    assert (found.low, found.high) == pytest.approx((3.0 - width, 3.0 + width))


@settings(deadline=None)
@given(SAMPLE, NUMBER, st.integers(1, 800).map(lambda i: i / 8), st.integers(2, 30))
def test_difference_is_the_interval_of_welchs_test(ours, mean, spread, seeds):
    assume(ours.std() > 0)
    found = difference(ours, mean, spread, seeds, 0.0)
    t, p = stats.ttest_ind_from_stats(ours.mean(), ours.std(ddof=1), len(ours), mean, spread, seeds, equal_var=False)
    assert found.estimate / found.standard_error == pytest.approx(t)
    # an end of the 90 % interval lies at zero where the one-sided p-value is 5 %
    assert (found.low > 0 or found.high < 0) == (p < 0.10)
    theirs = [mean - spread, mean + spread]
    if seeds == 2:
        sample = np.array(theirs) / 2**0.5 + mean * (1 - 0.5**0.5)
        low, high = stats.ttest_ind(ours, sample, equal_var=False).confidence_interval(0.90)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_where_the_paper_prints_no_spread_ours_stands_in_for_it():
    ours = np.array([1.0, 2.0, 4.0])
    spread = float(ours.std(ddof=1))
    assert difference(ours, 2.0, None, 5, 0.1) == difference(ours, 2.0, spread, 5, 0.1)
    assert difference(ours, 2.0, None, 5, 0.1).standard_error > difference(ours, 2.0, None, None, 0.1).standard_error


@settings(deadline=None)
@given(SAMPLE, NUMBER)
def test_against_an_exact_expectation_it_is_the_interval_of_students_test(ours, expected):
    assume(ours.std() > 0)
    found = difference(ours, expected, None, None, 0.0)
    interval = stats.ttest_1samp(ours, expected).confidence_interval(0.90)
    assert (found.low, found.high) == pytest.approx((interval.low - expected, interval.high - expected), abs=1e-9)


def test_rounding_is_uniform_over_one_unit_of_the_last_digit():
    assert difference(np.array([3.0, 3.0]), 2.0, None, None, 0.6).standard_error == pytest.approx(0.6 / 12**0.5)
    found = difference(np.array([2.0, 4.0]), 2.0, None, None, 0.6)
    assert found.standard_error**2 == pytest.approx(1.0 + 0.03)


def test_equal_seeds_against_an_exact_expectation_leave_no_width():
    found = difference(np.array([3.0, 3.0, 3.0]), 2.0, None, None, 0.0)
    assert (found.low, found.estimate, found.high) == (1.0, 1.0, 1.0)


@given(st.lists(NUMBER, min_size=1, max_size=7), NUMBER)
def test_sign_flip_counts_all_assignments(differences, gap):
    shifted = [d - gap for d in differences]
    sums = [sum(s * d for s, d in zip(signs, shifted, strict=True)) for signs in _signs(len(shifted))]
    expected = sum(total >= sum(shifted) for total in sums) / len(sums)
    assert sign_flip(np.array(differences), gap) == expected


def _signs(n):
    return itertools.product([1, -1], repeat=n)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=8))
def test_sign_flip_is_scipys_exact_paired_permutation_test(pairs):
    above, below = np.array(pairs).T
    exact = stats.permutation_test(
        (above, below),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert sign_flip(above - below) == pytest.approx(exact.pvalue)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0] * 5, 1 / 32),
        ([1.0] * 4, 1 / 16),
        ([-1.0] * 5, 1.0),
        ([0.0] * 5, 1.0),
        ([1.0, 1.0, 0.0], 1 / 4),  # a zero lies on either side: it decides nothing
        ([1.0, -1.0], 3 / 4),
        ([0.1, 0.2, 0.3, -0.6], 9 / 16),  # sums that differ in the last bit only are ties
    ],
)
def test_sign_flip_by_hand(differences, p):
    assert sign_flip(np.array(differences)) == p


def test_the_gap_is_taken_off_first():
    differences = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert sign_flip(differences, 0.5) == 1 / 32
    assert sign_flip(differences, 1.0) == 2 / 32
    assert sign_flip(-differences, -6.0) == 1 / 32


@pytest.mark.parametrize(("n", "exact"), [(16, True), (17, False)])
def test_more_than_sixteen_differences_fall_to_students_t(n, exact):
    differences = np.random.default_rng(0).normal(0.3, 1.0, n)
    t = stats.ttest_1samp(differences, 0.1, alternative="greater").pvalue
    p = sign_flip(differences, 0.1)
    assert (p * 2**n == round(p * 2**n)) is exact
    assert (p == t) is not exact
    assert p == pytest.approx(t, abs=0.02)


def test_page_trend_counts_all_orders_of_ranks():
    values = np.array([[1.0, 3.0, 2.0], [5.0, 6.0, 9.0]])
    rows = list(itertools.permutations([1, 2, 3]))
    statistics = [a @ np.array([1, 2, 3]) + b @ np.array([1, 2, 3]) for a in map(np.array, rows) for b in rows]
    observed = (1 * 1 + 2 * 3 + 3 * 2) + (1 + 4 + 9)
    assert page_trend(values) == pytest.approx(np.mean(np.array(statistics) >= observed))


@given(st.integers(3, 6), st.integers(2, 6), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_page_trend_is_scipys_and_its_direction_is_rising(points, seeds, random):
    values = np.array([random.sample(range(100), points) for _ in range(seeds)], dtype=float)
    assert page_trend(values) == stats.page_trend_test(values).pvalue
    rising = np.sort(values, axis=1)
    assert page_trend(rising) == pytest.approx((1 / len(list(itertools.permutations(range(points))))) ** seeds)
    assert page_trend(rising[:, ::-1]) == pytest.approx(1.0)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None)
def test_binomial_bounds_are_quantiles_of_beta(case):
    events, n = case
    low, high = binomial_bounds(events, n)
    assert low == pytest.approx(stats.beta.ppf(0.05, events, n - events + 1) if events else 0.0)
    assert high == pytest.approx(stats.beta.ppf(0.95, events + 1, n - events) if events < n else 1.0)


def test_binomial_bounds_by_hand():
    # all of 5: the lowest rate under which that still has a chance of 5 %
    assert binomial_bounds(5, 5) == pytest.approx((0.05**0.2, 1.0))
    assert binomial_bounds(0, 5) == pytest.approx((0.0, 1 - 0.05**0.2))
