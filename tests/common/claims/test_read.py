from dataclasses import replace
from pathlib import Path

import pytest

from common.claims.claim import Check, Claim, Quantity, Reported
from common.claims.kinds import Order, Value
from common.claims.read import read
from common.errors import UsageError
from common.experiment import Tier

CLAIM = """\
papers: {toy: A toy paper}
claims:
  - id: toy/accuracy
    source: Table 9, q = 0.5
    statement: The network reaches 98.55 %.
    unit: fraction
    reported: {mean: 0.9855, spread: 0.001, spread_is: sd, seeds: 5, resolution: 0.0001}
    smoke: {untestable: an accuracy on large images}
    full:
      kind: value
      gate: no-deviation
      reason: sampling error of the test set
      quantity: {experiment: table, metric: accuracy, cell: {method: a, setting.rate: 0.5}}
      margin: 0.003
      images: 10000
"""
IMAGES = "      images: 10000\n"
CHECKS = {
    "order": """\
      kind: order
      gate: reproduced
      reason: paired seeds
      above: {experiment: table, metric: accuracy, cell: {method: a}}
      below: {experiment: table, metric: accuracy, cell: {method: b}}
      least_gap: 0.03
      along: {rate: [0.5, 0.9]}
""",
    "trend": """\
      kind: trend
      gate: none
      reason: weak
      quantity: {experiment: table, metric: accuracy, cell: {method: a}}
      along: {rate: [0.5, 0.7, 0.9]}
      direction: falling
""",
    "rate": """\
      kind: rate
      gate: none
      reason: collapse is at chance
      quantity: {experiment: table, metric: accuracy}
      event_below: 0.2
      at_least: 0.5
""",
    "exact": """\
      kind: exact
      gate: reproduced
      reason: a count
      quantity: {experiment: table, metric: accuracy}
      equals: 1
""",
}


BELOW = "below: {experiment: table, metric: accuracy, cell: {method: b}}"
ABOVE = "above: {experiment: table, metric: accuracy, cell: {method: a}}"
BELOW_SPREAD = BELOW.replace("b}", "b}, statistic: spread")
ABOVE_SPREAD = ABOVE.replace("a}", "a}, statistic: spread")


def with_check(kind: str) -> str:
    return CLAIM[: CLAIM.index("      kind: value")] + CHECKS[kind]


def parse(folder: Path, text: str) -> list[Claim]:
    path = folder / "toy.yaml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def check_of(folder: Path, kind: str) -> Check:
    (claim,) = parse(folder, with_check(kind))
    return claim.checks[Tier.FULL]


def refused(folder: Path, text: str) -> str:
    with pytest.raises(UsageError) as error:
        parse(folder, text)
    message = str(error.value)
    assert message.startswith(f"{folder / 'toy.yaml'}:")
    assert "\n" not in message
    return message.removeprefix(f"{folder / 'toy.yaml'}:")


def test_a_valid_file_becomes_claims(tmp_path: Path) -> None:
    assert parse(tmp_path, CLAIM) == [
        Claim(
            id="toy/accuracy",
            paper="A toy paper",
            source="Table 9, q = 0.5",
            statement="The network reaches 98.55 %.",
            unit="fraction",
            reported=Reported(mean=0.9855, spread=0.001, spread_is="sd", seeds=5, resolution=0.0001),
            checks={
                Tier.FULL: Value(
                    gate="no-deviation",
                    reason="sampling error of the test set",
                    quantity=Quantity("table", "accuracy", {"method": "a", "setting.rate": 0.5}),
                    margin=0.003,
                    images=10_000,
                    line=10,
                    column=7,
                )
            },
            untestable={Tier.SMOKE: "an accuracy on large images"},
            line=3,
        )
    ]


def test_an_order_check(tmp_path: Path) -> None:
    assert check_of(tmp_path, "order") == Order(
        gate="reproduced",
        reason="paired seeds",
        above=Quantity("table", "accuracy", {"method": "a"}),
        below=Quantity("table", "accuracy", {"method": "b"}),
        along="rate",
        points=(0.5, 0.9),
        least_gap=0.03,
        line=10,
        column=7,
    )


