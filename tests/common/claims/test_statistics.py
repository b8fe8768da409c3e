import functools
import itertools
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats
from statsmodels.stats.weightstats import ttost_ind

from common.claims.statistics import (
    ALPHA,
    Difference,
    Evidence,
    Undefined,
    _jonckheere,
    _t_nodes,
    above_gap,
    above_gap_everywhere,
    angle,
    behrens_fisher,
    half_band,
    mean,
    rank_correlation,
    rate,
    rate_interval,
    rising,
    rising_unblocked,
    seeds_to_order,
    seeds_to_settle,
    share,
    signs,
    spread,
    t_cdf,
    t_quantile,
    tidy,
    welch,
    wider,
    within,
)

NUMBER = st.integers(-1000, 1000).map(lambda i: i / 8)  # sums of these are exact
SAMPLE = st.lists(NUMBER, min_size=2, max_size=12).map(np.array).filter(lambda values: values.std() > 0)
WIDTH = st.integers(0, 400).map(lambda i: i / 8)
ERROR = st.one_of(st.just(0.0), st.floats(0.01, 10.0))
DEGREES = st.floats(1.0, 50.0)


def two_samples(ours, theirs):
    return welch(
        ours.mean() - theirs.mean(),
        ours.var(ddof=1) / len(ours),
        len(ours) - 1,
        theirs.var(ddof=1) / len(theirs),
        len(theirs) - 1,
    )


def evidence(test):
    return tuple(float(p) for p in (test.holds, test.low, test.high, test.against))


@settings(deadline=None, max_examples=25)
@given(SAMPLE, SAMPLE, st.sampled_from([0.5, 0.9, 0.95]))
def test_the_interval_of_two_samples_is_welchs(ours, theirs, confidence):
    found, expected = two_samples(ours, theirs), stats.ttest_ind(ours, theirs, equal_var=False)
    assert found.degrees == pytest.approx(expected.df)
    assert found.interval(confidence) == pytest.approx(tuple(expected.confidence_interval(confidence)), abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(SAMPLE, NUMBER)
def test_the_interval_against_an_exact_number_is_students(ours, expected):
    found = welch(ours.mean() - expected, ours.var(ddof=1) / len(ours), len(ours) - 1, 0.0, 1.0)
    interval = stats.ttest_1samp(ours, expected).confidence_interval(0.90)
    assert found.interval() == pytest.approx((interval.low - expected, interval.high - expected), abs=1e-9)
    assert found.degrees == pytest.approx(len(ours) - 1)


@pytest.mark.parametrize("value", [0.7, 0.1, 1e-9, 3.3e7])
@pytest.mark.parametrize("n", [2, 3, 5, 15])
def test_equal_numbers_have_themselves_for_a_mean_and_no_spread(value, n):
    values = np.full(n, value)
    assert (mean(values), spread(values), half_band(values)) == (value, 0.0, 0.0)


def test_the_mean_and_spread_of_numbers_that_differ():
    values = np.array([1.0, 2.0, 6.0])
    assert (mean(values), spread(values)) == pytest.approx((3.0, 7.0**0.5))


def test_the_rounding_of_sums_is_not_shown():
    assert tidy(0.1 + 0.2) == 0.3
    assert tidy(0.3000000000001) == 0.3000000000001


def test_welch_by_hand():
    # variances 4 and 9 over 2 and 3 seeds: standard error sqrt(2 + 3), degrees 25 / (4/1 + 9/2) = 2.941
    found = welch(3.0, 2.0, 1, 3.0, 2)
    assert (found.estimate, found.error, found.degrees) == pytest.approx((3.0, 5**0.5, 25 / 8.5))


@pytest.mark.parametrize("known", [0.0, 2.0])
def test_a_known_variance_leaves_the_degrees_to_the_other_mean(known):
    assert welch(0.0, 0.0, 4, 2.0, np.inf).degrees == np.inf
    assert welch(0.0, 2.0, np.inf, 0.0, 4).degrees == np.inf
    found = welch(np.array([0.0, 0.0]), np.array([0.0, 2.0]), 4, known, np.inf)
    assert found.degrees.tolist() == pytest.approx([np.inf if known else 4.0, (2.0 + known) ** 2])
    certain = welch(3.0, 0.0, 4, 2.0, np.inf)
    assert certain.interval() == pytest.approx(stats.norm(3.0, 2.0**0.5).interval(0.90))
    assert within(certain, -1.0, 1.0).high == pytest.approx(stats.norm.sf(2.0, scale=2.0**0.5))


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e150])
def test_degrees_do_not_change_with_the_unit(scale):
    assert welch(0.0, 2.0 * scale, 4, 3.0 * scale, 9).degrees == pytest.approx(welch(0.0, 2.0, 4, 3.0, 9).degrees)


