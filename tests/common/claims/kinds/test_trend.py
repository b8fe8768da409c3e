import itertools

import numpy as np
import pytest

from common.claims.verdict import Verdict
from tests.common.toy import find, row, trend

RISE = [[1.0, 1.1, 1.2], [2.0, 2.1, 2.2], [3.0, 3.1, 3.2]]
LATIN = [[1.0, 2.0, 3.0], [2.0, 3.0, 1.0], [3.0, 1.0, 2.0]]


@pytest.mark.parametrize(
    ("columns", "direction", "wanted"),
    [
        (RISE, "rising", Verdict.REPRODUCED),
        (RISE, "falling", Verdict.DEVIATES_HIGH),
        (RISE[::-1], "falling", Verdict.REPRODUCED),
        (RISE[::-1], "rising", Verdict.DEVIATES_LOW),
        (LATIN, "rising", Verdict.INCONCLUSIVE),
        (LATIN, "falling", Verdict.INCONCLUSIVE),
    ],
)
def test_a_trend(columns, direction, wanted):
    finding = find(trend(direction), row(*columns))
    assert finding.verdict is wanted
    assert finding.sentence.endswith(f"where {direction} is claimed: {wanted}.")


def test_the_sentence_of_a_trend_shows_the_mean_of_every_point():
    finding = find(trend("falling"), row(*RISE))
    # one order of three ranks for each of three seeds: 1/6 to the third is the chance of a perfect trend
    assert finding.sentence == "1.1, 2.1, 3.1 along rate (3 seeds, p = 1.000) where falling is claimed: deviates-high."
    assert finding.against == pytest.approx(1 / 216)
    assert (finding.ours, finding.seeds) == (pytest.approx(2.0), 3)


def test_means_that_differ_look_different_and_those_that_do_not_look_alike():
    columns = [[0.5, 0.5, 0.5], [0.500004, 0.500004, 0.500004], [0.50003, 0.50003, 0.50003]]
    finding = find(trend(), row(*columns), unit="fraction")
    assert finding.sentence.startswith("50.00 %, 50.0004 %, 50.003 % along rate (3 seeds, ")
    assert find(trend(), row(*LATIN), unit="none").sentence.startswith("2, 2, 2 along rate")
    tenths = [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.2, 0.3, 0.1]]
    assert find(trend(), row(*tenths), unit="fraction").sentence.startswith("20.00 %, 20.00 %, 20.00 % along rate")


def test_one_seed_shows_no_trend():
    finding = find(trend(), row([1.0], [2.0], [3.0]))
    assert finding.sentence == "1, 2, 3 along rate: no trend from one seed: inconclusive."
    assert (finding.verdict, finding.against) == (Verdict.INCONCLUSIVE, 1.0)


LEVELS = [[0.0, 1.0, 2.0], [0.1, 1.1, 2.1], [0.2, 1.2, 2.2]]  # every seed rises a little, far from the next


def test_seeds_are_blocks_unless_they_pair_nothing():
    blocked, unblocked = (find(trend(unblocked=u), row(*LEVELS)) for u in (False, True))
    assert blocked.verdict is Verdict.REPRODUCED
    assert unblocked.verdict is Verdict.INCONCLUSIVE
    assert blocked.sentence.startswith("1, 1.1, 1.2 along rate (3 seeds, p = 0.005)")


def rises(columns):
    """Return how often a number lies above one of an earlier column."""
    return sum(b > a for x, y in itertools.combinations(columns, 2) for a in x for b in y)


def jonckheere(columns):
    """Return the share of all ways to deal nine different numbers to three columns that rise no more than this one."""
    numbers = {number for column in columns for number in column}
    every = []
    for first in itertools.combinations(numbers, 3):
        for second in itertools.combinations(numbers - {*first}, 3):
            every.append(rises([first, second, numbers - {*first, *second}]))
    return np.mean(np.array(every) <= rises(columns))


@pytest.mark.parametrize("columns", [RISE, RISE[::-1], LEVELS, LEVELS[::-1]])
def test_an_unblocked_trend_is_jonckheeres(columns):
    assert find(trend("rising", unblocked=True), row(*columns)).against == pytest.approx(jonckheere(columns))
    assert find(trend("falling", unblocked=True), row(*columns)).against == pytest.approx(jonckheere(columns[::-1]))


def test_numbers_that_are_all_equal_have_no_trend():
    for unblocked in (False, True):
        finding = find(trend(unblocked=unblocked), row(*[[1.0] * 3] * 3))
        assert finding.verdict is Verdict.INCONCLUSIVE
        assert finding.against > 0.05
