import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.expectations import Check, Claim, Quantity, Reported
from common.experiment import DECLARED, Job, Metrics, Replicates, Tier
from common.pipeline.aggregate import Failed, Results
from common.pipeline.check import Finding, Judged, Verdict, check_claims, judge, measured, number, show
from common.pipeline.record import Record
from tests import conftest

RATES = (0.1, 0.2, 0.3)


def results(numbers, *, validation=None, replicates=DECLARED, errors=(), also=None):
    """Return Results of the toy `table` with {(method, rate): [one number a seed]}; None leaves a record out.

    `also` is a second experiment, `other`, with its own numbers; `errors` are cells whose first job failed.
    """
    experiments = {"table": conftest.experiment(seeds=_most(numbers))}
    records, failed = {}, {}
    if also is not None:
        experiments["other"] = conftest.experiment("other", seeds=_most(also), run=other)
    for run, table in ((conftest.toy, numbers), (other, also or {})):
        for (method, rate), values in table.items():
            for seed, value in enumerate(values):
                job = Job(run, conftest.Cell(method, rate), seed)
                if (method, rate) in errors and seed == 0:
                    failed[job.key] = "RuntimeError: out of luck"
                elif value is not None:
                    score = (validation or {}).get((method, rate), values)[seed]
                    records[job.key] = Record(Metrics({"score": value, "validation_accuracy": score}), 1.0, {})
    return Results(experiments, Tier.SMOKE, replicates, records, failed)


def _most(numbers):
    return max(map(len, numbers.values()))


def other(jobs, environment):
    """Stand for the run function of a second experiment."""
    return conftest.toy(jobs, environment)


def quantity(method="a", rate=0.1, **fields):
    cell = {"method": method} if rate is None else {"method": method, "rate": rate}
    return Quantity(fields.pop("experiment", "table"), "score", cell, **fields)


def claim(unit="fraction", reported=None):
    return Claim("toy/claim", "Table 9", "a statement", unit, reported, {}, {})


def verdict(check, found, **fields):
    return judge(claim(**fields), check, found)


def value(**fields):
    return Check("value", "none", "r", **{"quantity": quantity(), "expected": 0.5, "margin": 0.02, **fields})


def order(**fields):
    return Check("order", "none", "r", **{"above": quantity(), "below": quantity("b"), **fields})


def trend(direction, **fields):
    return Check("trend", "none", "r", quantity(rate=None), along="rate", points=RATES, direction=direction, **fields)


def rate(**fields):
    return Check("rate", "none", "r", **{"quantity": quantity(), **fields})


def exact(**fields):
    return Check("exact", "none", "r", **{"quantity": quantity(), **fields})


@pytest.mark.parametrize(
    ("numbers", "wanted", "relation"),
    [
        ([0.499, 0.500, 0.501], Verdict.REPRODUCED, "inside ±2.00 %"),
        ([0.399, 0.400, 0.401], Verdict.DEVIATES_LOW, "below ±2.00 %"),
        ([0.599, 0.600, 0.601], Verdict.DEVIATES_HIGH, "above ±2.00 %"),
        ([0.400, 0.500, 0.600], Verdict.INCONCLUSIVE, "not decided by ±2.00 %"),
        ([0.518, 0.520, 0.522], Verdict.INCONCLUSIVE, "not decided by ±2.00 %"),
        ([0.5], Verdict.INCONCLUSIVE, "no interval from one seed"),
    ],
)
def test_a_value(numbers, wanted, relation):
    finding = verdict(value(), results({("a", 0.1): numbers}))
    assert finding.verdict is wanted
    assert relation in finding.sentence
    assert finding.sentence.endswith(f"{wanted}.")
    assert finding.ours == pytest.approx(np.mean(numbers))
    assert finding.seeds == len(numbers)


def test_the_sentence_of_a_value_shows_all_its_numbers():
    finding = verdict(value(), results({("a", 0.1): [0.6, 0.62]}))
    # standard error 0.01, and t with one degree of freedom has its 95 % point at 6.314
    assert finding.sentence == (
        "ours 61.00 % ± 1.41 % (2 seeds), expected 50.00 %; difference 11.00 %, 90 % interval 4.69 % to 17.31 %, "
        "above ±2.00 %: deviates-high."
    )
    plain = verdict(value(), results({("a", 0.1): [0.6, 0.62]}), unit="ratio")
    assert plain.sentence.startswith("ours 0.61 ± 0.01414 (2 seeds), expected 0.5; difference 0.11,")


