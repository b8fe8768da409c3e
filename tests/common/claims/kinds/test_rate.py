import pytest
from scipy import stats

from common.claims.verdict import Verdict
from tests.common.toy import ALONG, find, one, quantity, rate, row


def seeds(events, n=10):
    """Return n numbers, of which this many lie below 0.2."""
    return [0.1] * events + [0.2] * (n - events)


@pytest.mark.parametrize(
    ("events", "bound", "wanted", "sentence"),
    [
        (10, {"at_least": 0.5}, Verdict.REPRODUCED, "10 of 10 seeds (90 % interval 74 % to 100 %) where at least 50 %"),
        (0, {"at_least": 0.5}, Verdict.DEVIATES_LOW, "0 of 10 seeds (90 % interval 0 % to 26 %) where at least 50 %"),
        (6, {"at_least": 0.5}, Verdict.INCONCLUSIVE, "6 of 10 seeds (90 % interval 30 % to 85 %) where at least 50 %"),
        (0, {"at_most": 0.5}, Verdict.REPRODUCED, "0 of 10 seeds (90 % interval 0 % to 26 %) where at most 50 %"),
        (10, {"at_most": 0.5}, Verdict.DEVIATES_HIGH, "10 of 10 seeds (90 % interval 74 % to 100 %) where at most 50"),
        (4, {"at_most": 0.5}, Verdict.INCONCLUSIVE, "4 of 10 seeds (90 % interval 15 % to 70 %) where at most 50 %"),
        (1, {"at_most": 0.0}, Verdict.DEVIATES_HIGH, "1 of 10 seeds (90 % interval 1 % to 39 %) where at most 0 %"),
        (0, {"at_most": 0.0}, Verdict.INCONCLUSIVE, "0 of 10 seeds (90 % interval 0 % to 26 %) where at most 0 %"),
        (0, {"at_most": 0.125}, Verdict.INCONCLUSIVE, "0 of 10 seeds (90 % interval 0 % to 26 %) where at most 12.5 %"),
    ],
)
def test_a_rate(events, bound, wanted, sentence):
    finding = find(rate(event_below=0.2, **bound), one(seeds(events)))
    assert finding.verdict is wanted
    assert finding.sentence.startswith(sentence)
    assert finding.sentence.endswith(f" is claimed: {wanted}.")
    assert finding.ours == pytest.approx(events / 10)
    assert finding.seeds == 10


def test_an_interval_that_ends_next_to_the_bound_shows_on_which_side():
    # the lower end of 10 of 10 is 0.05^(1/10) = 74.11 %
    near, far = (find(rate(event_below=0.2, at_least=b), one(seeds(10))).sentence for b in (0.74, 0.75))
    assert "(90 % interval 74.1 % to 100 %) where at least 74 % is claimed: reproduced." in near
    assert "(90 % interval 74 % to 100 %) where at least 75 % is claimed: inconclusive." in far
    rare = find(rate(event_below=0.2, at_most=0.5), one(seeds(1, 300))).sentence
    assert rare.startswith("1 of 300 seeds (90 % interval 0.017 % to 2 %)")


@pytest.mark.parametrize(("event", "share"), [({"event_below": 0.2}, 0.3), ({"event_above": 0.1}, 0.7)])
def test_an_event_lies_strictly_beyond_its_bound(event, share):
    assert find(rate(at_least=0.5, **event), one(seeds(3))).ours == pytest.approx(share)


def test_an_event_may_be_anything_above_zero():
    assert find(rate(at_least=0.5, event_above=0.0), one([0.0, -1.0, 2.0, 3.0])).ours == 0.5


@pytest.mark.parametrize("events", range(6))
def test_the_evidence_against_a_rate_is_the_binomial_tail_up_to_what_was_seen(events):
    low = find(rate(event_below=0.2, at_least=0.4), one(seeds(events, 5)))
    high = find(rate(event_below=0.2, at_most=0.4), one(seeds(events, 5)))
    assert low.against == pytest.approx(stats.binom.cdf(events, 5, 0.4))
    assert high.against == pytest.approx(stats.binom.sf(events - 1, 5, 0.4))


def test_along_a_range_the_worst_point_is_shown_and_the_evidence_is_paid_for_at_every_point():
    check = rate(quantity=quantity(rate=None), event_below=0.2, at_least=0.5, **ALONG)
    finding = find(check, row(seeds(5, 5), seeds(0, 5), seeds(5, 5)))
    assert finding.sentence.startswith("2 of 3 points hold; worst: at rate = 0.2: 0 of 5 seeds")
    assert finding.against == pytest.approx(3 / 32)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert find(check, row(seeds(6, 6), seeds(0, 6), seeds(6, 6))).verdict is Verdict.DEVIATES_LOW
    assert find(check, row(*[seeds(5, 5)] * 3)).verdict is Verdict.REPRODUCED
