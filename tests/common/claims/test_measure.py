import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.claims.claim import Quantity
from common.claims.measure import best_seed, cells_of, numbers_of, reading_of, where
from common.claims.reading import Reading
from common.claims.results import Failed
from tests.common.toy import ALONG, RATES, find, one, order, pair, quantity, results, row, value


def measured(read, point, found, unit="none"):
    return numbers_of(read, point, found, unit).kept


def samples(check, found, unit):
    return reading_of(check, unit, found).samples()


SCORES = st.lists(st.tuples(*[st.integers(1, 64).map(float)] * 3), min_size=1, max_size=6)


@settings(deadline=None)
@given(SCORES)
def test_quantities_are_taken_off_and_divided_seed_by_seed(rows):
    a, b, c = (list(column) for column in zip(*rows, strict=True))
    found = results({("a", 0.1): a, ("b", 0.1): b, ("b", 0.2): c})
    minus, both = quantity("b"), quantity("b", 0.2)
    assert measured(quantity(minus=minus), {}, found).tolist() == [x - y for x, y in zip(a, b, strict=True)]
    assert measured(quantity(divided_by=minus), {}, found).tolist() == [x / y for x, y in zip(a, b, strict=True)]
    gained = measured(quantity(minus=minus, divided_by=both), {}, found)
    assert gained.tolist() == [(x - y) / z for x, y, z in zip(a, b, c, strict=True)]


def test_best_keeps_the_seed_with_the_highest_validation_accuracy_not_the_highest_score():
    found = one([0.9, 0.7, 0.8], validation={("a", 0.1): [0.1, 0.3, 0.2]})
    assert best_seed(quantity(), {}, found) == 1
    assert measured(quantity(statistic="best"), {}, found).tolist() == [0.7]


def test_a_band_is_half_the_width_of_the_means_confidence_band():
    found = one([0.5, 0.6, 0.7])
    band = measured(quantity(statistic="band"), {}, found)
    assert band == pytest.approx([4.302652729 * 0.1 / 3**0.5])  # the 97.5 % point of Student's t with 2 degrees
    with pytest.raises(Failed, match="one seed has no confidence band"):
        measured(quantity(statistic="band"), {}, one([0.5]))


def test_the_best_of_a_difference_is_the_difference_of_the_best_seed():
    found = pair([0.9, 0.7, 0.8], [0.5, 0.1, 0.2], validation={("a", 0.1): [0.1, 0.3, 0.2]})
    best = measured(quantity(minus=quantity("b"), statistic="best"), {}, found)
    assert best == pytest.approx([0.6])


def correlated(score, validation):
    """Return the rank correlation over all six cells of the toy table, one seed each."""
    cells = [(method, rate) for method in "ab" for rate in RATES]
    found = results(
        {cell: [number] for cell, number in zip(cells, score, strict=True)},
        validation={cell: [number] for cell, number in zip(cells, validation, strict=True)},
    )
    return measured(Quantity("table", "score", {}, against="validation_accuracy"), {}, found).tolist()


def test_a_correlation_goes_over_all_cells_seed_by_seed():
    assert correlated([1, 2, 3, 4, 5, 60], [-1, 0, 3, 30, 31, 32]) == pytest.approx([1.0])
    assert correlated([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]) == pytest.approx([-1.0])
    # ranks 0 to 5 against 1, 0, 3, 2, 5, 4: squared differences sum to 6, 1 - 6 * 6 / (6 * 35)
    assert correlated([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5]) == pytest.approx([1 - 36 / 210])


def test_a_correlation_reads_every_cell_that_fits_and_any_other_quantity_one():
    found = one([0.5])
    whole = Quantity("table", "score", {"method": "a"}, against="validation_accuracy")
    assert [cell.rate for cell in cells_of(whole, {}, found)] == list(RATES)
    assert [cell.rate for cell in cells_of(quantity(rate=0.2), {}, found)] == [0.2]


def test_a_correlation_of_what_is_the_same_everywhere_is_none():
    with pytest.raises(Failed, match="validation_accuracy of table is the same in all cells"):
        correlated([1, 2, 3, 4, 5, 6], [7] * 6)


def test_a_spread_is_left_to_its_test():
    assert measured(quantity(statistic="spread"), {}, one([0.1, 0.4])).tolist() == [0.1, 0.4]


def test_the_cell_of_a_quantity_must_be_one():
    with pytest.raises(Failed, match=r"^3 cells of table \(smoke\) fit method = a; one is needed: they differ in rate"):
        measured(quantity(rate=None), {}, one([0.5]))


