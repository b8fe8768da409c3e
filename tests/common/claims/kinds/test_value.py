import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from common.claims.claim import Reported
from common.claims.multiplicity import prior
from common.claims.verdict import Verdict
from tests.common.toy import ALONG, RATES, find, judge, one, pair, quantity, results, row, value

TEN = [9.0, 10.0, 11.0]  # mean 10, deviation 1


def reported(mean=10.0, spread=None, spread_is=None, seeds=5, resolution=0.0):
    return Reported(mean, spread, spread_is, seeds, resolution)


def against_paper(values, paper, margin=2.0, unit="ratio", **fields):
    return find(value(expected=None, margin=margin, **fields), one(values), reported=paper, unit=unit)


def interval(finding):
    """Return the ends of the 90 % interval that a sentence prints."""
    low, high = re.search(r"90 % interval (\S+)(?: points)? to (\S+?)(?: points)?,", finding.sentence).groups()
    return pytest.approx((float(low), float(high)), rel=2e-3)


@pytest.mark.parametrize(
    ("numbers", "wanted", "relation"),
    [
        ([0.499, 0.500, 0.501], Verdict.REPRODUCED, "inside ±0.02"),
        ([0.399, 0.400, 0.401], Verdict.DEVIATES_LOW, "below ±0.02"),
        ([0.599, 0.600, 0.601], Verdict.DEVIATES_HIGH, "above ±0.02"),
        ([0.400, 0.500, 0.600], Verdict.INCONCLUSIVE, "not decided by ±0.02"),
        ([0.518, 0.520, 0.522], Verdict.INCONCLUSIVE, "not decided by ±0.02"),
    ],
)
def test_a_value(numbers, wanted, relation):
    finding = find(value(), one(numbers))
    assert finding.verdict is wanted
    assert f"{relation}: {wanted}" in finding.sentence
    assert finding.ours == pytest.approx(np.mean(numbers))
    assert finding.seeds == len(numbers)
    assert finding.consistent is None


def test_ends_of_an_interval_show_on_which_side_of_the_margin_they_lie():
    # the error of equal seeds is that of the images: sqrt(0.25 / 10^12 / 5)
    outside = fraction([0.5200049] * 5, 0.5, margin=0.02, images=10**12).sentence
    assert outside == (
        "ours 52.00 % ± 0.00 points (5 seeds), expected 50.00 %; difference 2.00 points, 90 % interval 2.0004 points "
        "to 2.001 points, above ±2.00 points: deviates-high."
    )
    inside = fraction([0.5199951] * 5, 0.5, margin=0.02, images=10**12).sentence
    assert "90 % interval 1.999 points to 1.9996 points, inside ±2.00 points: reproduced." in inside


def test_a_small_difference_is_not_shown_as_none():
    sentence = fraction([0.500004] * 5, 0.5, margin=0.02).sentence
    assert sentence.startswith("ours 50.0004 % ± 0.00 points (5 seeds), expected 50.00 %; difference 0.0004 points, ")
    equal = fraction([0.7] * 3, 0.7, margin=0.02).sentence
    assert equal.startswith("ours 70.00 % ± 0.00 points (3 seeds), expected 70.00 %; difference 0.00 points, ")
    assert "one number, 50.0004 %, against 50.00 %: no" in fraction([0.500004], 0.5).sentence
    paper = fraction([0.980004] * 3, paper=Reported(0.98, None, None, 5, 0.0)).sentence
    assert paper.startswith("ours 98.0004 % ± 0.00 points (3 seeds), paper 98.00 % (5 seeds, no spread given")


def test_one_seed_decides_nothing():
    finding = find(value(images=1000), one([0.6]), unit="fraction")
    assert finding.sentence == "one number, 60.00 %, against 50.00 %: no interval from one seed: inconclusive."
    assert (finding.verdict, finding.against, finding.ours) == (Verdict.INCONCLUSIVE, 1.0, 0.6)