def test_many_differences_are_computed_at_once():
    found = welch(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, 0.0]), 4, np.array([0.25, 0.25, 0.0]), 9)
    parts = [welch(1.0, 0.5, 4, 0.25, 9), welch(2.0, 0.0, 4, 0.25, 9), welch(3.0, 0.0, 4, 0.0, 9)]
    assert found.degrees.tolist() == pytest.approx([float(part.degrees) for part in parts])
    assert np.array(found.interval()).T.ravel() == pytest.approx([end for part in parts for end in part.interval()])
    together = within(found, -1.5, 1.5)
    for i, part in enumerate(parts):
        alone = within(part, -1.5, 1.5)
        for name in ("holds", "low", "high", "against"):
            assert getattr(together, name)[i] == pytest.approx(float(getattr(alone, name)))


def test_without_spread_the_interval_is_a_point_and_a_blur_widens_it():
    assert welch(2.0, 0.0, 4, 0.0, 9).interval() == (2.0, 2.0)
    assert Difference(2.0, 0.0, 4.0, 0.5).interval() == (1.5, 2.5)
    width = stats.t.ppf(0.95, 4) * 0.1
    assert Difference(2.0, 0.1, 4.0, 0.5).interval() == pytest.approx((1.5 - width, 2.5 + width))


@settings(deadline=None, max_examples=25)
@given(st.floats(-50.0, 50.0), st.floats(0.01, 10.0), DEGREES, st.floats(0.01, 0.99))
def test_students_distribution_is_scipys(difference, error, degrees, probability):
    assert t_cdf(difference, error, degrees) == pytest.approx(stats.t.cdf(difference / error, degrees), rel=1e-9)
    assert t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-9, abs=1e-12)


def test_without_error_students_distribution_is_a_step():
    assert t_cdf(np.array([-1e-300, 0.0, 1e-300]), 0.0, 3.0).tolist() == [0.0, 0.5, 1.0]


@settings(deadline=None, max_examples=25)
@given(SAMPLE, SAMPLE, NUMBER, WIDTH)
def test_a_claim_of_a_band_is_tested_as_statsmodels_and_scipy_do(ours, theirs, low, width):
    high = low + width
    found = within(two_samples(ours, theirs), low, high)
    assert found.holds == pytest.approx(ttost_ind(ours, theirs, low, high, usevar="unequal")[0], abs=1e-9)
    under = stats.ttest_ind(ours - low, theirs, equal_var=False, alternative="less").pvalue
    over = stats.ttest_ind(ours - high, theirs, equal_var=False, alternative="greater").pvalue
    assert (found.low, found.high) == pytest.approx((under, over), abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(SAMPLE, SAMPLE, NUMBER)
def test_a_band_without_width_is_contradicted_as_by_the_two_sided_test(ours, theirs, expected):
    difference = two_samples(ours, theirs)
    assume(difference.estimate != expected)
    against = within(replace(difference, parts=None), expected, expected).against
    assert against == pytest.approx(stats.ttest_ind(ours - expected, theirs, equal_var=False).pvalue, abs=1e-9)


@pytest.mark.parametrize("shares", [(1.0, 1.0), (1.0, 0.01), (0.04, 1.0), (1.0, 1e-6)])
@pytest.mark.parametrize("degrees", [(4.0, 4.0), (2.0, 14.0), (9.5, 1.0)])
@pytest.mark.parametrize("difference", [0.0, -1.0, -6.0])
def test_behrens_fisher_is_the_integral_over_both_parts(shares, degrees, difference):
    (a, b), (df_a, df_b) = shares, degrees

    def below(u):
        return stats.t.pdf(u, df_b) * stats.t.cdf((difference - b**0.5 * u) / a**0.5, df_a)

    ends = [-np.inf, -100.0, -10.0, 0.0, 10.0, 100.0, np.inf]
    exact = sum(integrate.quad(below, *pair, limit=200)[0] for pair in pairwise(ends))
    parts = (a, df_a, b, df_b)
    assert behrens_fisher(difference, parts) == pytest.approx(exact, rel=5e-3)
    assert behrens_fisher(-difference, parts) == pytest.approx(1.0 - exact, rel=5e-3)


@pytest.mark.parametrize("degrees", [1.0, 1.7, 4.0, 30.0, 1e6, np.inf])
def test_the_points_behind_behrens_fisher_are_finite_and_symmetric_whatever_scipy_says_of_the_quantile_of_one(
    monkeypatch, degrees
):
    quantile = special.stdtrit
    _t_nodes.cache_clear()
    monkeypatch.setattr(special, "stdtrit", lambda df, p: np.where(p < 1.0, quantile(df, p), np.nan))  # below 1.17
    points, weights = _t_nodes(degrees)
    _t_nodes.cache_clear()
    assert np.isfinite(points).all()
    assert points == pytest.approx(-points[::-1], rel=1e-9, abs=1e-9)
    assert (np.diff(points) > 0).all()
    assert weights.sum() == pytest.approx(1.0)
    normal = np.linspace(-9.0, 9.0, 181)[:90]
    assert special.stdtr(degrees, points[:90]) == pytest.approx(special.ndtr(normal), rel=1e-6)


def test_far_out_both_sides_have_the_same_chance():
    for parts in ((0.16 / 5, 4.0, 0.25 / 5, 4.0), (0.01, 14.0, 4.0, 1.0)):
        low, high = behrens_fisher(-40.0, parts), behrens_fisher(40.0, parts)
        assert 0.0 < low < 0.05
        assert low == pytest.approx(1.0 - high, rel=1e-6)


@pytest.mark.parametrize("name", ["holds", "low", "high", "against"])
@pytest.mark.parametrize("bad", [np.nan, np.array([0.5, np.nan])])
def test_evidence_that_is_not_a_number_is_none(name, bad):
    with pytest.raises(Undefined, match="the p-value of its test is not a number"):
        Evidence(**{**dict.fromkeys(("holds", "low", "high", "against"), 0.5), name: bad})


HUGE = np.array([1e200, 2e200, 3e200])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "test",
    [
        lambda: within(Difference(np.nan, 1.0, 4.0), -1.0, 1.0),
        lambda: within(Difference(2.0, np.nan, 4.0), -1.0, 1.0),
        lambda: within(welch(2e200, HUGE.var(ddof=1), 2.0, 0.0, 1.0), -1.0, 1.0),
        lambda: above_gap(np.full(3, 1e308)),
        lambda: above_gap(np.concatenate([HUGE] * 6)),
        lambda: above_gap_everywhere(-HUGE[None]),
        lambda: wider(HUGE, HUGE[::-1] / 2),
    ],
)
def test_numbers_that_overflow_a_test_are_no_evidence(test):
    with pytest.raises(Undefined, match="the numbers are too large for its test"):
        test()


