from common.claims.claim import Reported
from tests.common.toy import exact, order, quantity, rate, trend, value


def test_the_papers_number_stands_only_beside_what_is_measured_against_it():
    paper = Reported(0.8, None, None, 5, 0.01)
    assert value(expected=None).compares(paper)
    assert not value(expected=0.8).compares(paper)
    assert exact(equals=0.8).compares(paper)
    assert not exact(equals=0.82).compares(paper)
    assert not exact(at_least=0.8).compares(paper)
    for check in (order(below=0.5), trend(), rate(event_below=0.8, at_least=0.8)):
        assert not check.compares(paper)


def test_a_check_reads_its_sides_and_their_parts_a_number_is_none():
    parts = quantity("b", divided_by=quantity("b", 0.2))
    whole = quantity(minus=parts)
    assert order(above=whole, below=0.5).sides == {"above": whole}
    assert order(above=0.5, below=whole).quantities == [whole, parts, parts.divided_by]
    assert value(quantity=whole).sides == {"quantity": whole}