def test_the_sentence_against_an_expectation():
    finding = find(value(), one([0.6, 0.62]))
    # standard error 0.01, and t with one degree of freedom has its 95 % point at 6.314
    assert finding.sentence == (
        "ours 0.61 ± 0.01414 (2 seeds), expected 0.5; difference 0.11, 90 % interval 0.04686 to 0.1731, "
        "above ±0.02: deviates-high."
    )


def test_the_sentence_against_a_paper_that_prints_its_spread():
    finding = against_paper([9.0, 10.0, 11.0, 9.5, 10.5], reported(10.2, 0.5, "sd"), margin=2.0)
    # variances 0.625 / 5 and 0.25 / 5: error 0.4183, 6.759 degrees, 95 % point 1.905
    assert finding.sentence == (
        "ours 10 ± 0.7906 (5 seeds), paper 10.2 ± 0.5 (5 seeds); difference -0.2, "
        "90 % interval -0.9968 to 0.5968, inside ±2: reproduced."
    )


def test_the_sentence_against_a_paper_that_prints_no_spread():
    finding = against_paper(TEN, reported(15.0), margin=1.0)
    # ours stands in: error sqrt(1/3 + 1/5), two degrees, 95 % point 2.920
    assert finding.sentence == (
        "ours 10 ± 1 (3 seeds), paper 15 (5 seeds, no spread given, ours stands in); difference -5, "
        "90 % interval -7.132 to -2.868, below ±1: deviates-low (outside the paper's scatter)."
    )


def test_the_sentence_against_a_paper_that_does_not_say_how_often_it_ran():
    finding = against_paper(TEN, reported(10.0, seeds="unknown"), margin=6.0)
    # one run: error sqrt(1/3 + 1)
    assert finding.sentence == (
        "ours 10 ± 1 (3 seeds), paper 10 (number of runs not given, taken for one, no spread given, ours stands in); "
        "difference 0, 90 % interval -3.372 to 3.372, inside ±6: reproduced."
    )
    assert "paper 10 (1 run, no spread" in against_paper(TEN, reported(10.0, seeds=1)).sentence


def test_the_sentence_against_a_paper_whose_plus_minus_is_a_standard_error():
    finding = against_paper(TEN, reported(10.0, 1.0, "se", 4), margin=9.0)
    # variances 1/3 and 1: error 1.1547, (4/3)^2 / (1/18 + 1/3) degrees = 4.571
    assert interval(finding) == tuple(np.array([-1, 1]) * stats.t.ppf(0.95, 32 / 7) * (4 / 3) ** 0.5)
    assert "paper 10 ± 1 (4 seeds, ± a standard error);" in finding.sentence


def test_a_plus_minus_that_nobody_explains_decides_nothing_where_its_meanings_disagree():
    spread, runs = 1.0, 9
    verdicts = [against_paper(TEN * 5, reported(10.5, spread, kind, runs), 2.0).verdict for kind in ("sd", "se")]
    assert verdicts == [Verdict.REPRODUCED, Verdict.INCONCLUSIVE]
    finding = against_paper(TEN * 5, reported(10.5, spread, "unknown", runs), 2.0)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.sentence.endswith(
        "not decided by ±2: inconclusive (the two meanings of ± disagree; consistent with the paper's scatter)."
    )
    assert "paper 10.5 ± 1 (9 seeds, ± not explained);" in finding.sentence


@pytest.mark.parametrize("mean", [10.0, 30.0, 12.0])
def test_a_plus_minus_that_nobody_explains_counts_with_its_weaker_evidence(mean):
    sd, se, unknown = (against_paper(TEN, reported(mean, 0.5, kind), 1.0) for kind in ("sd", "se", "unknown"))
    assert unknown.against == max(sd.against, se.against)
    assert interval(unknown) == interval(se if mean == 10.0 else sd).expected
    if sd.verdict is se.verdict:
        assert unknown.verdict is sd.verdict


