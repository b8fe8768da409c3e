import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from common.claims.statistics import (
    angle,
    half_band,
    mean,
    rank_correlation,
    share,
    spread,
    tidy,
)


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