def test_an_order_against_a_number(tmp_path: Path) -> None:
    text = with_check("order").replace("{experiment: table, metric: accuracy, cell: {method: b}}", "0.96")
    assert parse(tmp_path, text)[0].checks[Tier.FULL].below == 0.96


def test_an_order_of_two_spreads(tmp_path: Path) -> None:
    plain = with_check("order").replace("      least_gap: 0.03\n", "").replace("      along: {rate: [0.5, 0.9]}\n", "")
    text = plain.replace(ABOVE, ABOVE_SPREAD).replace(BELOW, BELOW_SPREAD)
    check = parse(tmp_path, text)[0].checks[Tier.FULL]
    assert [q.statistic for q in check.quantities] == ["spread", "spread"]
    for wrong in (
        text.replace(BELOW_SPREAD, BELOW),
        text.replace(BELOW_SPREAD, "below: 0.1"),
        text + "      least_gap: 0.03\n",
        text + "      along: {rate: [0.5]}\n",
    ):
        assert refused(tmp_path, wrong).startswith("10:7: spreads are compared by an order check of two of them,")


def test_a_trend_may_be_unblocked(tmp_path: Path) -> None:
    assert not check_of(tmp_path, "trend").unblocked
    for word, wanted in (("true", True), ("false", False)):
        text = with_check("trend") + f"      unblocked: {word}\n"
        assert parse(tmp_path, text)[0].checks[Tier.FULL].unblocked is wanted


@pytest.mark.parametrize("kind", ["sd", "se", "unknown"])
def test_a_spread_says_what_it_is_and_the_number_of_runs_may_be_unknown(tmp_path: Path, kind: str) -> None:
    text = CLAIM.replace("spread_is: sd, seeds: 5", f"spread_is: {kind}, seeds: unknown")
    assert parse(tmp_path, text)[0].reported == Reported(0.9855, 0.001, kind, "unknown", 0.0001)


def test_a_claim_names_its_paper_in_full(tmp_path: Path) -> None:
    two = CLAIM.replace("A toy paper}", "A toy paper, toys: Another}")
    (first, second) = parse(tmp_path, two + CLAIM[CLAIM.index("  - id") :].replace("toy/", "toys/"))
    assert (first.paper, second.paper) == ("A toy paper", "Another")


def test_what_is_reported_needs_no_seeds_where_it_is_not_compared_with(tmp_path: Path) -> None:
    unsaid = CLAIM.replace(", seeds: 5", "")
    assert parse(tmp_path, unsaid + "      expected: 0.98\n")[0].checks[Tier.FULL].expected == 0.98
    exact = with_check("exact").replace(", seeds: 5", "")
    assert parse(tmp_path, exact)[0].reported == Reported(0.9855, 0.001, "sd", None, 0.0001)


def test_a_trend_a_rate_and_an_exact_check(tmp_path: Path) -> None:
    trend, rate, exact = (check_of(tmp_path, kind) for kind in ("trend", "rate", "exact"))
    assert (trend.along, trend.points, trend.direction) == ("rate", (0.5, 0.7, 0.9), "falling")
    assert (rate.event_below, rate.event_above, rate.at_least, rate.at_most) == (0.2, None, 0.5, None)
    assert (exact.equals, exact.at_least, exact.at_most, exact.along, exact.points) == (1.0, None, None, None, ())


def test_parts_of_a_quantity_take_experiment_and_metric_from_it_unless_they_name_their_own(
    tmp_path: Path,
) -> None:
    relation = """\
      quantity:
        experiment: table
        metric: accuracy
        cell: {method: a}
        minus: {cell: {method: b, reinitialisation: null}}
        divided_by: {experiment: figure, metric: loss, minus: {cell: {method: c}}}
        statistic: best
"""
    text = CLAIM[: CLAIM.index("      quantity")] + relation + "      margin: 0.01\n"
    text = text.replace("unit: fraction", "unit: ratio")
    check = parse(tmp_path, text)[0].checks[Tier.FULL]
    minus = Quantity("table", "accuracy", {"method": "b", "reinitialisation": None})
    inner = Quantity("figure", "loss", {"method": "c"})
    divided_by = Quantity("figure", "loss", {}, minus=inner)
    whole = Quantity("table", "accuracy", {"method": "a"}, minus, divided_by, "best")
    assert check.quantity == whole
    assert [q.cell for q in check.quantities] == [whole.cell, divided_by.cell, inner.cell, minus.cell]


