from pathlib import Path

import pytest

from common.claims.claim import Quantity
from common.claims.sense import limits
from tests.common.claims.test_read import ABOVE, BELOW, CLAIM, IMAGES, parse, refused, with_check

SAID = "can never be measured: in the unit {} the quantity is at least {}"
DIFFERENCE = "metric: accuracy, minus: {cell: {method: b}}"
QUOTIENT = "metric: accuracy, divided_by: {cell: {method: b}}"


def changed(kind: str, unit: str, *changes: tuple[str, str]) -> str:
    """Return a claim with a check of this kind, in this unit, after these changes."""
    text = CLAIM if kind == "value" else with_check(kind)
    text = text.replace("unit: fraction", f"unit: {unit}")
    if unit != "fraction":
        text = text.replace(IMAGES, "")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


EXPECTED, EQUALS = "      margin: 0.003\n      expected: {}\n", "equals: {}"


@pytest.mark.parametrize("unit", ["count", "kilobytes", "seconds"])
@pytest.mark.parametrize(
    ("kind", "old", "new", "place"),
    [
        ("value", "      margin: 0.003\n", EXPECTED.format(-1), "15:17"),
        ("order", BELOW, "below: -1", "14:14"),
        ("order", ABOVE, "above: -1", "13:14"),
        ("rate", "event_below: 0.2", "event_below: -1", "14:20"),
        ("rate", "event_below: 0.2", "event_above: -1", "14:20"),
        ("exact", "equals: 1", "equals: -1", "14:15"),
        ("exact", "equals: 1", "at_least: -1", "14:17"),
        ("exact", "equals: 1", "at_most: -1", "14:16"),
    ],
)
def test_numbers_below_zero_are_refused_where_the_unit_has_none(
    tmp_path: Path, unit: str, kind: str, old: str, new: str, place: str
) -> None:
    assert refused(tmp_path, changed(kind, unit, (old, new))) == f"{place}: -1 {SAID.format(unit, 0)}"
    parse(tmp_path, changed(kind, "none", (old, new)))


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("value", "      margin: 0.003\n", EXPECTED.format(-0.1), "15:17: -0.1 can never be measured"),
        ("value", "mean: 0.9855", "mean: -0.9855", "10:7: -0.9855 can never be measured"),
        ("order", BELOW, "below: -0.01", "14:14: -0.01 can never be measured"),
        ("order", ABOVE, "above: -0.01", "13:14: -0.01 can never be measured"),
        ("rate", "event_below: 0.2", "event_below: -0.2", "14:20: -0.2 can never be measured"),
        ("exact", "equals: 1", "equals: -0.01", "14:15: -0.01 can never be measured"),
        ("exact", "equals: 1", "at_least: -0.01", "14:17: -0.01 can never be measured"),
    ],
)
def test_fractions_lie_between_0_and_1_unless_they_are_differences(
    tmp_path: Path, kind: str, old: str, new: str, message: str
) -> None:
    text = changed(kind, "fraction", (old, new))
    assert refused(tmp_path, text) == f"{message}: in the unit fraction the quantity is at least 0 and at most 1"
    sides = {"order": "cell: {method: a}", "value": "cell: {method: a, setting.rate: 0.5}"}
    if new != "above: -0.01":
        first = sides.get(kind, "metric: accuracy")
        parse(tmp_path, text.replace(first, f"{first}, minus: {{cell: {{method: b}}}}", 1))