def p_above(values, mean, margin, blur=0.0, variance=0.0, degrees=1.0):
    """Return the p-value that numbers lie no higher than the margin allows, plus that of the far bound.

    Student's against a number that is exact, Behrens and Fisher's against one with a variance, by integration.
    """
    own, n = np.var(values, ddof=1) / len(values), len(values)
    beyond = np.mean(values) - mean - margin - blur
    total = 0.0
    for gap in (beyond, beyond + 2 * margin):
        if variance == 0.0:
            total += stats.t.sf(gap / own**0.5, n - 1)
        else:

            def mixed(u, gap=gap):
                return stats.t.pdf(u, degrees) * stats.t.sf((gap - variance**0.5 * u) / own**0.5, n - 1)

            total += sum(integrate.quad(mixed, *ends, limit=200)[0] for ends in ((-np.inf, 0), (0, 20), (20, np.inf)))
    return total


@pytest.mark.parametrize(("kind", "variance"), [("sd", 0.16 / 5), ("se", 0.16)])
def test_the_evidence_against_a_value_is_behrens_and_fishers(kind, variance):
    values = [13.0, 13.5, 14.0, 14.5]
    finding = against_paper(values, reported(10.0, 0.4, kind), margin=1.0)
    assert finding.against == pytest.approx(p_above(values, 10.0, 1.0, variance=variance, degrees=4), rel=1e-4)
    exact = find(value(expected=10.0, margin=1.0), one(values))
    assert exact.against == pytest.approx(p_above(values, 10.0, 1.0))


def test_the_papers_spread_of_one_run_or_an_unknown_number_is_known_to_one_degree():
    values = [13.0, 13.5, 14.0, 14.5]
    for seeds in (1, "unknown"):
        finding = against_paper(values, reported(10.0, 0.4, "sd", seeds), margin=1.0)
        assert finding.against == pytest.approx(p_above(values, 10.0, 1.0, variance=0.16, degrees=1), rel=1e-4)


@settings(deadline=None)
@given(st.lists(st.integers(-40, 40).map(float), min_size=2, max_size=6), st.integers(-40, 40), st.integers(1, 40))
def test_a_verdict_follows_the_interval(values, expected, margin):
    finding = find(value(expected=float(expected), margin=float(margin)), one(values))
    low, high = interval(finding).expected
    bounds = {
        Verdict.REPRODUCED: -margin <= low and high <= margin,
        Verdict.DEVIATES_LOW: high < -margin,
        Verdict.DEVIATES_HIGH: low > margin,
        Verdict.INCONCLUSIVE: low <= -margin <= high or low <= margin <= high,
    }
    assert bounds[finding.verdict] or min(abs(abs(low) - margin), abs(abs(high) - margin)) < 0.01


def test_rounding_widens_the_interval_as_a_whole():
    sharp, blurred = (against_paper(TEN, reported(10.0, resolution=r), 2.9) for r in (0.0, 0.5))
    width = stats.t.ppf(0.95, 2) * (1 / 3 + 1 / 5) ** 0.5
    assert interval(sharp) == (-width, width)
    assert interval(blurred) == (-width - 0.25, width + 0.25)
    values = [10.29, 10.30, 10.31] * 20  # no number of seeds averages rounding away
    assert against_paper(values, reported(10.0, 0.01, "sd", 500, 0.5), 0.1).verdict is Verdict.INCONCLUSIVE
    assert against_paper(values, reported(10.0, 0.01, "sd", 500, 0.1), 0.1).verdict is Verdict.DEVIATES_HIGH


def test_a_printed_digit_that_may_be_rounded_weighs_less():
    values = [13.0, 13.5, 14.0, 14.5]
    finding = against_paper(values, reported(10.0, 0.4, "sd", 5, 0.5), margin=1.0)
    assert finding.against == pytest.approx(p_above(values, 10.0, 1.0, 0.25, 0.16 / 5, 4), rel=1e-4)


def test_the_best_run_is_one_run_on_both_sides():
    found = one([0.9, 0.7, 0.8], validation={("a", 0.1): [0.1, 0.3, 0.2]})
    check = value(expected=None, margin=1.0, quantity=quantity(statistic="best"))
    finding = find(check, found, reported=reported(0.75))
    # deviation 0.1 for one of ours and one of theirs: error 0.1 sqrt(2), two degrees
    width = stats.t.ppf(0.95, 2) * 0.1 * 2**0.5
    assert interval(finding) == (-0.05 - width, -0.05 + width)
    assert finding.sentence.startswith("ours 0.7 ± 0.1 (3 seeds, the best run by validation), paper 0.75 (5 seeds, no")
    assert finding.ours == 0.7
    mean = find(value(expected=None, margin=1.0), found, reported=reported(0.75))
    assert mean.ours == pytest.approx(0.8)


