import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from common.claims.statistics import (
    rate,
    rate_interval,
)
from tests.common.claims.statistics import evidence

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