def test_what_a_quantity_says_itself_comes_before_the_point():
    assert where(quantity(rate=None), {"rate": 0.2}) == {"method": "a", "rate": 0.2}
    assert where(quantity(rate=0.1), {"rate": 0.2}) == {"method": "a", "rate": 0.1}
    found = row(*[[rate] * 5 for rate in RATES])
    check = order(above=quantity(rate=None), below=quantity(rate=0.1), along="rate", points=(0.2, 0.3))
    assert find(check, found).ours == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("unit", "good", "bad"),
    [
        ("fraction", [0.0, 0.985, 1.0], [98.5, 1.001, -0.001]),
        ("count", [0.0, 3.0], [2.5, -1.0]),
        ("kilobytes", [0.0, 2.5], [-0.5]),
        ("seconds", [0.0, 2.5], [-0.5]),
        ("ratio", [-3.0, 0.5, 98.5], []),
        ("none", [-3.0, 0.5, 98.5], []),
    ],
)
def test_numbers_must_be_possible_in_the_unit(unit, good, bad):
    assert measured(quantity(), {}, one(good), unit).tolist() == good
    for number in bad:
        with pytest.raises(Failed, match=r"^score of table is "):
            measured(quantity(), {}, one([*good, number]), unit)


def test_parts_of_a_difference_must_be_possible_in_the_unit_but_the_difference_may_be_negative():
    difference = quantity(minus=quantity("b"))
    assert measured(difference, {}, pair([0.25], [1.0]), "fraction").tolist() == [-0.75]
    with pytest.raises(Failed, match="is no fraction: 2 to 2"):
        measured(difference, {}, pair([0.25], [2.0]), "fraction")


def test_parts_of_a_ratio_have_units_of_their_own():
    ratio = quantity(divided_by=quantity("b"))
    assert measured(ratio, {}, pair([98.5], [197.0]), "fraction").tolist() == [0.5]


def test_all_numbers_behind_a_check_are_named():
    found = pair([0.1, 0.2], [0.3, 0.4])
    assert {name: v.tolist() for name, v in samples(order(), found, "fraction").items()} == {
        "above": [0.1, 0.2],
        "below": [0.3, 0.4],
    }
    assert list(samples(order(below=0.5), found, "fraction")) == ["above"]
    assert list(samples(value(), found, "fraction")) == ["value"]
    along = value(quantity=quantity(rate=None), **ALONG)
    assert list(samples(along, row([0.1], [0.2], [0.3]), "none")) == ["rate = 0.1", "rate = 0.2", "rate = 0.3"]
    whole = order(above=quantity(rate=None), below=quantity("b", None), along="rate", points=(0.1,))
    assert list(samples(whole, found, "none")) == ["rate = 0.1, above", "rate = 0.1, below"]
    assert along.conditions == [{"rate": rate} for rate in RATES]
    assert value().conditions == [{}]
    best = samples(value(quantity=quantity(statistic="best")), found, "none")["value"]
    assert np.array_equal(best, [0.2])


def test_a_reading_holds_the_points_that_can_be_trusted_and_says_why_the_first_other_one_cannot():
    check = value(quantity=quantity(rate=None), **ALONG)
    found = reading_of(check, "none", row([0.1, None], [0.2, 0.3], [float("nan"), 0.4]))
    assert [(at.point, at.sides["quantity"].values.tolist()) for at in found.points] == [({"rate": 0.2}, [0.2, 0.3])]
    assert found.failed.startswith("job method=a, rate=0.1, setting=toy, seed 1 (")
    assert reading_of(check, "none", row([0.1], [0.2], [0.3])).failed == ""


def test_a_reading_of_what_was_not_asked_for_and_of_what_cannot_be_paired_is_empty():
    other = order(below=quantity("b", experiment="other"))
    assert reading_of(other, "none", one([0.5])) == Reading()
    unpaired = reading_of(other, "none", one([0.5], also={("b", 0.1): [0.4, 0.5]}))
    assert unpaired.points == ()
    assert unpaired.failed.startswith("seeds cannot be paired: other has 2, table has 1")


def test_a_difference_keeps_its_two_sides():
    numbers = numbers_of(quantity(minus=quantity("b")), {}, pair([0.5, 0.75], [0.25, 0.5]), "fraction")
    assert [part.tolist() for part in numbers.parts] == [[0.5, 0.75], [0.25, 0.5]]
    assert numbers_of(quantity(), {}, one([0.5])).parts is None