def test_the_best_run_of_a_paper_that_prints_a_spread_varies_by_that_spread():
    check = value(expected=None, margin=1.0, quantity=quantity(statistic="best"))
    finding = find(check, one([0.7, 0.8, 0.9]), reported=reported(0.9, 0.1, "sd", 5))
    # variances 0.01 and 0.01, two and four degrees: 0.0004 / (0.0001 / 2 + 0.0001 / 4) = 5.333
    width = stats.t.ppf(0.95, 16 / 3) * 0.02**0.5
    assert interval(finding) == (-width, width)


@pytest.mark.parametrize(
    ("mean", "margin", "consistent", "label"),
    [
        (10.0, 9.0, True, None),
        (10.0, 0.1, True, "consistent with the paper's scatter"),
        (12.5, 0.1, True, "consistent with the paper's scatter"),
        (15.0, 0.1, False, "outside the paper's scatter"),
        (15.0, 9.0, False, None),
    ],
)
def test_whether_ours_lies_in_the_papers_scatter_is_a_label_beside_the_verdict(mean, margin, consistent, label):
    # 95 % prediction: sqrt(1/3 + 1/5) times 4.303 = 3.142
    finding = against_paper(TEN, reported(mean), margin)
    assert finding.consistent is consistent
    assert (finding.verdict is Verdict.REPRODUCED) is (label is None)
    assert finding.sentence.endswith(f"{label})." if label else "reproduced.")


def test_an_undecided_value_says_how_many_seeds_would_settle_it():
    finding = find(value(expected=10.0, margin=1.0), one(TEN))
    wanted = next(n for n in range(2, 99) if stats.t.ppf(0.95, n - 1) / n**0.5 <= 1.0)
    assert finding.settle == wanted == 5
    assert finding.sentence.endswith("inconclusive (about 5 seeds would settle it).")
    assert find(value(expected=10.0, margin=1.0), one([9.0, 10.0, 11.0, 9.0, 11.0])).verdict is Verdict.REPRODUCED
    assert find(value(expected=10.0, margin=9.0), one(TEN)).settle is None


def test_no_number_of_our_seeds_makes_up_for_too_few_of_the_papers():
    finding = against_paper([9.9, 10.0, 10.1], reported(10.0, 1.0, "sd", 2), margin=1.0)
    assert (finding.verdict, finding.settle) == (Verdict.INCONCLUSIVE, None)
    assert "(no number of our seeds settles it: the paper had too few seeds; consistent" in finding.sentence


@pytest.mark.parametrize("expected", [9.0, 9.0001, 8.9999])
def test_no_number_of_seeds_moves_an_estimate_off_the_edge_of_the_margin(expected):
    finding = find(value(expected=expected, margin=1.0), one(TEN))
    assert (finding.verdict, finding.settle) == (Verdict.INCONCLUSIVE, None)
    assert finding.sentence.endswith("settles it: the difference lies on the edge of the margin).")


def fraction(values, expected=None, paper=None, margin=0.01, images=10_000):
    check = value(expected=expected, margin=margin, images=images)
    return find(check, one(values), unit="fraction", reported=paper)


def on_the_angle(expected, error, degrees, ours):
    """Return the ends of the 90 % interval in points, found on the scale of arcsin(sqrt)."""
    width = stats.t.ppf(0.95, degrees) * error
    ends = (np.clip(np.arcsin(ours**0.5) + sign * width, 0.0, np.pi / 2) for sign in (-1, 1))
    return tuple(100 * (np.sin(end) ** 2 - expected) for end in ends)