def test_a_claim_may_be_untestable_in_every_tier(tmp_path: Path) -> None:
    start, end = CLAIM.index("    smoke:"), len(CLAIM)
    (claim,) = parse(tmp_path, CLAIM[:start] + "    untestable: quoted from elsewhere\n" + CLAIM[end:])
    assert claim.checks == {}
    assert claim.untestable == dict.fromkeys(Tier, "quoted from elsewhere")


BOTH = CLAIM.replace("    smoke: {untestable: an accuracy on large images}\n", "").replace("    full:", "    both:")


def test_one_check_may_serve_both_tiers(tmp_path: Path) -> None:
    (both,), (full,) = parse(tmp_path, BOTH), parse(tmp_path, CLAIM)
    assert both.checks[Tier.SMOKE] == both.checks[Tier.FULL]
    assert replace(both.checks[Tier.FULL], line=10) == full.checks[Tier.FULL]
    assert both.untestable == {}


def test_both_stands_alone(tmp_path: Path) -> None:
    full = CLAIM[CLAIM.index("    full:") :]
    for name, text in (("full", BOTH + full), ("smoke", BOTH + full.replace("full:", "smoke:"))):
        wanted = f"16:7: 'both' stands for the checks of both tiers: drop it, or '{name}'"
        assert refused(tmp_path, text) == wanted
    untestable = BOTH.replace("    both:", "    untestable: it is\n    both:")
    assert refused(tmp_path, untestable) == "10:7: a claim that is untestable has no checks"
    neither = BOTH[: BOTH.index("    both:")] + "    both: {untestable: nobody can}\n"
    assert refused(tmp_path, neither) == "8:11: a claim that neither tier can test says 'untestable' itself"


def test_a_claim_may_report_nothing_where_the_check_says_what_it_expects(tmp_path: Path) -> None:
    reported = next(line for line in CLAIM.splitlines(keepends=True) if "reported" in line)
    text = CLAIM.replace(reported, "")
    assert refused(tmp_path, text).startswith("9:7: a value check needs 'expected', or 'reported' on the claim")
    (claim,) = parse(tmp_path, text + "      expected: 0.0\n")
    assert claim.reported is None
    assert claim.checks[Tier.FULL].expected == 0.0


