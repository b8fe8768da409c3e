import numpy as np
import pytest

from common.pipeline.verdict import (
    Finding,
    Verdict,
    at_point,
    decide,
    finding,
    number,
    over_range,
    p_value,
    show,
    show_gap,
)
from tests.common.pipeline.toy import ALONG, claim, value


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


def test_ranges_and_points_begin_a_sentence():
    assert over_range(value(**ALONG), 2) == "2 of 3 points hold; worst: "
    assert over_range(value(along="rate", points=(0.1,)), 1) == over_range(value(), 1) == ""
    assert at_point({"rate": 0.1, "method": "a"}) == "at rate = 0.1: at method = a: "
    assert at_point({}) == ""


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
    assert show(given, claim(unit=unit)) == text
    assert show_gap(given, claim(unit=unit)) == text.replace(" %", " points")


def test_no_number_is_a_dash():
    assert number(None) == "-"


@pytest.mark.parametrize(
    ("p", "text"), [(1.0, "p = 1.000"), (0.03125, "p = 0.031"), (0.0005, "p = 0.001"), (0.0004, "p < 0.001")]
)
def test_small_p_values_are_shown_as_such(p, text):
    assert p_value(p) == text