def test_seeds_that_are_all_perfect_are_still_uncertain_by_the_test_images():
    finding = fraction([1.0] * 5, expected=0.995, images=360)
    # the angle of 1 is a right one; error sqrt(1/1440/5) = 0.01179, four degrees, 95 % point 2.132
    low, high = interval(finding).expected
    assert low == pytest.approx(100 * (np.cos(2.1318 * 0.011785) ** 2 - 0.995), abs=0.005)
    assert low < 0.45
    assert high == 0.5
    assert finding.verdict is Verdict.REPRODUCED
    assert finding.sentence.startswith("ours 100.00 % ± 0.00 points (5 seeds), expected 99.50 %; difference 0.50")


def test_few_images_make_equal_seeds_uncertain():
    many, few = (fraction([0.55] * 5, 0.5, margin=0.02, images=images) for images in (100_000, 200))
    assert many.verdict is Verdict.DEVIATES_HIGH
    assert few.verdict is Verdict.INCONCLUSIVE
    assert interval(few) == on_the_angle(0.5, (0.25 / 200 / 5) ** 0.5, 4, 0.55)


def test_chance_against_chance_without_spread_has_a_width():
    paper = Reported(0.1, 0.0, "sd", 5, 0.001)
    finding = fraction([0.1] * 5, paper=paper)
    assert finding.verdict is Verdict.REPRODUCED
    # both sides have the spread of 10000 images; rounding moves the angle by at most asin(sqrt(.1)) - asin(sqrt(.0995))
    blur = np.arcsin(0.1**0.5) - np.arcsin(0.0995**0.5)
    width = stats.t.ppf(0.95, 8) * (2 * 0.25 / 10_000 / 5) ** 0.5 + blur
    ends = [100 * (np.sin(np.arcsin(0.1**0.5) + sign * width) ** 2 - 0.1) for sign in (-1, 1)]
    low, high = interval(finding).expected
    assert (low, high) == pytest.approx(tuple(ends), abs=0.0051)


def test_seeds_that_vary_more_than_the_images_count_with_their_own_spread():
    values = [0.48, 0.50, 0.52]
    finding = fraction(values, expected=0.5, margin=0.1)
    # at one half the angle moves by as much as the share
    moved = (0.5 * 10_000 + 0.375) / 10_000.75
    error = (0.0004 * 0.25 / (moved * (1 - moved)) / 3) ** 0.5
    assert interval(finding) == on_the_angle(0.5, error, 2, 0.5)
    assert error > (0.25 / 10_000 / 3) ** 0.5


def test_the_papers_spread_is_stretched_onto_the_angle_where_its_mean_lies():
    values, paper = [0.90] * 5, Reported(0.98, 0.01, "sd", 5, 0.0)
    finding = fraction(values, paper=paper, margin=0.02)
    moved = (0.98 * 10_000 + 0.375) / 10_000.75
    own, theirs = 0.25 / 10_000 / 5, 0.0001 * 0.25 / (moved * (1 - moved)) / 5
    degrees = (own + theirs) ** 2 / (own**2 / 4 + theirs**2 / 4)
    assert interval(finding) == on_the_angle(0.98, (own + theirs) ** 0.5, degrees, 0.90)


def test_the_margin_of_a_fraction_is_kept_in_points():
    def margin_of(margin, ours):
        return fraction([ours] * 5, expected=0.98, margin=margin, images=10**9).verdict

    for ours, least in ((0.95, 0.03), (0.99, 0.01), (0.999, 0.019)):
        assert margin_of(least + 0.0001, ours) is Verdict.REPRODUCED
        assert margin_of(least - 0.0001, ours) in (Verdict.DEVIATES_LOW, Verdict.DEVIATES_HIGH)


@pytest.mark.parametrize(("expected", "ours"), [(0.995, 1.0), (0.005, 0.0)])
def test_a_margin_that_reaches_beyond_every_share_cannot_be_left_there(expected, ours):
    assert fraction([ours] * 5, expected=expected, margin=0.006, images=10**9).verdict is Verdict.REPRODUCED
    assert fraction([ours] * 5, expected=expected, margin=0.004, images=10**9).verdict in (
        Verdict.DEVIATES_LOW,
        Verdict.DEVIATES_HIGH,
    )