def test_behrens_fisher_with_one_exact_part_is_students():
    for parts in ((1.0, 4.0, 0.0, 9.0), (0.0, 9.0, 1.0, 4.0)):
        assert behrens_fisher(-2.0, parts) == pytest.approx(stats.t.cdf(-2.0, 4.0))


@pytest.mark.parametrize("own", [1 / 16, 16.0])
@pytest.mark.parametrize("n", [3, 15])
def test_far_out_behrens_fisher_keeps_its_level_where_welch_does_not(n, own):
    rng = np.random.default_rng(0)
    a, b = own * rng.chisquare(n - 1, 300) / (n - 1) / n, rng.chisquare(4, 300) / 4 / 5
    spread = (own / n + 1 / 5) ** 0.5
    level = 0.0025
    gaps = np.linspace(0.0, 12.0, 25) * spread  # the chance of a gap, given the variances, needs no draws
    p = np.stack([behrens_fisher(-gap, (a, n - 1.0, b, 4.0)) for gap in gaps])
    critical = np.array([np.interp(-level, -column, gaps) for column in p.T])
    assert special.ndtr(-critical / spread).mean() <= level


@settings(deadline=None, max_examples=25)
@given(NUMBER, st.floats(0.01, 10.0), DEGREES, NUMBER, WIDTH)
def test_against_a_band_counts_all_that_lies_as_far_outside_it(estimate, error, degrees, low, width):
    high = low + width
    against = within(Difference(estimate, error, degrees), low, high).against
    if low <= estimate <= high:
        assert against == 1.0
    else:
        beyond = max(low - estimate, estimate - high)
        centre = low if estimate < low else high  # the truth in the band that is hardest to tell apart
        by_chance = stats.t(degrees, loc=centre, scale=error)
        assert against == pytest.approx(by_chance.cdf(low - beyond) + by_chance.sf(high + beyond), rel=1e-6, abs=1e-15)