def test_a_value_is_held_against_what_the_paper_reports_with_its_own_error():
    found = results({("a", 0.1): [0.515, 0.516, 0.517, 0.518, 0.519]})
    sharp = Reported(0.5, 0.001, 5, 0.001)
    vague = Reported(0.5, 0.05, 5, 0.001)
    assert verdict(value(expected=None), found, reported=sharp).verdict is Verdict.REPRODUCED
    assert verdict(value(expected=None), found, reported=vague).verdict is Verdict.INCONCLUSIVE
    assert verdict(value(expected=0.4), found, reported=sharp).verdict is Verdict.DEVIATES_HIGH


@pytest.mark.parametrize(
    ("above", "below", "wanted", "p"),
    [
        ([0.6, 0.7, 0.6, 0.7, 0.6], [0.5, 0.5, 0.5, 0.6, 0.5], Verdict.REPRODUCED, "p = 0.031"),
        ([0.4, 0.4, 0.4, 0.4, 0.4], [0.5, 0.5, 0.5, 0.6, 0.5], Verdict.DEVIATES_LOW, "p = 1.000"),
        ([0.6, 0.7, 0.6, 0.7, 0.4], [0.5, 0.5, 0.5, 0.6, 0.5], Verdict.INCONCLUSIVE, "5 paired seeds"),
        ([0.6] * 4, [0.5] * 4, Verdict.INCONCLUSIVE, "(4 seeds cannot decide an order; 5 are the least)"),
        ([0.5] * 5, [0.5] * 5, Verdict.INCONCLUSIVE, "p = 1.000"),
    ],
)
def test_an_order(above, below, wanted, p):
    finding = verdict(order(), results({("a", 0.1): above, ("b", 0.1): below}))
    assert finding.verdict is wanted
    assert p in finding.sentence
    assert f"gap {100 * (np.mean(above) - np.mean(below)):.2f} %" in finding.sentence
    assert str(wanted) in finding.sentence


def test_an_order_is_paired_by_seed():
    noise = [0.0, 0.1, 0.2, 0.3, 0.4]
    numbers = {("a", 0.1): [n + 0.01 for n in noise], ("b", 0.1): noise}
    assert verdict(order(), results(numbers)).verdict is Verdict.REPRODUCED
    numbers["a", 0.1] = numbers["a", 0.1][::-1]
    assert verdict(order(), results(numbers)).verdict is Verdict.INCONCLUSIVE


def test_an_order_may_ask_for_a_gap_and_may_be_against_a_number():
    found = results({("a", 0.1): [0.61, 0.62, 0.63, 0.64, 0.65], ("b", 0.1): [0.5] * 5})
    assert verdict(order(least_gap=0.10), found).verdict is Verdict.REPRODUCED
    assert verdict(order(least_gap=0.16), found).verdict is Verdict.DEVIATES_LOW
    assert verdict(order(least_gap=0.13), found).verdict is Verdict.INCONCLUSIVE
    assert verdict(order(below=0.6), found).verdict is Verdict.REPRODUCED
    assert verdict(order(above=0.6, below=quantity()), found).verdict is Verdict.DEVIATES_LOW
    assert "more than 10.00 % is claimed: reproduced." in verdict(order(least_gap=0.10), found).sentence


RISE = {("a", 0.1): [1.0, 1.1, 1.2], ("a", 0.2): [2.0, 2.1, 2.2], ("a", 0.3): [3.0, 3.1, 3.2]}
FLAT = {("a", 0.1): [1.0, 2.0, 3.0], ("a", 0.2): [2.0, 3.0, 1.0], ("a", 0.3): [3.0, 1.0, 2.0]}


@pytest.mark.parametrize(
    ("numbers", "direction", "wanted"),
    [
        (RISE, "rising", Verdict.REPRODUCED),
        (RISE, "falling", Verdict.DEVIATES_HIGH),
        (dict(zip(RISE, list(RISE.values())[::-1], strict=True)), "falling", Verdict.REPRODUCED),
        (dict(zip(RISE, list(RISE.values())[::-1], strict=True)), "rising", Verdict.DEVIATES_LOW),
        (FLAT, "rising", Verdict.INCONCLUSIVE),
        (FLAT, "falling", Verdict.INCONCLUSIVE),
        ({cell: values[:1] for cell, values in RISE.items()}, "rising", Verdict.INCONCLUSIVE),
    ],
)
def test_a_trend(numbers, direction, wanted):
    finding = verdict(trend(direction), results(numbers), unit="ratio")
    assert finding.verdict is wanted
    means = ", ".join(number(np.mean(values)) for values in numbers.values())
    assert finding.sentence.startswith(f"{means} along rate")
    assert finding.sentence.endswith(f"{wanted}.")


