import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from common.claims.verdict import Verdict
from tests.common.toy import ALONG, RATES, find, order, pair, quantity, results

FLAT = [0.5, 0.5, 0.5, 0.6, 0.5]


@pytest.mark.parametrize(
    ("above", "below", "wanted", "words"),
    [
        ([0.6, 0.7, 0.6, 0.7, 0.6], FLAT, Verdict.REPRODUCED, "(5 paired seeds, p = 0.031)"),
        ([0.4, 0.4, 0.4, 0.4, 0.4], FLAT, Verdict.DEVIATES_LOW, "(5 paired seeds, p = 1.000)"),
        ([0.6, 0.7, 0.6, 0.7, 0.4], FLAT, Verdict.INCONCLUSIVE, "(5 paired seeds, p = 0.156)"),
        ([0.6] * 4, FLAT[:4], Verdict.INCONCLUSIVE, "(4 seeds cannot decide an order; 5 are the least)"),
        ([0.6], [0.5], Verdict.INCONCLUSIVE, "(1 seed cannot decide an order; 5 are the least)"),
        (FLAT, FLAT, Verdict.INCONCLUSIVE, "p = 1.000"),
    ],
)
def test_an_order(above, below, wanted, words):
    finding = find(order(), pair(above, below), unit="fraction")
    assert finding.verdict is wanted
    assert words in finding.sentence
    assert f"gap {100 * (np.mean(above) - np.mean(below)):.2f} points" in finding.sentence


def test_the_sentence_of_an_order():
    finding = find(order(), pair([0.6, 0.7, 0.6, 0.7, 0.6], FLAT), unit="fraction")
    assert finding.sentence == (
        "64.00 % against 52.00 %, gap 12.00 points (5 paired seeds, p = 0.031) where more than 0.00 points is "
        "claimed: reproduced."
    )
    assert (finding.ours, finding.seeds, finding.settle) == (pytest.approx(0.12), 5, None)


@pytest.mark.parametrize(
    ("above", "least", "words"),
    [
        (0.500004, 0.0, "50.0004 % against 50.00 %, gap 0.0004 points (5 paired seeds, p = 0.031) where more than 0.0"),
        (0.530004, 0.03, "gap 3.0004 points (5 paired seeds, p = 0.031) where more than 3.00 points is claimed: repro"),
        (0.53, 0.0299996, "gap 3.00 points (5 paired seeds, p = 0.031) where more than 2.99996 points is claimed: re"),
        (0.5, 0.000001, "gap 0.00 points (5 paired seeds, p = 1.000) where more than 0.0001 points is claimed: devi"),
    ],
)
def test_a_small_gap_is_shown_with_the_digits_that_decide(above, least, words):
    assert words in find(order(least_gap=least), pair([above] * 5, [0.5] * 5), unit="fraction").sentence


def test_what_rounding_leaves_of_equal_means_is_no_gap():
    finding = find(order(), pair([0.1, 0.3, 0.2], [0.2, 0.1, 0.3]), unit="fraction")
    assert finding.sentence.startswith("20.00 % against 20.00 %, gap 0.00 points (3 paired seeds, ")


def test_spreads_that_differ_look_different():
    finding = find(SPREADS, pair([0.1, 0.2, 0.300001], [0.3, 0.2, 0.1]), unit="fraction")
    assert finding.sentence.startswith("a spread of 10.0001 points against 10.00 points (3 paired seeds, ")


def test_an_order_is_paired_by_seed():
    noise = [0.0, 0.1, 0.2, 0.3, 0.4]
    above = [n + 0.01 for n in noise]
    assert find(order(), pair(above, noise)).verdict is Verdict.REPRODUCED
    assert find(order(), pair(above[::-1], noise)).verdict is Verdict.INCONCLUSIVE


def test_an_order_may_ask_for_a_gap_and_may_be_against_a_number():
    found = pair([0.61, 0.62, 0.63, 0.64, 0.65], [0.5] * 5)
    assert find(order(least_gap=0.10), found).verdict is Verdict.REPRODUCED
    assert find(order(least_gap=0.16), found).verdict is Verdict.DEVIATES_LOW
    assert find(order(least_gap=0.13), found).verdict is Verdict.INCONCLUSIVE
    assert find(order(below=0.6), found).verdict is Verdict.REPRODUCED
    assert find(order(above=0.6, below=quantity()), found).verdict is Verdict.DEVIATES_LOW
    assert "where more than 0.1 is claimed: reproduced." in find(order(least_gap=0.10), found).sentence


GAPS = st.lists(st.integers(-8, 8).map(float), min_size=2, max_size=7)


@settings(deadline=None)
@given(GAPS)
def test_the_evidence_against_an_order_counts_the_signs_that_are_no_higher(gaps):
    sums = np.array(list(itertools.product([1, -1], repeat=len(gaps)))) @ gaps
    assert find(order(), pair(gaps, [0.0] * len(gaps))).against == np.mean(sums <= sum(gaps))


def test_an_undecided_order_says_how_many_seeds_would_decide_it():
    # differences 3, 1, 2, 2, -1: mean 1.4, deviation 1.517; Student's t needs 1.4 sqrt(n) / 1.517 above its 95 % point
    finding = find(order(), pair([3.0, 1.0, 2.0, 2.0, -1.0], [0.0] * 5))
    wanted = next(n for n in range(5, 99) if 1.4 * n**0.5 / 2.3**0.5 >= stats.t.ppf(0.95, n - 1))
    assert finding.settle == wanted == 6
    assert finding.sentence.endswith("claimed: inconclusive (about 6 seeds would settle it).")


