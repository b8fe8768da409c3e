"""Chances that can be computed by hand, and draws that the judge of single readings judges alike."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from common.claims.claim import Assumed, Reported, Tested
from common.claims.judge import check_claims
from common.claims.power import Ability, Chances, Power, abilities, chances, power, with_power
from common.claims.reading import At, Numbers, Reading
from common.experiment import Tier
from tests.common.toy import ALONG, claim, exact, one, order, quantity, rate, results, trend, value

RANDOM = np.random.default_rng
SURE = Assumed(1.0, 0.0, "r")
PAPER = Reported(0.9, 0.01, "sd", 5, 0.0)
SPREADS = {"above": quantity(statistic="spread"), "below": quantity("b", statistic="spread")}


def of(check, seeds, reported=None, unit="ratio"):
    return power(claim(check, unit, reported), check, seeds, RANDOM(0))


def assumed(effect, spread):
    return Assumed(effect, spread, "r")


@pytest.mark.parametrize(("seeds", "shown"), [(5, 1.0), (4, 0.0), (3, 0.0), (17, 1.0)])
def test_a_sure_order_is_shown_by_five_seeds_and_by_none_fewer(seeds, shown):
    assert of(order(assumed=SURE), seeds).true == Chances(shown, 0.0)


def test_an_order_that_does_not_exist_is_shown_as_rarely_as_five_signs_fall_alike():
    none = chances(claim(order()), order(assumed=assumed(1.0, 0.1)), 0.0, 5, RANDOM(1), 4000)
    assert none.shown == pytest.approx(1 / 32, abs=0.01)
    assert none.denied == pytest.approx(1 / 32, abs=0.01)
    assert of(order(assumed=SURE), 5).false == Chances(0.0, 0.0), "no effect is the less clear falsehood: all are ties"


def test_five_seeds_show_an_order_as_often_as_all_of_them_lie_above():
    check = order(assumed=assumed(0.5, 1.0))
    assert of(check, 5).true.shown == pytest.approx(stats.norm.cdf(0.5) ** 5, abs=0.07)


def test_an_order_over_a_range_is_shown_where_it_is_at_every_point():
    check = order(above=quantity(rate=None), below=quantity("b", rate=None), assumed=assumed(1.0, 1.0), **ALONG)
    assert of(check, 5).true.shown == pytest.approx(stats.norm.cdf(1.0) ** 15, abs=0.06)


@pytest.mark.parametrize(
    ("fields", "side", "wanted"),
    [({"below": 0.5}, "above", 0.8), ({"above": 0.5}, "below", 0.2), ({}, "above", 0.3)],
)
def test_an_order_may_be_against_a_number(fields, side, wanted):
    check = order(**fields, assumed=assumed(0.3, 0.0))
    drawn = check.draw(claim(check, "fraction"), 0.3, (2, 1, 3), RANDOM(0))
    assert drawn[side] == pytest.approx(np.full((2, 1, 3), wanted))


def test_the_falsehoods_of_an_order_are_none_and_the_opposite_on_the_other_side_of_its_gap():
    for gap, false in ((0.0, (0.0, -0.4)), (0.1, (0.0, -0.4)), (-0.1, (-0.6,))):
        truths = order(least_gap=gap, assumed=assumed(0.4, 0.0)).truths(claim(), 5)
        assert (truths.true, truths.false, truths.edge) == (0.4, pytest.approx(false), (gap,))


def test_spreads_that_differ_by_nothing_are_told_apart_as_rarely_as_chance_has_it():
    check = order(**SPREADS, assumed=assumed(9.0, 1.0))
    found = of(check, 15)
    assert found.true.shown > 0.95
    assert found.edge.shown < 0.1
    opposite = check.draw(claim(check), -9.0, (4000, 1, 2), RANDOM(0))
    assert np.std(opposite["below"]) == pytest.approx(10.0, rel=0.05)
    assert np.std(opposite["above"]) == pytest.approx(1.0, rel=0.05)


def test_a_value_without_spread_is_shown_where_true_and_contradicted_three_margins_away():
    found = of(value(expected=0.5, margin=0.02, assumed=assumed(None, 0.0)), 5)
    assert found == Power(Chances(1.0, 0.0), Chances(0.0, 1.0), found.edge)
    assert of(value(expected=0.5, margin=0.02, assumed=assumed(None, 0.0)), 1).true == Chances(0.0, 0.0)


def test_a_value_at_the_edge_of_its_margin_comes_out_either_way_one_time_in_twenty():
    check = value(expected=0.5, margin=0.1, assumed=assumed(None, 0.01))
    edge = chances(claim(check), check, 0.6, 5, RANDOM(0), 4000)
    assert edge.shown == pytest.approx(0.05, abs=0.012)
    assert edge.denied == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize(
    ("fields", "false", "edge"),
    [
        ({"expected": 0.5, "margin": 0.1}, (0.2, 0.8), (0.4, 0.6)),
        ({"expected": 0.9, "margin": 0.05}, (0.75,), (0.85, 0.95)),
        ({"expected": 0.5, "margin": 0.2}, (0.0, 1.0), (0.3, 0.7)),
    ],
)
def test_the_falsehoods_of_a_fraction_are_fractions(fields, false, edge):
    truths = value(images=100, **fields).truths(claim(unit="fraction"), 5)
    assert truths.false == pytest.approx(false)
    assert truths.edge == pytest.approx(edge)


def test_the_falsehoods_of_a_factor_lie_three_factors_away():
    truths = value(expected=50.0, margin=None, margin_factor=10.0).truths(claim(unit="count"), 5)
    assert (truths.true, truths.false, truths.edge) == (50.0, pytest.approx((0.05, 50_000.0)), pytest.approx((5, 500)))


def test_a_factor_is_drawn_on_the_logarithm():
    check = value(expected=50.0, margin=None, margin_factor=10.0, assumed=assumed(None, 50.0))
    drawn = check.draw(claim(check, "count"), 500.0, (5000, 1, 2), RANDOM(0))["quantity"]
    assert np.exp(np.log(drawn).mean()) == pytest.approx(500.0, rel=0.03)
    assert np.log(drawn).std() == pytest.approx(np.sqrt(np.log(2.0)), rel=0.03)


def test_the_falsehoods_of_the_papers_scatter_lie_four_prediction_half_widths_away():
    check = value(expected=None, margin=None, scatter=True)
    truths = check.truths(claim(check, reported=Reported(10.0, 1.0, "sd", 5, 0.0)), 3)
    half = stats.t.ppf(0.975, 4) * np.sqrt(1 / 5 + 1 / 3)
    assert truths.false == pytest.approx((10 - 4 * half, 10 + 4 * half))
    assert truths.edge == pytest.approx((10 - half, 10 + half))


@pytest.mark.parametrize(
    ("paper", "spread"),
    [
        (Reported(10.0, 2.0, "sd", 9, 0.0), 2.0),
        (Reported(10.0, 2.0, "se", 9, 0.0), 6.0),
        (Reported(10.0, 2.0, "unknown", 9, 0.0), 2.0),
        (Reported(10.0, 2.0, "se", "unknown", 0.0), 2.0),
    ],
)
def test_a_value_scatters_as_the_paper_says_that_a_run_does(paper, spread):
    check = value(expected=None, margin=1.0)
    drawn = check.draw(claim(check, reported=paper), 10.0, (4000, 1, 2), RANDOM(0))["quantity"]
    assert drawn.std() == pytest.approx(spread, rel=0.05)


def test_shares_of_images_scatter_at_least_as_chance_in_the_images_makes_them():
    check = value(expected=0.5, images=100, assumed=assumed(None, 0.0))
    drawn = check.draw(claim(check, "fraction"), 0.5, (4000, 1, 2), RANDOM(0))["quantity"]
    assert drawn.std() == pytest.approx(0.05, rel=0.05)


def test_the_best_of_several_runs_decides_less_than_their_mean():
    many = value(expected=None, margin=0.02)
    best = replace(many, quantity=quantity(statistic="best"))
    assert of(many, 5, PAPER).true.shown > 0.8 > 0.5 > of(best, 5, PAPER).true.shown


def test_a_rate_is_shown_where_it_always_happens_and_contradicted_at_the_mirror_of_its_bound():
    found = of(rate(event_below=0.5, at_least=0.5, assumed=Assumed(1.0, None, "r")), 5)
    assert (found.true, found.false) == (Chances(1.0, 0.0), Chances(0.0, 1.0))
    assert of(rate(event_above=0.5, at_least=0.5, assumed=Assumed(1.0, None, "r")), 4).true.shown == 0.0


@pytest.mark.parametrize(
    ("fields", "effect", "false"),
    [
        ({"at_least": 0.9}, 1.0, 0.1),
        ({"at_least": 0.5}, 1.0, 0.0),
        ({"at_least": 0.3}, 0.5, 0.1),
        ({"at_most": 0.1}, 0.0, 0.9),
        ({"at_most": 0.5}, 0.1, 0.9),
        ({"at_most": 0.0}, 0.0, 1.0),
    ],
)
def test_the_falsehood_of_a_rate_lies_on_the_other_side_of_its_bound(fields, effect, false):
    truths = rate(event_above=0.5, assumed=Assumed(effect, None, "r"), **fields).truths(claim(), 5)
    assert truths.false == (pytest.approx(false),)


@pytest.mark.parametrize("direction", ["rising", "falling"])
def test_a_trend_without_spread_is_shown_and_the_opposite_contradicted(direction):
    check = trend(direction, assumed=SURE)
    assert of(check, 5).true == Chances(1.0, 0.0)
    assert of(check, 1).true == Chances(0.0, 0.0)
    assert chances(claim(check), check, -1.0, 5, RANDOM(0)) == Chances(0.0, 1.0)
    drawn = check.draw(claim(check), 1.0, (1, 3, 2), RANDOM(0))["quantity"]
    assert drawn[0, :, 0] * (1 if direction == "rising" else -1) == pytest.approx([0.0, 0.5, 1.0])


CHECKS = {
    "margin": (value(expected=None, margin=0.01, images=1000), PAPER, "fraction", 0.91),
    "± not explained": (value(expected=None, margin=0.03), replace(PAPER, spread_is="unknown"), "ratio", 0.9),
    "no spread": (
        value(expected=None, margin=0.02, assumed=assumed(None, 0.01)),
        replace(PAPER, spread=None),
        "ratio",
        0.9,
    ),
    "best": (value(expected=None, margin=0.04, quantity=quantity(statistic="best")), PAPER, "ratio", 0.93),
    "range": (value(expected=None, margin=0.02, quantity=quantity(rate=None), **ALONG), PAPER, "ratio", 0.9),
    "difference": (
        value(
            expected=0.0, margin=0.01, images=400, quantity=quantity(minus=quantity("b")), assumed=assumed(None, 0.01)
        ),
        None,
        "fraction",
        0.01,
    ),
    "factor": (value(expected=5.0, margin=None, margin_factor=3, assumed=assumed(None, 4.0)), None, "ratio", 12.0),
    "scatter": (value(expected=None, margin=None, scatter=True), PAPER, "ratio", 0.9175),
    "order": (order(least_gap=0.1, assumed=assumed(0.5, 0.4)), None, "ratio", 0.4),
    "order over a range": (
        order(above=quantity(rate=None), below=0.0, assumed=assumed(0.5, 0.5), **ALONG),
        None,
        "ratio",
        0.5,
    ),
    "spreads": (order(**SPREADS, assumed=assumed(2.0, 1.0)), None, "ratio", 2.0),
    "trend": (trend("falling", assumed=assumed(1.0, 0.8)), None, "ratio", 0.8),
    "unblocked": (trend(unblocked=True, assumed=assumed(1.0, 0.8)), None, "ratio", 0.8),
    "rate": (rate(event_above=0.5, at_least=0.4, assumed=Assumed(1.0, None, "r")), None, "ratio", 0.7),
    "rates": (
        rate(quantity=quantity(rate=None), event_above=0.5, at_most=0.5, assumed=Assumed(0.0, None, "r"), **ALONG),
        None,
        "ratio",
        0.1,
    ),
}


@pytest.mark.parametrize("seeds", [2, 5])
@pytest.mark.parametrize("name", CHECKS)
def test_many_draws_are_judged_as_each_of_them_is_alone(name, seeds):
    check, reported, unit, truth = CHECKS[name]
    stated = claim(check, unit, reported)
    numbers = check.draw(stated, truth, (40, max(1, len(check.points)), seeds), RANDOM(0))
    alone = []
    for draw in range(40):
        points = [
            At(point, {side: _numbers(check, drawn[draw, i]) for side, drawn in numbers.items()})
            for i, point in enumerate(check.conditions)
        ]
        alone.append(check.judge(stated, Reading(points), {}).verdict)
    assert check.verdicts(stated, numbers) == alone
    assert len(set(alone)) > 1 or seeds == 2


def _numbers(check, values):
    parts = (np.full_like(values, 0.98), np.full_like(values, 0.98)) if check.quantities[0].minus else None
    return Numbers(values, 0 if check.quantities[0].statistic == "best" else None, parts)


def ability(check, seeds=5, reported=None):
    (found,) = abilities([claim(check, reported=reported)], results({("a", 0.1): [0.5] * seeds}))
    return found


def test_a_check_that_says_nothing_of_its_truth_lacks_it():
    assert ability(order()).weakness == "its power is not known: give assumed: {effect: .., spread: .., reason: ..}"
    assert ability(value()).weakness == "its power is not known: give assumed: {spread: .., reason: ..}"
    assert ability(value(expected=None, margin=0.05), reported=PAPER).weakness == ""
    assert ability(rate(event_above=0.5, at_least=0.5)).power is None


def test_a_check_that_cannot_decide_is_named_unless_it_says_so():
    weak = order(assumed=SURE)
    assert ability(weak, 3).weakness == "it is shown in 0 % where true, and 80 % are the least"
    assert ability(replace(weak, undecidable="three seeds"), 3).weakness == ""
    assert ability(weak, 5).weakness == ""


def test_a_value_that_nothing_contradicts_is_named():
    blind = Ability(claim(), value(), 5, Power(Chances(0.9, 0.0), Chances(0.3, 0.5), Chances(0.0, 0.0)), "")
    assert blind.weakness == "it is contradicted in 50 % where false, and 80 % are the least"
    shown = replace(blind, check=order(), power=replace(blind.power, false=Chances(0.3, 0.5)))
    assert shown.weakness == "it is not shown in 70 % where false, and 80 % are the least"


def test_an_exact_check_has_no_chance_in_it():
    assert list(abilities([claim(exact(equals=1.0))], one([1.0]))) == []
    assert not isinstance(exact(equals=1.0), Tested)


def test_the_same_numbers_are_drawn_each_time():
    check = order(assumed=assumed(0.5, 0.6))
    assert ability(check) == ability(check)


def test_findings_show_their_power_where_it_is_known():
    found = results({("a", 0.1): [0.5] * 5, ("b", 0.1): [0.4] * 5})
    checks = [order(assumed=SURE), order(), exact(equals=0.5), order(above=quantity(experiment="other"), assumed=SURE)]
    claims = [claim(check, name=str(i)) for i, check in enumerate(checks)]
    assert [j.power for j in with_power(check_claims(claims, found), found)] == [1.0, None, None, None]
    assert found.tier is Tier.SMOKE
