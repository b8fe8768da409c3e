import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special
from statsmodels.stats.multitest import multipletests

from common.claims.multiplicity import LEAST_FAMILY, Prior, benjamini_hochberg, holm, prior
from common.claims.statistics import Undefined, t_quantile

P_VALUES = st.lists(st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.01, 0.05, 1.0])), min_size=1, max_size=7)
ABOVE_ZERO = st.floats(1e-6, 1e6)


@pytest.mark.parametrize("count", [1, 2, 7, 40])
@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_adjusted_p_values_are_those_of_statsmodels(ours, theirs, count):
    rng = np.random.default_rng(count)
    p = np.concatenate([rng.uniform(0.0, 1.0, count), rng.uniform(0.0, 0.02, count), rng.choice([0.0, 0.01, 1.0], 3)])
    before = p.copy()
    assert ours(p) == pytest.approx(multipletests(p, method=theirs)[1])
    assert (p == before).all()


@settings(deadline=None, max_examples=40)
@given(P_VALUES)
def test_holms_is_bonferronis_test_of_every_set_of_claims(p):
    sets = [chosen for size in range(1, len(p) + 1) for chosen in itertools.combinations(range(len(p)), size)]
    bonferroni = {chosen: min(1.0, len(chosen) * min(p[i] for i in chosen)) for chosen in sets}
    closed = [max(bonferroni[chosen] for chosen in sets if i in chosen) for i in range(len(p))]
    assert holm(np.array(p)).tolist() == pytest.approx(closed)


@settings(deadline=None, max_examples=40)
@given(P_VALUES, st.floats(0.0, 1.0))
def test_benjamini_and_hochbergs_lists_up_to_the_last_p_value_below_its_line(p, q):
    ordered = sorted(p)
    last = max((k for k in range(1, len(p) + 1) if ordered[k - 1] * len(p) / k <= q), default=0)
    assert (benjamini_hochberg(np.array(p)) <= q).sum() == sum(value <= ordered[last - 1] for value in p if last)


def test_adjusted_p_values_by_hand():
    p = np.array([0.04, 0.01, 0.03, 0.005])
    assert holm(p).tolist() == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert benjamini_hochberg(p).tolist() == pytest.approx([0.04, 0.02, 0.04, 0.02])


@pytest.mark.parametrize("adjusted", [holm, benjamini_hochberg])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_p_value_that_is_not_a_number_adjusts_nothing(adjusted, where):
    with pytest.raises(Undefined, match="not a number"):
        adjusted(np.insert([0.01, 0.5], where, np.nan))


@pytest.mark.parametrize("adjusted", [holm, benjamini_hochberg])
def test_no_claims_adjust_to_none(adjusted):
    assert adjusted(np.array([])).shape == (0,)


def test_a_variance_below_the_prior_is_averaged_with_it_by_hand():
    # three quarters of the way up to the prior: three quarters of its degrees
    assert Prior(4.0, 4.0).moderate(1.0, 4.0) == ((4 * 4 + 4 * 1) / 8, 4 + 0.75 * 4)
    # a family without end lends at most two degrees for each of the four
    assert Prior(4.0, np.inf).moderate(1.0, 4.0) == ((8 * 4 + 4 * 1) / 12, 4 + 0.75 * 8)
    assert Prior(4.0, 4.0).moderate(0.0, 4.0) == (2.0, 8.0)


@pytest.mark.parametrize("own", [1.0, 2.0, 3.0])
def test_a_variance_of_fewer_than_five_seeds_is_left_as_it_is(own):
    assert Prior(4.0, np.inf).moderate(1.0, own) == (1.0, own)


@settings(deadline=None, max_examples=40)
@given(ABOVE_ZERO, st.one_of(ABOVE_ZERO, st.just(np.inf)), st.floats(0.0, 1e6), st.integers(4, 30).map(float))
def test_moderation_only_raises_and_takes_at_most_two_degrees_for_one(centre, shared, variance, own):
    raised, degrees = Prior(centre, shared).moderate(variance, own)
    if variance >= centre:
        assert (raised, degrees) == (pytest.approx(variance, rel=1e-12), own)
    else:
        assert variance <= raised <= centre * (1 + 1e-12)
        assert degrees == pytest.approx(own + min(shared, 2.0 * own) * (centre - variance) / centre)
        assert own <= degrees <= 3.0 * own


