import numpy as np
import pytest

from common.claims.statistics import (
    Difference,
    Evidence,
    Undefined,
    above_gap,
    above_gap_everywhere,
    welch,
    wider,
    within,
)


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
