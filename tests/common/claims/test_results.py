from dataclasses import replace

import pytest

from common.claims.results import Failed, Results
from common.experiment import NOTHING, Replicates
from tests.common.toy import RATES, one, results


def test_an_experiment_is_complete_where_all_that_was_asked_for_has_a_record():
    numbers = {(method, rate): [0.1, 0.2] for method in "ab" for rate in RATES}
    whole = results(numbers)
    assert whole.complete("table")
    assert not whole.complete("other")
    assert not results({**numbers, ("b", 0.3): [0.1, None]}).complete("table")
    assert Results(replace(whole.study, replicates=Replicates(count=1)), whole.records).complete("table")
    assert not Results(replace(whole.study, replicates=Replicates(count=3)), whole.records).complete("table")


def test_an_experiment_without_cells_in_the_tier_is_not_complete():
    found = one([0.5])
    found.experiments["table"] = replace(found.experiments["table"], smoke=NOTHING)
    assert not found.complete("table")


def test_values_are_those_of_the_seeds_in_their_order_and_a_table_has_a_row_for_each():
    found = results({("a", 0.1): [1.0, 2.0], ("a", 0.2): [3.0, 4.0], ("a", 0.3): [5.0, 6.0]})
    assert found.values("table", {"method": "a", "rate": 0.2}, "score").tolist() == [3.0, 4.0]
    assert found.table("table", {"method": "a"}, "score").tolist() == [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]


def test_a_table_fails_as_its_values_do():
    found = results({("a", 0.1): [1.0], ("a", 0.2): [float("nan")], ("a", 0.3): [5.0]})
    with pytest.raises(Failed, match=r"rate=0\.2, setting=toy, seed 0 .* diverged: score is nan"):
        found.table("table", {"method": "a"}, "score")