def test_moderation_takes_many_variances_at_once():
    raised, degrees = Prior(4.0, 4.0).moderate(np.array([1.0, 4.0, 9.0]), 4.0)
    assert raised.tolist() == [2.5, 4.0, 9.0]
    assert degrees.tolist() == [7.0, 4.0, 4.0]


def test_moderation_does_not_jump_at_the_prior():
    for below in (1e-6, 1e-9):
        raised, degrees = Prior(4.0, 3.0).moderate(4.0 * (1.0 - below), 4.0)
        assert (raised, degrees) == pytest.approx((4.0, 4.0), rel=2.0 * below)


@pytest.mark.parametrize("times", [0.1, 0.3, 1.0, 3.0, 6.0, 20.0])
@pytest.mark.parametrize("shared", [1.0, 4.0, np.inf])
def test_moderated_tests_of_five_seeds_hold_their_level_for_claims_that_vary_unlike_their_family(shared, times):
    variance = times * np.random.default_rng(0).chisquare(4.0, 20_000) / 4.0
    raised, degrees = Prior(1.0, shared).moderate(variance, 4.0)

    def false_alarms(level):  # the chance of a mean that low, given the variance: no noise but that of variances
        return special.ndtr(t_quantile(level, degrees) * np.sqrt(raised / times)).mean()

    assert false_alarms(0.05) <= 0.053
    assert false_alarms(0.002) <= 0.003
    if times == 20.0:
        assert false_alarms(0.05) > 0.045


@pytest.mark.parametrize("degrees", [2.0, 4.0, 9.0])
@pytest.mark.parametrize(("centre", "shared"), [(1.0, 3.0), (1e-6, 10.0), (250.0, 30.0)])
def test_the_prior_of_a_simulated_family_is_the_one_it_was_drawn_from(degrees, centre, shared):
    rng = np.random.default_rng(1)
    true = centre * shared / rng.chisquare(shared, 100_000)
    found = prior(true * rng.chisquare(degrees, 100_000) / degrees, degrees)
    assert found is not None
    assert found.variance == pytest.approx(centre, rel=0.03)
    assert found.degrees == pytest.approx(shared, rel=0.15)


def test_a_family_of_one_variance_shares_almost_everything():
    rng = np.random.default_rng(2)
    found = prior(3.0 * rng.chisquare(4.0, 100_000) / 4.0, 4.0)
    assert found is not None
    assert found.degrees > 200.0
    assert found.variance == pytest.approx(3.0, rel=0.02)


def test_variances_closer_than_chance_have_infinitely_many_degrees():
    # of a logarithm with 2 degrees, chance takes digamma(1) - log(1), which is minus Euler's constant
    assert prior(np.full(5, 2.0), 2.0) == Prior(pytest.approx(2.0 * np.exp(np.euler_gamma)), np.inf)


@pytest.mark.parametrize("spread", [1.3, 1.5, 3.0, 10.0, 100.0, 200.0])
@pytest.mark.parametrize("degrees", [2.0, 5.0])
def test_degrees_solve_the_trigamma_equation(spread, degrees):
    logs = spread * np.array([-1.0, -0.5, 0.0, 0.5, 2.0])
    found = prior(np.exp(logs), degrees)
    assert found is not None
    excess = logs.var(ddof=1) - special.polygamma(1, degrees / 2)
    half = optimize.brentq(lambda x: special.polygamma(1, x) - excess, 1e-4, 1e4, xtol=1e-12, rtol=1e-12)
    assert found.degrees == pytest.approx(2.0 * half, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(1e-3, 1e3), min_size=LEAST_FAMILY, max_size=12).map(np.array), st.floats(1e-3, 1e3))
def test_a_change_of_units_changes_the_prior_alike(variances, factor):
    one, other = prior(variances, 4.0), prior(variances * factor**2, 4.0)
    assert one is not None
    assert other is not None
    if one.degrees < 1e6:
        assert other.variance == pytest.approx(one.variance * factor**2, rel=1e-6)
        assert other.degrees == pytest.approx(one.degrees, rel=1e-3)


def test_four_variances_are_no_family():
    variances = np.array([1.0, 2.0, 3.0, 4.0, 50.0])
    assert prior(variances[:4], 4.0) is None
    assert prior(variances, 4.0) is not None