@settings(deadline=None, max_examples=25)
@given(NUMBER, ERROR, DEGREES, NUMBER, WIDTH, WIDTH)
def test_a_blur_is_an_error_in_the_worst_direction(estimate, error, degrees, low, width, blur):
    high = low + width

    def moved(by):
        return within(Difference(estimate + by, error, degrees), low, high)

    found = within(Difference(estimate, error, degrees, blur), low, high)
    assert found.holds == pytest.approx(max(moved(by).holds for by in (-blur, 0.0, blur)))
    assert (found.low, found.high) == pytest.approx((moved(blur).low, moved(-blur).high))
    inwards = float(np.clip((low + high) / 2 - estimate, -blur, blur))
    assert found.against == pytest.approx(moved(inwards).against)


@pytest.mark.parametrize(
    ("estimate", "p"),
    [
        (-2.0, (1.0, 0.0, 1.0, 0.0)),
        (-1.0, (0.5, 0.5, 1.0, 1.0)),
        (0.0, (0.0, 1.0, 1.0, 1.0)),
        (3.0, (0.5, 1.0, 0.5, 1.0)),
        (4.0, (1.0, 1.0, 0.0, 0.0)),
    ],
)
def test_without_error_a_band_holds_or_does_not(estimate, p):
    assert evidence(within(Difference(estimate, 0.0, 3.0), -1.0, 3.0)) == p


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_a_band_may_be_open_on_one_side(error):
    found = within(Difference(2.0, error, 3.0), -np.inf, 1.0)
    over = stats.t.sf(1.0, 3.0) if error else 0.0
    assert evidence(found) == pytest.approx((1.0 - over, 1.0, over, over))
    mirrored = within(Difference(-2.0, error, 3.0), -1.0, np.inf)
    assert evidence(mirrored) == pytest.approx((1.0 - over, over, 1.0, over))


@pytest.mark.parametrize("width", [0.0, 0.3, 1.0, 20.0])
def test_at_a_bound_both_the_claim_and_its_denial_are_wrong_in_at_most_one_of_twenty(width):
    runs = np.random.default_rng(3).normal(0.0, 1.0, (60_000, 5))
    found = within(welch(runs.mean(-1), runs.var(-1, ddof=1) / 5, 4, 0.0, 1.0), 0.0, width)
    assert ALPHA - 0.006 < np.mean(found.against <= ALPHA) < ALPHA + 0.003
    assert np.mean(found.holds <= ALPHA) <= ALPHA + 0.003


EDGE, FEW = "the difference lies on the edge of the margin", "the paper had too few seeds"


def settled(estimate, blur, bounds, variance, theirs, their_degrees, n):
    """Tell by scipy's tests of two samples whether n seeds decide."""

    def p(moved, bound, alternative):
        runs = their_degrees + 1
        spreads = (variance**0.5, n, bound, (theirs * runs) ** 0.5, runs)
        return stats.ttest_ind_from_stats(moved, *spreads, equal_var=False, alternative=alternative).pvalue

    low, high = bounds
    holds = max(p(estimate - blur, low, "greater"), p(estimate + blur, high, "less"))
    return min(holds, p(estimate + blur, low, "less"), p(estimate - blur, high, "greater")) <= ALPHA


@settings(deadline=None, max_examples=30)
@given(
    st.floats(-3.0, 3.0),
    st.floats(0.0, 0.3),
    st.floats(-2.0, -0.1),
    st.floats(0.1, 2.0),
    st.floats(0.01, 9.0),
    st.one_of(st.just(0.0), st.floats(1e-4, 0.5)),
    st.integers(1, 20),
)
def test_the_number_of_seeds_that_settles_does_and_clearly_fewer_do_not(
    estimate, blur, low, high, variance, theirs, their_degrees
):
    bounds = (low, high)
    found, why = seeds_to_settle(Difference(estimate, 1.0, 4.0, blur), bounds, variance, theirs, their_degrees)
    room = min(abs(estimate - low), abs(estimate - high)) - blur
    assume(abs(room) > 1e-6)

    def decides(n):
        return settled(estimate, blur, bounds, variance, theirs, their_degrees, n)

    if room < 0.0:
        assert (found, why) == (None, EDGE)
    elif stats.norm.ppf(0.95) * theirs**0.5 > room:
        assert (found, why) == (None, FEW)
    elif found is None:
        assert why in (EDGE, FEW)
        assert not decides(10_000)
    else:
        assert why == ""
        assert decides(found * 1.000001)
        assert not any(decides(n) for n in {2, found // 2, int(0.9 * found)} if 2 <= n <= 0.9 * found)


def test_no_number_of_seeds_settles_what_the_other_mean_leaves_open():
    # t of 1 degree is 6.31 at 95 %: a standard error of 0.1 leaves 0.63 open whatever we do
    difference = Difference(0.0, 1.0, 4.0)
    assert seeds_to_settle(difference, (-0.6, 0.6), 1e-6, 0.01, 1) == (None, FEW)
    assert seeds_to_settle(difference, (-0.64, 0.64), 1e-6, 0.01, 1) == (2, "")
    assert seeds_to_settle(difference, (-0.6, 0.6), 1e-6, 0.0, 1) == (2, "")


@pytest.mark.parametrize("estimate", [1.0, 0.95, 1.05])
def test_no_number_of_seeds_settles_what_rounding_leaves_on_the_edge(estimate):
    assert seeds_to_settle(Difference(estimate, 1.0, 4.0, 0.1), (-1.0, 1.0), 1e-6, 0.0, 1) == (None, EDGE)


def test_more_seeds_than_anyone_can_run_settle_nothing():
    # 1.645 of a deviation over the root of 10,000 seeds is 0.01645
    for room, settles in ((0.0164, False), (0.0165, True)):
        found, why = seeds_to_settle(Difference(1.0 - room, 1.0, 4.0), (-1.0, 1.0), 1.0, 0.0, 1)
        assert (found, why) == ((10_000, "") if settles else (None, EDGE))


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


EVENTS = st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None, max_examples=25)
@given(EVENTS, st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 1.0])))
def test_a_rate_is_tested_as_scipy_does(case, bound):
    events, n = case
    above = stats.binomtest(events, n, bound, alternative="greater").pvalue
    below = stats.binomtest(events, n, bound, alternative="less").pvalue
    assert evidence(rate(events, n, bound, None)) == pytest.approx((above, below, 1.0, below), abs=1e-12)
    assert evidence(rate(events, n, None, bound)) == pytest.approx((below, 1.0, above, above), abs=1e-12)