def test_files_of_the_project_are_named_by_their_place_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("common.claims.read.ROOT", tmp_path)
    (tmp_path / "expectations").mkdir()
    path = tmp_path / "expectations" / "toy.yaml"
    path.write_text("papers: {}\nclaims: 3\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"^expectations/toy\.yaml:2:9: expected a list, found 3$"):
        read(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("0.9855,", "98.55,", "7:22: 98.55 is not a fraction: write 98.55 % as 0.9855", id="percent"),
        pytest.param("0.001,", "1.5,", "7:38: 1.5 is not a fraction", id="spread in percent"),
        pytest.param("margin: 0.003", "margin: 3", "14:15: a margin of 3.0 is 300 points: write 0.3 points as 0.003",
                     id="margin in points"),
        pytest.param("margin: 0.003", "margin: 0.21", "14:15: a margin of 0.21 is 21 points", id="margin too wide"),
        pytest.param("margin: 0.003", "margin: 0", "14:15: a margin is above zero, found 0.0", id="no room"),
        pytest.param("0.001,", "-0.001,", "7:38: expected a number that is not negative", id="negative spread"),
        pytest.param("margin: 0.003", "margin: -0.003", "14:15: a margin is above zero, found -", id="negative margin"),
        pytest.param("0.9855,", ".nan,", "7:22: '.nan' ", id="NaN"),
        pytest.param("0.9855,", "1e-3,", "7:22: '1e-3' ", id="number that some readers take for text"),
        pytest.param("0.9855,", '"0.9855",', "7:22: expected a number, found the text", id="text for a number"),
        pytest.param("seeds: 5", "seeds: 0", "7:67: the number of seeds must be at least 1", id="no seeds"),
        pytest.param("seeds: 5", "seeds: many", "7:67: expected a whole number, found the text", id="vague seeds"),
        pytest.param(", seeds: 5", "", "10:7: to compare with 'reported', say there how many", id="seeds unsaid"),
        pytest.param("spread_is: sd, ", "", "7:15: 'spread' and 'spread_is' (sd, se, unknown) go", id="unexplained"),
        pytest.param("spread: 0.001, ", "", "7:15: 'spread' and 'spread_is' (sd, se, unknown) go", id="no spread"),
        pytest.param("spread_is: sd", "spread_is: std", "7:56: expected one of sd, se, unknown", id="unknown spread"),
        pytest.param(IMAGES, "", "10:7: a fraction's spread has a floor: give 'images'", id="no images"),
        pytest.param("images: 10000", "images: 0", "15:15: the number of images must be at least 1", id="0 images"),
        pytest.param("images: 10000", "images: 0.5", "15:15: expected a whole number, found 0.5", id="half an image"),
        pytest.param("unit: fraction", "unit: ratio", "15:15: only a fraction counts over images", id="stray images"),
        pytest.param("{toy: A", "{tie: A", "3:9: a claim's id begins with its paper, one of tie", id="unknown paper"),
        pytest.param("accuracy, cell", "accuracy, statistic: spread, cell", "10:7: spreads are compared by an order",
                     id="a spread against a number"),
        pytest.param("rate: 0.5}", "rate: 0.5}, minus: {statistic: best}", "10:7: a statistic belongs to the whole",
                     id="the best run of a part"),
        pytest.param("seeds: 5", "seeds: 2.5", "7:67: expected a whole number, found 2.5", id="half a seed"),
        pytest.param(", resolution: 0.0001", "", "7:15: field 'resolution' is missing", id="no resolution"),
        pytest.param("unit: fraction", "unit: percent", "6:11: expected one of fraction, count", id="unknown unit"),
        pytest.param("    source: Table 9, q = 0.5\n", "", "3:5: field 'source' is missing", id="no source"),
        pytest.param("source:", "sourse:", "4:13: unknown field 'sourse'; allowed here: id, source", id="typo"),
        pytest.param("statement: The", "statement: # The", "5:15: expected text, found nothing", id="no statement"),
        pytest.param("id: toy/accuracy", "id: 7", "3:9: expected text, found 7", id="number for an id"),
        pytest.param("      kind: value\n", "", "10:7: field 'kind' is missing", id="no kind"),
        pytest.param("kind: value", "kind: exactly", "10:13: expected one of value, order", id="unknown kind"),
        pytest.param("gate: no-deviation", "gate: strict", "11:13: expected one of reproduced, ", id="unknown gate"),
        pytest.param("      margin: 0.003\n", "", "10:7: a value check needs one of margin,", id="no margin"),
        pytest.param(
            "method: a, setting.rate: 0.5}}",
            "method: a}, divided_by: {cell: {method: b}}}",
            "10:7: a quotient is no share of images: its unit is ratio",
            id="images of a quotient",
        ),
        pytest.param("      margin", "      equals: 0\n      margin", "14:15: unknown field 'equals'", id="stray"),
        pytest.param("metric: accuracy, ", "", "13:17: field 'metric' is missing", id="no metric"),
        pytest.param("cell: {", "cells: {", "13:62: unknown field 'cells'", id="typo in a quantity"),
        pytest.param("method: a,", "method: [a],", "13:70: expected a single value, found a list", id="list in a cell"),
        pytest.param("    smoke: {unt", "    # {unt", "3:5: field 'smoke' is missing: give a check", id="no smoke"),
        pytest.param("    full:", "    fill:", "10:7: unknown field 'fill'", id="unknown tier"),
        pytest.param(": an accuracy on large images", ": null", "8:25: expected text, found nothing", id="no reason"),
        pytest.param("large images}", "large images, kind: order}", "8:60: unknown field 'kind'", id="both at once"),
        pytest.param("    smoke:", "    untestable: no\n    smoke:", "8:17: 'no' ", id="truth value for a reason"),
        pytest.param("    smoke:", "    untestable: it\n    smoke:", "9:12: a claim that is untestable has no checks",
                     id="untestable but checked"),
        pytest.param("claims:\n", "claims:\nmore: 1\n", "4:7: not valid YAML", id="broken syntax"),
        pytest.param("unit: fraction", "unit: fraction\n    unit: count", "7:5: duplicate key 'unit'", id="key twice"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_line_and_column(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert CLAIM.count(old) == 1
    assert refused(tmp_path, CLAIM.replace(old, new)).startswith(message)


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("order", BELOW, BELOW_SPREAD, "10:7: spreads are compared by an order check of two of them"),
        ("order", BELOW, BELOW_SPREAD.replace("spread", "best"), "10:7: the best run is one number: only a value"),
        ("order", BELOW, BELOW.replace("b}", "b}, minus: {statistic: spread}"), "10:7: a statistic belongs to the"),
        ("trend", "metric: accuracy", "metric: accuracy, statistic: best", "10:7: the best run is one number"),
        ("rate", "metric: accuracy", "metric: accuracy, statistic: best", "10:7: the best run is one number"),
        ("exact", "metric: accuracy", "metric: accuracy, statistic: best", "10:7: the best run is one number"),
        ("order", BELOW, BELOW.replace("b}", "b}, statistic: band"), "10:7: a band is narrow or not: only an exact"),
        ("exact", "metric: accuracy", "metric: accuracy, statistic: band", "10:7: a band is narrow or not: only an"),
        (
            "exact",
            "metric: accuracy",
            "metric: accuracy, against: loss",
            "10:7: a correlation stands alone and has the",
        ),
        ("trend", "metric: accuracy", "metric: accuracy, statistic: spread", "10:7: spreads are compared by"),
        ("rate", "metric: accuracy", "metric: accuracy, statistic: spread", "10:7: spreads are compared by"),
        ("exact", "metric: accuracy", "metric: accuracy, statistic: spread", "10:7: spreads are compared by"),
        ("trend", "falling", "falling\n      unblocked: 1", "16:18: expected true or false, found 1"),
        ("trend", "falling", "falling\n      unblocked: yes", "16:18: 'yes' "),
        ("rate", "at_least: 0.5", "at_least: 0.5\n      unblocked: true", "16:18: unknown field 'unblocked'"),
        ("exact", "equals: 1", "equals: 1\n      images: 10", "15:15: unknown field 'images'"),
        ("order", "least_gap: 0.03", "least_gap: 3", "15:18: 3.0 is not a fraction"),
        ("order", "along: {rate: [0.5, 0.9]}", "along: {a: [1], b: [1]}", "16:14: 'along' names one field"),
        ("order", "along: {rate: [0.5, 0.9]}", "along: {rate: []}", "16:21: 'along' needs at least one value"),
        ("order", "along: {rate: [0.5, 0.9]}", "along: {rate: 0.5}", "16:21: expected a list, found 0.5"),
        ("trend", "[0.5, 0.7, 0.9]", "[0.5, 0.7]", "10:7: a trend needs at least three points"),
        ("trend", "falling", "down", "15:18: expected one of rising, falling; found 'down'"),
        ("rate", "event_below: 0.2", "event_above: 1\n      event_below: 0", "10:7: a rate needs one of event_below"),
        ("rate", "      event_below: 0.2\n", "", "10:7: a rate needs one of event_below"),
        ("rate", "at_least: 0.5", "at_most: 0.5\n      at_least: 0.1", "10:7: a rate needs one of event_below"),
        ("rate", "at_least: 0.5", "at_least: 50", "10:7: a rate is a fraction between 0 and 1, found 50.0"),
        ("exact", "equals: 1", "equals: 1\n      at_most: 1", "10:7: an exact check needs one of equals"),
        ("exact", "      equals: 1\n", "", "10:7: an exact check needs one of equals"),
        ("exact", "metric: accuracy", "metric: accuracy, statistic: median", "13:66: expected one of values, best"),
    ],
)
def test_each_kind_refuses_what_makes_no_sense(tmp_path: Path, kind: str, old: str, new: str, message: str) -> None:
    text = with_check(kind)
    assert text.count(old) == 1
    assert refused(tmp_path, text.replace(old, new)).startswith(message)


@pytest.mark.parametrize(
    ("kind", "old", "new", "fraction"),
    [
        ("value", "      margin: 0.003\n", "      margin: 0.003\n      expected: 98.5\n", "      expected: 0.985\n"),
        ("order", ABOVE, "above: 98.5", "above: 0.985"),
        ("order", BELOW, "below: 96.5", "below: 0.965"),
        ("exact", "equals: 1", "equals: 98.5", "equals: 0.985"),
        ("exact", "equals: 1", "at_least: 98.5", "at_least: 0.985"),
        ("exact", "equals: 1", "at_most: 1.01", "at_most: 0.99"),
        ("rate", "event_below: 0.2", "event_below: 20", "event_below: 0.2"),
        ("rate", "event_below: 0.2", "event_above: 20", "event_above: 0.2"),
    ],
)
def test_numbers_of_a_fraction_are_refused_in_percent_and_taken_in_every_other_unit(
    tmp_path: Path, kind: str, old: str, new: str, fraction: str
) -> None:
    text = CLAIM if kind == "value" else with_check(kind)
    assert text.count(old) == 1
    percent = text.replace(old, new)
    message = refused(tmp_path, percent)
    number = float(new.split(": ")[-1])
    assert message.endswith(f"{number} is not a fraction: write 98.55 % as 0.9855")
    line, column = (int(part) for part in message.split(":")[:2])
    assert percent.splitlines()[line - 1][column - 1 :] == new.split(": ")[-1].strip()
    parse(tmp_path, text.replace(old, old + fraction if kind == "value" else fraction))
    parse(tmp_path, percent.replace("unit: fraction", "unit: ratio").replace(IMAGES, ""))


def test_the_bounds_of_a_rate_are_fractions_whatever_the_unit(tmp_path: Path) -> None:
    text = with_check("rate").replace("unit: fraction", "unit: count").replace("event_below: 0.2", "event_below: 20")
    assert parse(tmp_path, text)[0].checks[Tier.FULL].event_below == 20
    wrong = text.replace("at_least: 0.5", "at_least: 50")
    assert refused(tmp_path, wrong).startswith("10:7: a rate is a fraction between 0 and 1, found 50.0")


def test_numbers_that_no_float_holds_are_refused_in_their_place(tmp_path: Path) -> None:
    assert refused(tmp_path, CLAIM.replace("0.9855,", "1.0e+999,")) == "7:22: 1.0e+999 is too large a number"


def test_an_order_between_two_numbers_is_refused(tmp_path: Path) -> None:
    numbers = "      kind: order\n      gate: none\n      reason: r\n      above: 1\n      below: 0\n"
    text = CLAIM[: CLAIM.index("      kind: value")] + numbers
    assert refused(tmp_path, text).startswith("10:7: an order check needs a quantity above or below")


def test_a_claim_declared_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    again = CLAIM[CLAIM.index("  - id") :]
    assert refused(tmp_path, CLAIM + again) == "16:5: claim 'toy/accuracy' is declared twice, first in line 3"
    assert len(parse(tmp_path, CLAIM + again.replace("toy/accuracy", "toy/other"))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the file is empty"),
        ("papers: {}\nclaims: []\n", "2:9: no claims declared"),
        ("papers: {}\nclaims:\n", "2:8: expected a list, found nothing"),
        ("- id: a\n", "1:1: expected a mapping, found a list"),
        ("papers: {}\nclaim: []\n", "2:8: unknown field 'claim'; allowed here: papers, claims"),
        ("claims: []\n", "1:1: field 'papers' is missing"),
        ("papers: [toy]\nclaims: []\n", "1:9: expected a mapping, found a list"),
        ("papers: {toy: 3}\nclaims: []\n", "1:15: expected text, found 3"),
        ("papers: {toy: ''}\nclaims: []\n", "1:15: expected text, found the text ''"),
    ],
)
def test_a_file_without_claims_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert refused(tmp_path, text) == message


def test_units_other_than_fractions_take_any_number(tmp_path: Path) -> None:
    text = CLAIM.replace(IMAGES, "").replace("unit: fraction", "unit: kilobytes").replace("0.9855,", "1683.9,")
    (claim,) = parse(tmp_path, text)
    assert claim.reported is not None
    assert claim.reported.mean == 1683.9