def test_a_difference_of_fractions_varies_at_least_as_both_do():
    check = value(quantity=quantity(minus=quantity("b")), expected=0.0, margin=0.2, images=1000)
    finding = find(check, pair([0.9] * 4, [0.8] * 4), unit="fraction")

    def share(p):
        moved = (p * 1000 + 0.375) / 1000.75
        return moved * (1 - moved) / 1000

    width = 100 * stats.t.ppf(0.95, 3) * ((share(0.9) + share(0.8)) / 4) ** 0.5
    assert interval(finding) == (10 - width, 10 + width)
    assert finding.ours == pytest.approx(0.1)


TABLE = [(method, rate) for method in ("a", "b") for rate in RATES]
TIGHT = [10.17, 10.19, 10.20, 10.21, 10.23]
STEPS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])


def spread_out(mean, step):
    """Return the numbers of five seeds for each cell, which spread a little more from cell to cell."""
    return {cell: (mean + step * (1 + 0.1 * i) * STEPS).tolist() for i, cell in enumerate(TABLE)}


def family(members, own=TIGHT, step=0.1):
    """Return what is found about method a at 0.1, judged with this many cells in all, and their variances."""
    numbers = spread_out(10.0, step) | {TABLE[0]: own}
    checks = [value(quantity=quantity(*cell), expected=10.0, margin=0.1) for cell in TABLE[:members]]
    variances = [np.var(numbers[cell], ddof=1) for cell in TABLE[:members]]
    return judge(checks, results(numbers))[0].finding, np.array(variances)


def test_where_our_spread_stands_in_more_seeds_of_ours_make_it_better_known():
    check = value(expected=None, margin=1.0)
    finding = find(check, one([9.0, 10.0, 11.0]), reported=Reported(12.0, None, None, 5, 0.0))
    # 1 below the margin; with n seeds the error is sqrt(1/n + 1/5): 1.833 x 0.548 for 10 of them, 1.812 x 0.539 for 11
    assert (finding.verdict, finding.settle) == (Verdict.INCONCLUSIVE, 11)
    assert "about 11 seeds would settle it" in finding.sentence


def test_seeds_that_agree_by_accident_are_judged_by_the_spread_of_their_family():
    alone, _ = family(4)
    assert alone.verdict is Verdict.DEVIATES_HIGH
    assert alone.against == pytest.approx(p_above(TIGHT, 10.0, 0.1))
    for members in (5, 6):
        finding, variances = family(members)
        raised, degrees = prior(variances, 4.0).moderate(variances[0], 4.0)
        assert raised > 2 * variances[0]
        tails = stats.t.sf(np.array([0.1, 0.3]) / (raised / 5) ** 0.5, degrees)
        assert finding.against == pytest.approx(tails.sum())
        assert finding.against > 5 * alone.against
        assert "± 0.02236 (5 seeds)" in finding.sentence


def test_seeds_that_spread_more_than_their_family_keep_their_own_spread():
    wild = [11.0, 12.0, 13.0, 14.0, 16.0]
    finding, variances = family(6, own=wild, step=0.01)
    assert variances[0] > prior(variances, 4.0).variance
    assert finding.against == pytest.approx(p_above(wild, 10.0, 0.1))


def test_claims_about_one_cell_are_no_family():
    checks = [value(expected=10.0 + 0.001 * i, margin=0.1) for i in range(6)]
    first = judge(checks, one(TIGHT))[0].finding
    assert first.against == pytest.approx(p_above(TIGHT, 10.0, 0.1))


def test_a_family_has_one_metric_and_one_scale():
    found = results(spread_out(0.5, 0.1) | {TABLE[0]: [0.498, 0.499, 0.5, 0.501, 0.502]})
    linear = [value(quantity=quantity(*cell), expected=0.6) for cell in TABLE]
    differences = [value(quantity=quantity(*cell, minus=quantity()), expected=0.6) for cell in TABLE]
    ratio, share = value(expected=0.6), value(expected=0.6, images=10_000)
    for tight, others in ((share, [*linear, *differences]), (ratio, differences)):
        alone = judge([tight], found)[0].finding
        assert judge([tight, *others], found)[0].finding == alone
    assert judge(linear, found)[0].finding.against > 10 * find(ratio, found).against