def test_rates_are_tested_side_by_side():
    events = np.array([0, 3, 5])
    for bounds in ((0.9, None), (None, 0.2)):
        found = rate(events, 5, *bounds)
        for i, count in enumerate(events):
            alone = rate(int(count), 5, *bounds)
            assert (found.holds[i], found.low[i], found.high[i], found.against[i]) == pytest.approx(evidence(alone))


def test_rates_by_hand():
    assert evidence(rate(5, 5, 0.5, None)) == pytest.approx((1 / 32, 1.0, 1.0, 1.0))
    assert evidence(rate(0, 5, 0.5, None)) == pytest.approx((1.0, 1 / 32, 1.0, 1 / 32))
    assert evidence(rate(0, 5, None, 0.5)) == pytest.approx((1 / 32, 1.0, 1.0, 1.0))
    assert evidence(rate(4, 5, None, 0.5)) == pytest.approx((31 / 32, 1.0, 6 / 32, 6 / 32))


@settings(deadline=None, max_examples=25)
@given(EVENTS)
def test_the_interval_of_a_rate_is_scipys_exact_one(case):
    events, n = case
    expected = stats.binomtest(events, n).proportion_ci(0.90, "exact")
    assert rate_interval(events, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_interval_of_a_rate_by_hand():
    # all of 5: the lowest rate under which that still has a chance of 5 %
    assert rate_interval(5, 5) == pytest.approx((0.05**0.2, 1.0))
    assert rate_interval(0, 5) == pytest.approx((0.0, 1 - 0.05**0.2))


@settings(deadline=None, max_examples=25)
@given(st.floats(0.0, 1.0))
def test_angles_and_shares_are_inverse(part):
    assert share(angle(part)) == pytest.approx(part, abs=1e-12)
    assert angle(share(part * np.pi / 2)) == pytest.approx(part * np.pi / 2, abs=1e-7)


def test_angles_by_hand_and_past_the_ends():
    shares = np.array([-0.1, 0.0, 0.25, 0.5, 0.75, 1.0, 1.1])
    assert angle(shares) == pytest.approx(np.pi * np.array([0, 0, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 1 / 2]))
    assert share(np.array([-1.0, 0.0, np.pi / 6, np.pi / 2, 3.0])) == pytest.approx([0.0, 0.0, 0.25, 1.0, 1.0])


@pytest.mark.parametrize("rate_of_hits", [0.1, 0.5, 0.97])
def test_on_the_angle_scale_the_binomial_spread_is_the_same_everywhere(rate_of_hits):
    images = 2000
    hits = np.arange(images + 1)
    weights = stats.binom.pmf(hits, images, rate_of_hits)
    angles = angle(hits / images)
    spread = weights @ (angles - weights @ angles) ** 2
    assert spread == pytest.approx(0.25 / images, rel=0.02)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12))
def test_rank_correlation_is_scipys_ties_included(points):
    first, second = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    assume(first.std() > 0 and second.std() > 0)
    assert rank_correlation(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
