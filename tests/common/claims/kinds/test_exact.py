import pytest

from common.claims.verdict import Finding, Verdict
from tests.common.toy import ALONG, exact, find, one, quantity, row


@pytest.mark.parametrize(
    ("bound", "wanted", "sentence"),
    [
        ({"equals": 3.0}, Verdict.REPRODUCED, "3 where exactly 3 is claimed: reproduced."),
        ({"equals": 4.0}, Verdict.DEVIATES_LOW, "3 where exactly 4 is claimed: deviates-low."),
        ({"equals": 2.0}, Verdict.DEVIATES_HIGH, "3 where exactly 2 is claimed: deviates-high."),
        ({"equals": 0.0}, Verdict.DEVIATES_HIGH, "3 where exactly 0 is claimed: deviates-high."),
        ({"at_least": 3.0}, Verdict.REPRODUCED, "3 where at least 3 is claimed: reproduced."),
        ({"at_least": 3.5}, Verdict.DEVIATES_LOW, "3 where at least 3.5 is claimed: deviates-low."),
        ({"at_most": 3.0}, Verdict.REPRODUCED, "3 where at most 3 is claimed: reproduced."),
        ({"at_most": 2.5}, Verdict.DEVIATES_HIGH, "3 where at most 2.5 is claimed: deviates-high."),
        ({"at_most": 0.0}, Verdict.DEVIATES_HIGH, "3 where at most 0 is claimed: deviates-high."),
    ],
)
def test_an_exact_number_has_no_chance_in_it(bound, wanted, sentence):
    finding = find(exact(**bound), one([3.0, 3.0]), unit="count")
    assert finding == Finding(wanted, sentence, 3.0, 0.0, 2, against=None)


@pytest.mark.parametrize(
    ("bound", "shown"),
    [
        ({"equals": 3.0}, "2 where exactly 3"),
        ({"at_least": 1.0}, "2 where at least 1"),
        ({"at_most": 9.0}, "5 where at most 9"),
    ],
)
def test_the_seed_that_comes_nearest_to_breaking_the_bound_is_shown(bound, shown):
    finding = find(exact(**bound), one([3.0, 5.0, 2.0]), unit="count")
    assert finding.sentence.startswith(shown)


@pytest.mark.parametrize(
    ("last", "wanted"), [(3.0, Verdict.REPRODUCED), (4.0, Verdict.DEVIATES_HIGH), (2.0, Verdict.DEVIATES_LOW)]
)
def test_every_seed_of_every_point_counts(last, wanted):
    check = exact(quantity=quantity(rate=None), equals=3.0, **ALONG)
    assert find(check, row([3.0, 3.0], [3.0, last], [3.0, 3.0]), unit="count").verdict is wanted


def test_one_seed_is_enough():
    assert find(exact(equals=3.0), one([3.0])).verdict is Verdict.REPRODUCED


@pytest.mark.parametrize(
    ("unit", "bound", "values", "sentence"),
    [
        ("fraction", {"equals": 1.0}, [1.0, 1.0 - 2e-6], "99.9998 % where exactly 100.00 % is claimed: deviates-low."),
        ("fraction", {"at_most": 0.5}, [0.500004], "50.0004 % where at most 50.00 % is claimed: deviates-high."),
        ("count", {"equals": 5123.0}, [5124.0], "5,124 where exactly 5,123 is claimed: deviates-high."),
        ("kilobytes", {"equals": 5124.0}, [5124.3], "5,124.3 where exactly 5,124 is claimed: deviates-high."),
        ("none", {"equals": 0.3}, [0.1 + 0.2], "0.30000000000000004 where exactly 0.3 is claimed: deviates-high."),
        ("none", {"at_least": 0.0}, [-1e-20], "-1e-20 where at least 0 is claimed: deviates-low."),
    ],
)
def test_what_deviates_looks_unlike_what_is_claimed(unit, bound, values, sentence):
    assert find(exact(**bound), one(values), unit=unit).sentence == sentence


def test_a_share_is_shown_in_percent():
    finding = find(exact(at_most=0.25), one([0.2, 0.3]), unit="fraction")
    assert finding.sentence == "30.00 % where at most 25.00 % is claimed: deviates-high."