def test_a_family_of_fractions_shares_its_spread_on_the_angle():
    numbers = {cell: [0.5] * 5 for cell in TABLE}
    checks = [value(quantity=quantity(*cell), expected=0.5, margin=0.02, images=100) for cell in TABLE]
    finding = judge(checks, results(numbers), "fraction")[0].finding
    variance = 0.25 / 100  # of the images, since all seeds agree
    raised, degrees = prior(np.full(6, variance), 4.0).moderate(variance, 4.0)
    assert raised > variance
    assert interval(finding) == on_the_angle(0.5, (raised / 5) ** 0.5, degrees, 0.5)


WHOLE = value(quantity=quantity(rate=None), **ALONG)
FAR = [0.60, 0.70, 0.80, 0.60]  # against 0.5 within 0.02 alone: p = 0.02


def test_over_a_range_the_worst_point_is_shown_and_all_must_hold():
    finding = find(WHOLE, row([0.5, 0.5001], [0.7, 0.7001], [0.5, 0.5001]))
    assert finding.verdict is Verdict.DEVIATES_HIGH
    assert finding.sentence.startswith("2 of 3 points hold; worst: at rate = 0.2: ours 0.7")
    assert finding.ours == pytest.approx(0.70005)
    assert find(WHOLE, row(*[[0.5, 0.5001]] * 3)).verdict is Verdict.REPRODUCED
    held = find(value(quantity=quantity(rate=None), along="rate", points=(0.1,)), row([0.5, 0.5001]))
    assert held.sentence.startswith("at rate = 0.1: ours 0.5")


def test_over_a_range_the_evidence_of_one_point_is_paid_for_at_every_point():
    alone = find(value(), one(FAR))
    assert alone.verdict is Verdict.DEVIATES_HIGH
    assert 0.05 / 3 < alone.against < 0.05
    inside = [0.499, 0.5, 0.501, 0.5]
    among = find(WHOLE, row(FAR, inside, inside))
    assert among.verdict is Verdict.INCONCLUSIVE
    assert among.against == pytest.approx(3 * alone.against)
    assert find(WHOLE, row(*[[0.2, 0.5, 0.8, 0.5]] * 3)).against == 1.0


def factor(values, expected=100.0, paper=None, times=10.0):
    fields = {"margin": None, "margin_factor": times, "expected": None if paper else expected}
    return find(value(**fields), one(values), reported=paper, unit="count")


@pytest.mark.parametrize(
    ("numbers", "wanted", "relation"),
    [
        ([90.0, 100.0, 110.0], Verdict.REPRODUCED, "within a factor of 10: reproduced."),
        ([4.0, 5.0, 6.0], Verdict.DEVIATES_LOW, "lower by more than a factor of 10: deviates-low."),
        ([1900.0, 2000.0, 2100.0], Verdict.DEVIATES_HIGH, "higher by more than a factor of 10: deviates-high."),
        ([1.0, 100.0, 10_000.0], Verdict.INCONCLUSIVE, "not decided by a factor of 10: inconclusive (about "),
    ],
)
def test_a_value_within_a_factor(numbers, wanted, relation):
    finding = factor(numbers)
    assert finding.verdict is wanted
    assert relation in finding.sentence
    assert finding.ours == pytest.approx(np.exp(np.log(numbers).mean()))


def test_the_sentence_about_a_factor():
    # the logarithms of 50 and 200 lie 1.3863 apart: error 0.6931, and 6.314 times that is 4.376
    finding = factor([50.0, 200.0], times=100.0)
    assert finding.sentence == (
        "ours 100 ± 106.1 (2 seeds, the geometric mean), expected 100; ratio 1, 90 % interval 0.01257 to 79.56, "
        "within a factor of 100: reproduced."
    )


