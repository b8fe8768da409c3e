import numpy as np
import pytest

from common.claims.verdict import Finding, Verdict, decide, finding


@pytest.mark.parametrize(
    ("holds", "low", "high", "wanted"),
    [
        (0.05, 1.0, 1.0, Verdict.REPRODUCED),
        (0.05, 0.01, 1.0, Verdict.REPRODUCED),
        (0.06, 0.05, 1.0, Verdict.DEVIATES_LOW),
        (0.06, 1.0, 0.05, Verdict.DEVIATES_HIGH),
        (0.06, 0.01, 0.02, Verdict.DEVIATES_LOW),
        (0.06, 0.02, 0.01, Verdict.DEVIATES_HIGH),
        (0.06, 0.06, 0.06, Verdict.INCONCLUSIVE),
    ],
)
def test_five_percent_decide(holds, low, high, wanted):
    assert decide(holds, low, high) is wanted


def test_a_finding_sums_up_its_sample():
    found = finding(Verdict.REPRODUCED, "s", np.array([1.0, 2.0, 3.0]), 0.5, 7)
    assert found == Finding(Verdict.REPRODUCED, "s", 2.0, 1.0, 3, 0.5, 7)
    assert finding(Verdict.ERROR, "s", np.array([1.0]), None).spread is None