@pytest.mark.parametrize(
    ("events", "bound", "wanted", "interval"),
    [
        (10, {"at_least": 0.5}, Verdict.REPRODUCED, "10 of 10 seeds (90 % interval 74% to 100%)"),
        (0, {"at_least": 0.5}, Verdict.DEVIATES_LOW, "0 of 10 seeds (90 % interval 0% to 26%)"),
        (6, {"at_least": 0.5}, Verdict.INCONCLUSIVE, "6 of 10 seeds"),
        (0, {"at_most": 0.5}, Verdict.REPRODUCED, "at most 50%"),
        (10, {"at_most": 0.5}, Verdict.DEVIATES_HIGH, "at most 50%"),
        (4, {"at_most": 0.5}, Verdict.INCONCLUSIVE, "4 of 10 seeds"),
        (10, {"at_most": 0.0}, Verdict.DEVIATES_HIGH, "at most 0%"),
    ],
)
def test_a_rate(events, bound, wanted, interval):
    numbers = {("a", 0.1): [0.1] * events + [0.2] * (10 - events)}
    for event in ({"event_below": 0.2}, {"event_above": 0.1}):
        found = numbers if "event_below" in event else {("a", 0.1): [0.2] * events + [0.1] * (10 - events)}
        finding = verdict(rate(**event, **bound), results(found))
        assert finding.verdict is wanted
        assert interval in finding.sentence
        assert finding.sentence.endswith(f"{wanted}.")
        assert finding.ours == pytest.approx(events / 10)


@pytest.mark.parametrize(
    ("bound", "wanted", "sentence"),
    [
        ({"equals": 3.0}, Verdict.REPRODUCED, "3 where exactly 3 is claimed: reproduced."),
        ({"equals": 4.0}, Verdict.DEVIATES_LOW, "3 where exactly 4 is claimed: deviates-low."),
        ({"equals": 2.0}, Verdict.DEVIATES_HIGH, "3 where exactly 2 is claimed: deviates-high."),
        ({"at_least": 3.0}, Verdict.REPRODUCED, "3 where at least 3 is claimed: reproduced."),
        ({"at_least": 3.5}, Verdict.DEVIATES_LOW, "3 where at least 3.5 is claimed: deviates-low."),
        ({"at_most": 3.0}, Verdict.REPRODUCED, "3 where at most 3 is claimed: reproduced."),
        ({"at_most": 2.5}, Verdict.DEVIATES_HIGH, "3 where at most 2.5 is claimed: deviates-high."),
    ],
)
def test_an_exact_number(bound, wanted, sentence):
    finding = verdict(exact(**bound), results({("a", 0.1): [3.0, 3.0]}), unit="count")
    assert finding == Finding(wanted, sentence, 3.0, 0.0, 2)


def test_one_seed_that_differs_breaks_an_exact_number():
    finding = verdict(exact(equals=3.0), results({("a", 0.1): [3.0, 3.0, 2.0]}), unit="count")
    assert finding.verdict is Verdict.DEVIATES_LOW
    assert finding.sentence.startswith("2 where exactly 3")


def test_along_a_range_the_worst_point_counts():
    numbers = {("a", 0.1): [0.5, 0.5], ("a", 0.2): [0.7, 0.7], ("a", 0.3): [0.1, 0.9]}
    check = value(quantity=quantity(rate=None), along="rate", points=RATES)
    finding = verdict(check, results(numbers))
    assert finding.verdict is Verdict.DEVIATES_HIGH
    assert finding.sentence.startswith("1 of 3 points hold; worst: at rate = 0.2: ours 70.00 %")
    assert finding.ours == pytest.approx(0.7)
    held = verdict(value(quantity=quantity(rate=None), along="rate", points=(0.1,)), results(numbers))
    assert held.verdict is Verdict.REPRODUCED
    assert held.sentence.startswith("at rate = 0.1: ours 50.00 %")


def test_along_a_range_every_seed_of_an_exact_number_counts():
    numbers = {("a", 0.1): [3.0, 3.0], ("a", 0.2): [3.0, 4.0], ("a", 0.3): [3.0, 3.0]}
    check = exact(quantity=quantity(rate=None), along="rate", points=RATES, equals=3.0)
    assert verdict(check, results(numbers), unit="count").verdict is Verdict.DEVIATES_HIGH


def test_orders_and_rates_go_along_a_range_too():
    numbers = {(m, r): [0.6 if m == "a" else 0.5] * 5 for m in "ab" for r in RATES}
    numbers["a", 0.3] = [0.4] * 5
    along = {"along": "rate", "points": RATES}
    pair = order(above=quantity(rate=None), below=quantity("b", None), **along)
    assert "2 of 3 points hold; worst: at rate = 0.3" in verdict(pair, results(numbers)).sentence
    often = rate(quantity=quantity(rate=None), event_above=0.5, at_least=0.5, **along)
    assert verdict(often, results(numbers)).verdict is Verdict.DEVIATES_LOW