def test_the_spread_that_a_paper_prints_is_taken_to_the_logarithm():
    # log1p((100 / 100)^2) = 0.6931, from four runs; ours do not differ
    paper = reported(100.0, 100.0, "sd", 4)
    finding = factor([100.0] * 3, paper=paper, times=2.0)
    half = stats.t.ppf(0.95, 3) * np.sqrt(np.log(2.0) / 4)
    assert f"90 % interval {np.exp(-half):.4g} to {np.exp(half):.4g}, not decided by a factor of 2" in finding.sentence
    assert factor([100.0] * 3, paper=replace(paper, resolution=40.0), times=1.1).verdict is Verdict.INCONCLUSIVE


def test_a_zero_has_no_logarithm_and_is_an_error():
    finding = factor([0.0, 10.0, 20.0])
    assert finding.verdict is Verdict.ERROR
    assert finding.sentence == "a number is zero or less, and no factor reaches that: what is claimed is a factor"
    checks = [value(margin=None, margin_factor=10.0, expected=1.0), *[value(expected=0.1)] * 5]
    first, *others = judge(checks, one([0.0, 0.1, 0.2]))
    assert first.finding.verdict is Verdict.ERROR
    assert all(other.finding.verdict is Verdict.INCONCLUSIVE for other in others)


def scattered(values, paper, **fields):
    return find(value(expected=None, margin=None, scatter=True, **fields), one(values), reported=paper)


def test_a_mean_is_consistent_where_the_papers_scatter_lets_one_expect_it():
    # 2.776 * sqrt(1/5 + 1/2) = 2.323
    paper = reported(10.0, 1.0, "sd", 5)
    assert scattered([12.32, 12.32], paper).verdict is Verdict.CONSISTENT
    assert scattered([12.33, 12.33], paper).verdict is Verdict.DEVIATES_HIGH
    assert scattered([7.68, 7.68], paper).verdict is Verdict.CONSISTENT
    assert scattered([7.67, 7.67], paper).verdict is Verdict.DEVIATES_LOW
    assert scattered([12.77, 12.77], replace(paper, resolution=1.0)).verdict is Verdict.CONSISTENT
    assert scattered([12.0, 12.0], paper).consistent is True


def test_the_sentence_about_the_papers_scatter():
    paper = reported(10.0, 1.0, "sd", 5)
    assert scattered([12.0, 13.0], paper).sentence == (
        "ours 12.5 ± 0.7071 (2 seeds), paper 10 ± 1 (5 seeds); difference 2.5, above -2.323 to 2.323, where the "
        "paper's scatter lets one expect it (95 % prediction interval): deviates-high."
    )
    assert scattered([11.0], paper).sentence.startswith(
        "ours 11 (1 seed), paper 10 ± 1 (5 seeds); difference 1, inside "
    )


def test_the_two_meanings_of_an_unexplained_scatter_must_agree():
    paper = reported(10.0, 1.0, "unknown", 5)
    assert scattered([12.0, 12.0], paper).verdict is Verdict.CONSISTENT
    assert scattered([14.0, 14.0], paper).verdict is Verdict.INCONCLUSIVE  # inside 5.19, outside 2.32
    assert scattered([16.0, 16.0], paper).verdict is Verdict.DEVIATES_HIGH


def test_what_is_held_against_the_scatter_deviates_one_time_in_twenty_where_true():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(600):
        theirs, ours = rng.normal(10.0, 1.0, 5), rng.normal(10.0, 1.0, 3)
        paper = reported(theirs.mean(), theirs.std(ddof=1), "sd", 5)
        found.append(scattered(ours.tolist(), paper).verdict is Verdict.CONSISTENT)
    assert np.mean(found) == pytest.approx(0.95, abs=0.03)


def test_shares_are_held_against_the_scatter_of_their_images():
    paper = Reported(0.9, 0.0, "sd", 5, 0.0)
    assert scattered_share([0.9, 0.91], paper).verdict is Verdict.CONSISTENT
    assert scattered_share([0.6, 0.6], paper).verdict is Verdict.DEVIATES_LOW


def scattered_share(values, paper):
    check = value(expected=None, margin=None, scatter=True, images=500)
    return find(check, one(values), reported=paper, unit="fraction")
