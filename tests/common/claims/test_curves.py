"""Claims about numbers along a curve that jobs recorded: read, refused, judged."""

from dataclasses import replace

import pytest

from common.claims.declared import require_fit
from common.claims.judge import check_claims
from common.claims.kinds import Trend
from common.claims.verdict import Finding, Verdict
from common.errors import UsageError
from common.experiment import Tier
from tests.common.claims.test_declared import declarations, declared
from tests.common.claims.test_read import parse, refused, with_check
from tests.common.toy import claim, curve, curves, exact, find, judge, one, order, quantity, rate, trend, value

RISING = [[1.0, 2.0, 4.0, 9.0], [1.5, 2.5, 3.0, 7.0], [0.5, 3.0, 5.0, 8.0]]
FIRST = {"along": "index", "points": (1,)}
SOME = {"along": "index", "points": (1, 2, 4)}

CURVE = (
    with_check("trend")
    .replace("metric: accuracy", "curve: dormant")
    .replace("{rate: [0.5, 0.7, 0.9]}", "{index: [1, 5, 10]}")
)


def read(folder, text):
    (found,) = parse(folder, text)
    return found.checks[Tier.FULL]


def test_a_quantity_may_read_a_curve_along_its_index(tmp_path):
    check = read(tmp_path, CURVE)
    assert isinstance(check, Trend)
    assert (check.quantity.metric, check.quantity.curve) == ("dormant", True)
    assert (check.along, check.points) == ("index", (1, 5, 10))


@pytest.mark.parametrize("relation", ["minus", "divided_by"])
def test_a_part_reads_the_same_curve_unless_it_names_its_own_or_a_metric(tmp_path, relation):
    text = CURVE.replace("unit: fraction", "unit: none")
    for names, wanted in (
        ("cell: {method: b}", ("dormant", True)),
        ("curve: rank", ("rank", True)),
        ("metric: accuracy", ("accuracy", False)),
    ):
        check = read(tmp_path, text.replace("cell: {method: a}", f"cell: {{method: a}}, {relation}: {{{names}}}"))
        part = getattr(check.quantity, relation)
        assert (part.metric, part.curve) == wanted
    whole = text.replace("curve: dormant", f"metric: accuracy, {relation}: {{curve: dormant}}")
    assert [q.curve for q in read(tmp_path, whole).quantities] == [False, True]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("curve: dormant", "metric: accuracy", "14:14: an 'index' counts along a curve, and no quantity reads one"),
        ("index:", "rate:", "13:17: a curve is read at its indices: give along: {index: [1, 10]} or the like"),
        ("curve: dormant", "curve: dormant, metric: accuracy", "13:17: a quantity reads a 'metric' or a 'curve', not"),
        ("curve: dormant, ", "", "13:17: field 'metric' is missing, or a 'curve' in its place"),
        ("[1, 5, 10]", "[0, 5, 10]", "14:23: an index counts from 1, found 0"),
        ("[1, 5, 10]", "[1, 5, 2.5]", "14:29: expected a whole number, found 2.5"),
        ("[1, 5, 10]", "[1, 5, last]", "14:29: expected a whole number, found the text 'last'"),
        ("[1, 5, 10]", "[1, 5, 5]", "14:29: index = 5 stands twice in the range"),
        ("curve: dormant", "curve: 3", "13:44: expected text, found 3"),
    ],
)
def test_what_makes_no_sense_about_a_curve_is_refused(tmp_path, old, new, message):
    assert CURVE.count(old) == 1
    assert refused(tmp_path, CURVE.replace(old, new)).startswith(message)


def test_a_curve_without_a_range_and_one_that_is_correlated_are_refused(tmp_path):
    exact_curve = with_check("exact").replace("metric: accuracy", "curve: dormant")
    assert refused(tmp_path, exact_curve).startswith("13:17: a curve is read at its indices")
    correlated = CURVE.replace("unit: fraction", "unit: none").replace("dormant,", "dormant, against: accuracy,")
    assert refused(tmp_path, correlated).startswith("13:17: a correlation is of two metrics, not of a curve")


def test_every_kind_reads_curves():
    found = curves(a=RISING, b=[[1.0] * 4] * 3)
    checks = [
        value(quantity=curve(), expected=1.0, margin=3.0, **FIRST),
        order(above=curve(), below=curve("b"), **SOME),
        trend(quantity=curve(), **SOME),
        rate(quantity=curve(), event_above=2.5, at_least=0.5, along="index", points=(2,)),
        exact(quantity=curve(), at_least=7.0, along="index", points=(4,)),
    ]
    assert [judged.finding.sentence for judged in judge(checks, found)] == [
        # mean 1, deviation 0.5, and the 95 % point of Student's t with 2 degrees times 0.5 / sqrt(3)
        "at index = 1: ours 1 ± 0.5 (3 seeds), expected 1; difference 0, 90 % interval -0.8429 to 0.8429, inside ±3: "
        "reproduced.",
        # gaps 0, 0.5 and -0.5 at index 1: the sum is 0 or more in three of four flips of the latter two
        "0 of 3 points hold; worst: at index = 1: 1 against 1, gap 0 (3 paired seeds, p = 0.750) where more than 0 is "
        "claimed: inconclusive (3 seeds cannot decide an order; 5 are the least).",
        # one order of three ranks for each of three seeds: 1/6 to the third
        "1, 2.5, 8 along index (3 seeds, p = 0.005) where rising is claimed: reproduced.",
        "at index = 2: 1 of 3 seeds (90 % interval 2 % to 86 %) where at least 50 % is claimed: inconclusive.",
        "7 where at least 7 is claimed: reproduced.",
    ]


