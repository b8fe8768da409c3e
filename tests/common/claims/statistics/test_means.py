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
    behrens_fisher,
    seeds_to_settle,
    t_cdf,
    t_quantile,
    welch,
    within,
)
from common.claims.statistics.means import _t_nodes
from tests.common.claims.statistics import NUMBER, evidence

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