@pytest.mark.parametrize(
    ("kind", "unit", "changes", "message"),
    [
        ("exact", "count", [("equals: 1", "equals: 2.5")], "14:15: a count is a whole number, found 2.5"),
        (
            "exact",
            "fraction",
            [("equals: 1", "at_least: 0")],
            "14:17: nothing is less than 0: the check can never",
        ),
        ("exact", "fraction", [("equals: 1", "at_most: 1")], "14:16: nothing is more than 1: the check can never"),
        ("exact", "count", [("equals: 1", "at_least: 0")], "14:17: nothing is less than 0: the check can never"),
        (
            "exact",
            "fraction",
            [("metric: accuracy", DIFFERENCE), ("equals: 1", "at_least: -1")],
            "14:17: nothing is less than -1: the check can never fail",
        ),
        (
            "exact",
            "seconds",
            [("metric: accuracy", "metric: accuracy, statistic: band"), ("equals: 1", "at_most: -1")],
            "14:16: -1 can never be measured: in the unit seconds the quantity is at least 0",
        ),
        ("rate", "none", [("at_least: 0.5", "at_least: 0")], "15:17: nothing is less than 0: the check can never"),
        ("rate", "none", [("at_least: 0.5", "at_most: 1")], "15:16: nothing is more than 1: the check can never"),
        (
            "rate",
            "fraction",
            [("event_below: 0.2", "event_below: 0")],
            "14:20: the event can never happen: in the",
        ),
        (
            "rate",
            "fraction",
            [("event_below: 0.2", "event_above: 1")],
            "14:20: the event can never happen: in the",
        ),
        ("rate", "count", [("event_below: 0.2", "event_below: 0")], "14:20: the event can never happen: in the"),
        ("order", "fraction", [("least_gap: 0.03", "least_gap: 1")], "15:18: the gap is never more than 1: the check"),
        (
            "order",
            "fraction",
            [(BELOW, "below: 0.98"), ("least_gap: 0.03", "least_gap: 0.02")],
            "14:14: the gap is never more than 0.02: the check can never hold",
        ),
        (
            "order",
            "fraction",
            [(ABOVE, "above: 0.02")],
            "13:14: the gap is never more than 0.02: the check can never hold",
        ),
        (
            "order",
            "fraction",
            [(BELOW, "below: 0.02"), ("least_gap: 0.03", "least_gap: -0.03")],
            "14:14: the gap is never less than -0.02: the check can never fail",
        ),
        (
            "order",
            "count",
            [(ABOVE, "above: 0"), ("least_gap: 0.03", "least_gap: 0")],
            "13:14: the gap is never more than 0: the check can never hold",
        ),
        (
            "exact",
            "count",
            [("metric: accuracy", QUOTIENT)],
            "10:7: the unit of a quotient is fraction, ratio or none",
        ),
        (
            "rate",
            "seconds",
            [("metric: accuracy", QUOTIENT)],
            "10:7: the unit of a quotient is fraction, ratio or none",
        ),
        (
            "order",
            "kilobytes",
            [("cell: {method: a}", "cell: {method: a}, divided_by: {cell: {method: c}}")],
            "10:7: the unit of a quotient is fraction, ratio or none, not kilobytes",
        ),
        (
            "trend",
            "none",
            [("metric: accuracy", "metric: accuracy, against: accuracy")],
            "13:17: the correlation of a metric with itself is always 1",
        ),
        (
            "trend",
            "fraction",
            [("method: a}", "method: a, rate: 0.5}")],
            "14:14: every quantity names its own 'rate': the range changes nothing",
        ),
        (
            "order",
            "fraction",
            [("cell: {method: a}", "cell: {rate: 0.1}"), ("cell: {method: b}", "cell: {rate: 0.2}")],
            "16:14: every quantity names its own 'rate': the range changes nothing",
        ),
        ("trend", "fraction", [("[0.5, 0.7, 0.9]", "[0.5, 0.7, 0.50]")], "14:32: rate = 0.5 stands twice in the range"),
    ],
)
def test_what_can_never_hold_or_never_fail_is_refused(
    tmp_path: Path, kind: str, unit: str, changes: list[tuple[str, str]], message: str
) -> None:
    assert refused(tmp_path, changed(kind, unit, *changes)).startswith(message)


@pytest.mark.parametrize(
    ("kind", "unit", "changes"),
    [
        ("exact", "fraction", [("equals: 1", "equals: 0")]),
        ("exact", "fraction", [("equals: 1", "at_least: 1")]),
        ("exact", "fraction", [("equals: 1", "at_most: 0")]),
        ("exact", "count", [("equals: 1", "at_most: 2.5")]),
        ("exact", "none", [("equals: 1", "at_least: 0")]),
        ("exact", "ratio", [("metric: accuracy", QUOTIENT), ("equals: 1", "at_least: 0")]),
        ("exact", "count", [("metric: accuracy", DIFFERENCE), ("equals: 1", "equals: -1")]),
        ("rate", "fraction", [("event_below: 0.2", "event_below: 1")]),
        ("rate", "fraction", [("event_below: 0.2", "event_above: 0")]),
        ("rate", "none", [("at_least: 0.5", "at_least: 1")]),
        ("rate", "none", [("at_least: 0.5", "at_most: 0")]),
        ("order", "fraction", [("least_gap: 0.03", "least_gap: -0.03")]),
        ("order", "fraction", [(BELOW, "below: 0.96")]),
        ("order", "fraction", [(BELOW, "below: 0"), ("least_gap: 0.03", "least_gap: 0")]),
        ("order", "fraction", [("cell: {method: a}", "cell: {rate: 0.1}")]),
        ("order", "none", [("least_gap: 0.03", "least_gap: -100")]),
    ],
)
def test_what_can_hold_and_fail_is_read(tmp_path: Path, kind: str, unit: str, changes: list[tuple[str, str]]) -> None:
    parse(tmp_path, changed(kind, unit, *changes))


def test_a_correlation_lies_between_minus_1_and_1(tmp_path: Path) -> None:
    whole = ("cell: {method: a}}", "cell: {method: a}, against: loss}")
    gap = ("least_gap: 0.03", "least_gap: 0")
    for bound in (1.5, -1.01):
        message = refused(tmp_path, changed("order", "none", whole, gap, (BELOW, f"below: {bound}")))
        assert message.startswith(
            f"14:14: {bound} can never be measured: in the unit none the quantity is at least -1 and"
        )
    parse(tmp_path, changed("order", "none", whole, gap, (BELOW, "below: -0.5")))


def test_the_numbers_that_a_quantity_can_be() -> None:
    inner = Quantity("table", "accuracy", {})
    difference = Quantity("table", "accuracy", {}, minus=inner)
    inf = float("inf")
    assert limits(inner, "fraction") == (0.0, 1.0)
    assert limits(difference, "fraction") == (-1.0, 1.0)
    assert limits(Quantity("table", "accuracy", {}, minus=difference), "fraction") == (-1.0, 2.0)
    assert limits(difference, "count") == (-inf, inf)
    assert limits(Quantity("table", "accuracy", {}, divided_by=inner), "fraction") == (-inf, inf)
    assert limits(Quantity("table", "accuracy", {}, minus=inner, statistic="band"), "fraction") == (0.0, inf)
    assert limits(0.3, "fraction") == (0.3, 0.3)