def test_curves_are_taken_off_and_divided_seed_by_seed_and_so_is_one_number():
    found = curves(a=RISING, b=[[1.0, 2.0, 2.0, 4.0], [0.5, 1.0, 1.5, 2.0], [0.5, 0.5, 1.0, 8.0]])
    checks = [
        exact(quantity=curve(**{relation: part}), equals=0.0, **SOME)
        for relation in ("minus", "divided_by")
        for part in (curve("b"), quantity("b"))
    ]
    readings = [
        {name: values.tolist() for name, values in judged.reading.samples().items()}
        for judged in check_claims([claim(check, name=str(i)) for i, check in enumerate(checks)], found)
    ]
    assert readings == [
        {"index = 1": [0.0, 1.0, 0.0], "index = 2": [0.0, 1.5, 2.5], "index = 4": [5.0, 5.0, 0.0]},
        {"index = 1": [0.5, 1.0, 0.0], "index = 2": [1.5, 2.0, 2.5], "index = 4": [8.5, 6.5, 7.5]},
        {"index = 1": [1.0, 3.0, 1.0], "index = 2": [1.0, 2.5, 6.0], "index = 4": [2.25, 3.5, 1.0]},
        {"index = 1": [2.0, 3.0, 1.0], "index = 2": [4.0, 5.0, 6.0], "index = 4": [18.0, 14.0, 16.0]},
    ]


BEYOND = "job method=a, rate=0.1, setting=toy, seed 1 ("


@pytest.mark.parametrize(
    ("check", "recorded", "words"),
    [
        (exact(quantity=curve(), at_least=0.0, **SOME), [[1.0] * 4, [1.0] * 3],
         "): the curve 'lost' has 3 points, none with index 4"),
        (exact(quantity=curve(), at_least=0.0, **SOME), [[1.0] * 4, [1.0, float("nan"), 1.0, 1.0]],
         ") diverged: lost is nan at index 2"),
    ],
)  # fmt: skip
def test_an_index_beyond_a_curve_and_a_point_that_diverged_are_errors(check, recorded, words):
    finding = find(check, curves(a=recorded))
    assert finding.verdict is Verdict.ERROR
    assert finding.sentence.startswith(BEYOND)
    assert finding.sentence.endswith(words)


def test_a_curve_that_was_not_recorded_is_an_error_that_names_those_there_are():
    unknown = exact(quantity=quantity(metric="rank", curve=True), at_least=0.0, **FIRST)
    assert find(unknown, curves(a=[[1.0]])).sentence.endswith(") has no curve 'rank'; it has lost")
    assert find(unknown, one([0.5])).sentence.endswith(") has no curve 'rank'; it has none")


def test_what_was_withheld_is_withheld_as_a_curve_too():
    found = curves(a=[[1.0]])
    (job,) = found.records
    record = found.records[job]
    found.records[job] = replace(record, metrics=replace(record.metrics, withheld={"lost": "it lost nothing"}))
    finding = find(exact(quantity=curve(), at_least=0.0, **FIRST), found)
    assert finding.sentence.endswith("): it lost nothing")


def test_numbers_on_a_curve_must_be_possible_in_the_unit():
    finding = find(exact(quantity=curve(), at_least=0.5, **SOME), curves(a=RISING), unit="fraction")
    assert finding == Finding(Verdict.ERROR, "lost of table is no fraction: 0.5 to 1.5")


def test_a_curve_needs_no_declaration_but_its_experiment_and_cell_do():
    gate = {"gate": "reproduced", "at_least": 0.0, **FIRST}
    fits = declared(exact(quantity=curve(), **gate))
    require_fit([replace(fits[0], unit="count")], declarations(), "toy.yaml")
    with pytest.raises(UsageError, match=r"0 cells of table .* fit method = c, rate = 0\.1; one is needed"):
        require_fit(declared(exact(quantity=curve("c"), **gate)), declarations(), "toy.yaml")
    same = order(above=curve(), below=curve(), **SOME)
    with pytest.raises(UsageError, match="at index = 1: 'above' and 'below' are the same"):
        require_fit(declared(same), declarations(), "toy.yaml")