def test_what_a_quantity_says_itself_comes_before_the_point():
    numbers = {("a", r): [r] * 5 for r in RATES}
    check = order(above=quantity(rate=None), below=quantity(rate=0.1), along="rate", points=(0.2, 0.3))
    assert verdict(check, results(numbers)).verdict is Verdict.REPRODUCED


SCORES = st.lists(st.tuples(*[st.integers(1, 64).map(float)] * 3), min_size=1, max_size=6)


@given(SCORES)
def test_quantities_are_taken_off_and_divided_seed_by_seed(rows):
    a, b, c = (list(column) for column in zip(*rows, strict=True))
    found = results({("a", 0.1): a, ("b", 0.1): b, ("b", 0.2): c})
    minus, both = quantity("b"), quantity("b", 0.2)
    assert measured(quantity(minus=minus), {}, found).tolist() == [x - y for x, y in zip(a, b, strict=True)]
    assert measured(quantity(divided_by=minus), {}, found).tolist() == [x / y for x, y in zip(a, b, strict=True)]
    gained = measured(quantity(minus=minus, divided_by=both), {}, found)
    assert gained.tolist() == [(x - y) / z for x, y, z in zip(a, b, c, strict=True)]
    assert measured(quantity(statistic="deviation"), {}, found) == pytest.approx(np.abs(a - np.median(a)))


def test_best_keeps_the_seed_with_the_highest_validation_accuracy_not_the_highest_score():
    found = results({("a", 0.1): [0.9, 0.7, 0.8]}, validation={("a", 0.1): [0.1, 0.3, 0.2]})
    assert measured(quantity(statistic="best"), {}, found).tolist() == [0.7]
    assert verdict(exact(quantity=quantity(statistic="best"), at_least=0.7), found).verdict is Verdict.REPRODUCED
    assert verdict(exact(quantity=quantity(statistic="best"), at_least=0.75), found).verdict is Verdict.DEVIATES_LOW


def test_the_best_of_a_difference_is_the_difference_of_the_best_seed():
    numbers = {("a", 0.1): [0.9, 0.7, 0.8], ("b", 0.1): [0.5, 0.1, 0.2]}
    found = results(numbers, validation={("a", 0.1): [0.1, 0.3, 0.2]})
    best = measured(quantity(minus=quantity("b"), statistic="best"), {}, found)
    assert best == pytest.approx([0.6])


def kinds(**parts):
    """Return a check of each kind that can read the given quantity without a range."""
    read = quantity(**parts)
    return [
        value(quantity=read),
        order(above=read, below=0.1),
        rate(quantity=read, event_above=0.1, at_least=0.1),
        exact(quantity=read, equals=0.5),
    ]


def test_division_by_zero_is_an_error():
    found = results({("a", 0.1): [0.5, 0.5], ("b", 0.1): [0.5, 0.0]})
    for check in kinds(divided_by=quantity("b")):
        assert verdict(check, found) == Finding(Verdict.ERROR, "a quantity is divided by zero")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_an_error_that_names_the_job(bad):
    found = results({("a", 0.1): [0.5, bad]})
    for check in kinds():
        finding = verdict(check, found)
        assert finding.verdict is Verdict.ERROR
        assert finding.ours is None
        assert finding.sentence.startswith("job method=a, rate=0.1, setting=toy, seed 1 (")
        assert finding.sentence.endswith(f"diverged: score is {bad}")


def test_a_missing_record_is_not_run_and_a_failed_job_is_an_error():
    for check in kinds():
        missing = verdict(check, results({("a", 0.1): [0.5, None]}))
        assert missing.verdict is Verdict.NOT_RUN
        assert "seed 1 (" in missing.sentence
        assert missing.sentence.endswith("has no record")
        failed = verdict(check, results({("a", 0.1): [0.5, 0.5]}, errors={("a", 0.1)}))
        assert failed.verdict is Verdict.ERROR
        assert failed.sentence.startswith("job method=a, rate=0.1, setting=toy, seed 0 (")
        assert failed.sentence.endswith("failed: RuntimeError: out of luck")


