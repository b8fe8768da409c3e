import numpy as np
import pytest

from common.claims.verdict import Finding, Verdict, decide, decide_each, finding, undecided


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


def test_what_is_undecidable_shows_its_numbers_and_why():
    sentence = (
        "ours 1 against 2 (3 seeds, p = 0.5) where more is claimed: inconclusive (about 9 seeds would settle it)."
    )
    found = Finding(Verdict.INCONCLUSIVE, sentence, 1.0, 0.1, 3, 0.5, 9)
    told = "ours 1 against 2 (3 seeds, p = 0.5) where more is claimed: undecidable, three runs decide nothing."
    assert undecided(found, "three runs decide nothing.") == Finding(Verdict.UNDECIDABLE, told, 1.0, 0.1, 3)
    for verdict in (Verdict.ERROR, Verdict.NOT_RUN):
        assert undecided(Finding(verdict, "s"), "why") == Finding(verdict, "s")


def test_many_cases_are_decided_as_one_is():
    wanted = [Verdict.REPRODUCED, Verdict.DEVIATES_LOW, Verdict.INCONCLUSIVE]
    assert decide_each(np.array([0.05, 0.5, 0.5]), np.array([1.0, 0.01, 1.0]), 1.0) == wanted