def whole_table(gaps):
    """Return Results where a lies above b by these gaps, a list of seeds for each rate."""
    above = {("a", rate): [1.0 + g for g in gap] for rate, gap in zip(RATES, gaps, strict=True)}
    return results(above | {("b", rate): [1.0] * len(gaps[0]) for rate in RATES})


WHOLE = order(above=quantity(rate=None), below=quantity("b", None), **ALONG)


def test_an_order_over_a_range_holds_where_it_holds_at_every_point():
    assert find(WHOLE, whole_table([[1.0] * 5, [2.0] * 5, [3.0] * 5])).verdict is Verdict.REPRODUCED
    finding = find(WHOLE, whole_table([[1.0] * 5, [2.0] * 5, [3.0, 3.0, 3.0, -3.0, 1.0]]))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.sentence.startswith("2 of 3 points hold; worst: at rate = 0.3: 2.4 against 1, gap 1.4 (5 paired")


def test_the_mean_over_a_range_is_compared_seed_by_seed():
    gaps = [[1.0] * 6, [2.0] * 6, [3.0, 3.0, 3.0, -3.0, 1.0, -1.0]]
    pooled = replace(WHOLE, pooled=True)
    assert find(WHOLE, whole_table(gaps)).verdict is Verdict.INCONCLUSIVE
    finding = find(pooled, whole_table(gaps))
    assert finding.verdict is Verdict.REPRODUCED
    assert finding.sentence.startswith("the mean over 3 values of rate: 2.333 against 1, gap 1.333 (6 paired seeds, ")
    opposed = [[-1.0] * 6, [-2.0] * 6, [1.0] * 6]
    assert find(pooled, whole_table(opposed)).verdict is Verdict.DEVIATES_LOW


def test_of_points_that_are_equally_certain_the_smallest_gap_is_shown():
    finding = find(WHOLE, whole_table([[2.0] * 5, [1.0] * 5, [3.0] * 5]))
    assert finding.sentence.startswith("3 of 3 points hold; worst: at rate = 0.2: 2 against 1, gap 1 ")
    assert finding.ours == 1.0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(*[st.integers(-4, 4).map(float)] * 3), min_size=5, max_size=6))
def test_against_a_range_speaks_its_most_extreme_point_under_flips_of_whole_seeds(seeds):
    gaps = np.array(seeds).T
    norm = np.sqrt((gaps**2).sum(axis=1, keepdims=True))
    scaled = np.divide(gaps, norm, where=norm > 0, out=np.zeros_like(gaps))
    flipped = scaled @ np.array(list(itertools.product([1.0, -1.0], repeat=len(seeds)))).T
    wanted = np.mean(flipped.min(axis=0) <= scaled.sum(axis=1).min() + 1e-9)
    assert find(WHOLE, whole_table(gaps.tolist())).against == pytest.approx(wanted)


def test_one_point_below_by_chance_does_not_contradict_a_range():
    points = [[-1.0] * 5, [1.0, -1.0, 1.0, -1.0, 1.0], [-1.0, -1.0, 1.0, 1.0, 1.0]]
    alone = find(order(), pair(points[0], [0.0] * 5))
    assert (alone.verdict, alone.against) == (Verdict.DEVIATES_LOW, 1 / 32)
    # each point has its own flip that turns all its signs to minus: three of 32 are as extreme
    together = find(WHOLE, whole_table(points))
    assert (together.verdict, together.against) == (Verdict.INCONCLUSIVE, 3 / 32)
    same = find(WHOLE, whole_table([points[0]] * 3))
    assert (same.verdict, same.against) == (Verdict.DEVIATES_LOW, 1 / 32)


SPREADS = order(above=quantity(statistic="spread"), below=quantity("b", statistic="spread"))
WIDE, NARROW = [0.1, 0.9, 0.3, 0.7, 0.2, 0.8], [0.50, 0.51, 0.49, 0.52, 0.48, 0.50]


def test_spreads_are_compared():
    finding = find(SPREADS, pair(WIDE, NARROW), unit="fraction")
    assert finding.verdict is Verdict.REPRODUCED
    assert finding.sentence == (
        f"a spread of {100 * np.std(WIDE, ddof=1):.2f} points against {100 * np.std(NARROW, ddof=1):.2f} points "
        "(6 paired seeds, p < 0.001) where a larger one is claimed: reproduced."
    )
    assert find(SPREADS, pair(NARROW, WIDE)).verdict is Verdict.DEVIATES_LOW
    assert find(SPREADS, pair(WIDE, WIDE[::-1])).verdict is Verdict.INCONCLUSIVE


def test_the_evidence_of_spreads_is_the_correlation_of_sums_and_differences():
    a, b = np.array(WIDE), np.array([0.4, 0.9, 0.3, 0.6, 0.4, 0.7])
    wanted = stats.pearsonr(a + b, a - b, alternative="less").pvalue
    assert find(SPREADS, pair(a.tolist(), b.tolist())).against == pytest.approx(wanted)


def test_a_level_is_no_spread():
    assert find(SPREADS, pair([w + 9.0 for w in NARROW], WIDE)).verdict is Verdict.DEVIATES_LOW


def test_two_seeds_do_not_decide_which_spread_is_larger():
    finding = find(SPREADS, pair([0.1, 0.9], [0.5, 0.5]))
    assert (finding.verdict, finding.against) == (Verdict.INCONCLUSIVE, 1.0)
    assert finding.sentence == "2 seeds do not decide which spread is larger; 3 are the least: inconclusive."