def test_one_bad_point_of_a_range_is_enough():
    check = value(quantity=quantity(rate=None), along="rate", points=RATES)
    numbers = {("a", r): [0.5, 0.5] for r in RATES}
    assert verdict(check, results({**numbers, ("a", 0.3): [0.5, None]})).verdict is Verdict.NOT_RUN
    assert verdict(check, results({**numbers, ("a", 0.2): [0.5, float("nan")]})).verdict is Verdict.ERROR
    assert verdict(trend("rising"), results({**numbers, ("a", 0.2): [0.5, None]})).verdict is Verdict.NOT_RUN


def test_a_metric_that_a_job_did_not_measure_is_an_error():
    check = exact(quantity=Quantity("table", "loss", {"method": "a", "rate": 0.1}), equals=1.0)
    finding = verdict(check, results({("a", 0.1): [0.5]}))
    assert finding.verdict is Verdict.ERROR
    assert "has no metric 'loss'; it has score, validation_accuracy" in finding.sentence


def test_an_experiment_that_was_not_asked_for_is_not_run():
    found = results({("a", 0.1): [0.5] * 5, ("b", 0.1): [0.4] * 5})
    for check in (*kinds(experiment="other"), order(below=quantity("b", experiment="other"))):
        assert verdict(check, found) == Finding(Verdict.NOT_RUN, "its experiment was not asked for")


@pytest.mark.parametrize("there", [1, 3])
def test_experiments_with_different_numbers_of_seeds_are_an_error_in_plain_words(there):
    found = results({("a", 0.1): [0.5] * 5}, also={("b", 0.1): [0.4] * there})
    unpaired = quantity("b", experiment="other")
    for check in (order(below=unpaired), *kinds(minus=unpaired), *kinds(divided_by=unpaired)):
        finding = verdict(check, found)
        assert finding.verdict is Verdict.ERROR
        assert finding.sentence == (
            f"seeds cannot be paired: other has {there}, table has 5; declare the same number for each"
        )


def test_experiments_with_as_many_seeds_are_compared_and_so_are_those_of_a_common_number_asked_for():
    paired = order(below=quantity("b", experiment="other"))
    found = results({("a", 0.1): [0.5] * 5}, also={("b", 0.1): [0.4] * 5})
    assert verdict(paired, found).verdict is Verdict.REPRODUCED
    found = results({("a", 0.1): [0.5] * 7}, also={("b", 0.1): [0.4] * 5}, replicates=Replicates(count=5))
    assert verdict(paired, found).verdict is Verdict.REPRODUCED


def test_the_cell_of_a_quantity_must_be_one():
    found = results({("a", 0.1): [0.5]})
    with pytest.raises(Failed, match=r"3 cells of table \(smoke\) fit method = a; one is needed"):
        measured(quantity(rate=None), {}, found)
    assert measured(0.25, {}, found).tolist() == [0.25]


DEVIATIONS = {Verdict.DEVIATES_LOW, Verdict.DEVIATES_HIGH}
BLOCKING = {
    "none": set(),
    "no-deviation": DEVIATIONS | {Verdict.ERROR},
    "reproduced": DEVIATIONS | {Verdict.ERROR, Verdict.INCONCLUSIVE},
}


@pytest.mark.parametrize(("gate", "outcome"), [*itertools.product(BLOCKING, Verdict)])
def test_what_each_gate_lets_through(gate, outcome):
    judged = Judged(claim(), Check("value", gate, "r"), Finding(outcome, "s"))
    assert judged.blocks is (outcome in BLOCKING[gate])


def test_only_claims_with_a_check_in_the_tier_are_judged():
    smoke, full = exact(equals=0.5), exact(equals=0.6)
    claims = [
        Claim("toy/smoke", "s", "s", "none", None, {Tier.SMOKE: smoke, Tier.FULL: full}, {}),
        Claim("toy/full", "s", "s", "none", None, {Tier.FULL: full}, {Tier.SMOKE: "too large"}),
    ]
    judged = check_claims(claims, results({("a", 0.1): [0.5]}))
    assert [(j.claim.id, j.check, j.finding.verdict) for j in judged] == [("toy/smoke", smoke, Verdict.REPRODUCED)]


@pytest.mark.parametrize(
    ("given", "unit", "text"),
    [
        (0.98554, "fraction", "98.55 %"),
        (-0.001, "fraction", "-0.10 %"),
        (1.0, "fraction", "100.00 %"),
        (266610.0, "count", "266,610"),
        (1683.9, "kilobytes", "1684"),
        (0.12345, "ratio", "0.1235"),
        (-3.0, "none", "-3"),
        (1e20, "none", "1e+20"),
    ],
)
def test_numbers_are_shown_as_people_read_them(given, unit, text):
    assert show(given, claim(unit)) == text


def test_no_number_is_a_dash():
    assert number(None) == "-"
