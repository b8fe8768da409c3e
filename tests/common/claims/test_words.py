import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.claims.words import at_point, number, over_range, p_value, percent, show, show_gap
from tests.common.toy import ALONG, claim, value


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
        (1683.9, "kilobytes", "1,684"),
        (0.12345, "ratio", "0.1235"),
        (-3.0, "none", "-3"),
        (1e20, "none", "1e+20"),
    ],
)
def test_numbers_are_shown_as_people_read_them(given, unit, text):
    assert show(given, claim(unit=unit)) == text
    assert show_gap(given, claim(unit=unit)) == text.replace(" %", " points")


FRACTIONS = [
    (1.0 - 1e-16, 1.0, "99.99999999999999", "100.00"),
    (0.999996, 1.0, "99.9996", "100.00"),
    (0.98551, 0.9855, "98.551", "98.55"),
    (0.9855, 0.9855, "98.55", "98.55"),
    (0.98554, 0.98546, "98.554", "98.546"),
    (0.3, 0.1 + 0.2, "30.00", "30.000000000000004"),
    (1e-17, 0.0, "1e-15", "0.00"),
    (-0.00001, 0.0, "-0.001", "0.00"),
    (0.00004, 0.000041, "0.004", "0.0041"),
    (0.00005, 0.0001, "0.005", "0.01"),
    (0.5, 0.25, "50.00", "25.00"),
    (-0.0, 0.0, "0.00", "0.00"),
    (-0.30004, -0.3, "-30.004", "-30.00"),
    (np.float64(0.12341), np.float64(0.12342), "12.341", "12.342"),
]
NUMBERS = [
    (5124.3, 5124.0, "5,124.3", "5,124"),
    (266610.5, 266610.0, "266,610.5", "266,610"),
    (266604.9, 266606.2, "266,605", "266,606"),
    (999.96, 1000.2, "999.96", "1,000.2"),
    (1.5e300, 1.50001e300, "1.5e+300", "1.50001e+300"),
    (0.12345, 0.12346, "0.12345", "0.12346"),
    (0.1 + 0.2, 0.3, "0.30000000000000004", "0.3"),
    (3.49999, 3.5, "3.49999", "3.5"),
    (1e-17, 0.0, "1e-17", "0"),
    (15255626.0, 15255625.0, "15,255,626", "15,255,625"),
    (2.0, 3.0, "2", "3"),
    (0.0, -0.0, "0", "0"),
]


@pytest.mark.parametrize(("one", "other", "text", "beside"), FRACTIONS)
def test_percentages_show_the_digits_in_which_they_differ(one, other, text, beside):
    assert show(one, claim(unit="fraction"), other) == f"{text} %"
    assert show_gap(one, claim(unit="fraction"), other) == f"{text} points"
    assert percent(other, one) == beside


@pytest.mark.parametrize(("one", "other", "text", "beside"), NUMBERS)
def test_numbers_show_the_digits_in_which_they_differ(one, other, text, beside):
    assert show(one, claim(), other) == show_gap(one, claim(), other) == text
    assert number(other, one) == beside


def test_a_number_is_told_from_every_other_one():
    assert percent(0.5, 0.50001, 0.4999999, 0.7) == "50.00"
    assert percent(0.50001, 0.5, 0.4999999, 0.7) == "50.001"
    assert percent(0.4999999, 0.5, 0.50001, 0.7) == "49.99999"


def test_a_number_that_is_not_zero_is_never_shown_as_zero():
    assert [percent(share) for share in (0.00003, 0.00005, 0.000051, 1e-9)] == ["0.003", "0.005", "0.01", "1e-07"]
    assert [percent(share, decimals=0) for share in (0.004, 0.005, 0.0123, 0.5)] == ["0.4", "0.5", "1", "50"]


@settings(deadline=None)
@given(st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=4))
@example([0.1, 0.10000000000000002, 0.05])
@example([1e-10, 1.0000000000000002e-10, 0.00005])
@example([0.00005, 0.000050000000000000016, 0.0001])
def test_texts_are_equal_where_numbers_are(numbers):
    for text in (percent, number):
        shown = [float(text(n, *numbers).replace(",", "")) for n in numbers]
        for one, i in zip(numbers, shown, strict=True):
            for other, j in zip(numbers, shown, strict=True):
                assert (i < j) == (one < other)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (1.0, "p = 1.000"),
        (0.03125, "p = 0.031"),
        (0.0005, "p = 0.001"),
        (0.0004, "p < 0.001"),
        (0.05, "p = 0.050"),
        (0.0503, "p = 0.0503"),
        (0.04999, "p = 0.04999"),
        (0.0494, "p = 0.049"),
    ],
)
def test_small_p_values_are_shown_as_such(p, text):
    assert p_value(p) == text
