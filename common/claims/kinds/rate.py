"""How often something happens over seeds, such as a collapse of training: exact binomial tests."""

import numpy as np

from common.claims import statistics
from common.claims.claim import Check, Claim
from common.claims.reading import Point, measured, points
from common.claims.results import Results
from common.claims.statistics import tidy
from common.claims.verdict import Finding, Verdict, at_point, decide, finding, number, over_range, percent


def judge(claim: Claim, check: Check, results: Results) -> Finding:
    """Test the share of seeds at every point; the worst point decides."""
    found = [(point, _happened(claim, check, point, results)) for point in points(check)]
    tests = [statistics.rate(int(h.sum()), len(h), check.at_least, check.at_most) for _, h in found]
    count = len(found)
    verdict = decide(
        max(float(t.holds) for t in tests),
        min(1.0, count * min(float(t.low) for t in tests)),
        min(1.0, count * min(float(t.high) for t in tests)),
    )
    worst = max(range(count), key=lambda i: float(tests[i].holds))
    holding = sum(float(t.holds) <= statistics.ALPHA for t in tests)
    point, happened = found[worst]
    sentence = over_range(check, holding) + at_point(point) + _sentence(check, happened, verdict)
    against = min(1.0, count * min(float(t.against) for t in tests))
    return finding(verdict, sentence, happened, against)


def _happened(claim: Claim, check: Check, point: Point, results: Results) -> statistics.Array:
    values = measured(check.quantity, point, results, claim.unit)
    hits = values < check.event_below if check.event_below is not None else values > (check.event_above or 0.0)
    return hits.astype(np.float64)


def _sentence(check: Check, happened: statistics.Array, verdict: Verdict) -> str:
    events, n = int(happened.sum()), len(happened)
    low, high = statistics.rate_interval(events, n)
    side, bound = ("least", check.at_least) if check.at_least is not None else ("most", check.at_most)
    bound = bound or 0.0
    ends = [f"{percent(end, bound, decimals=0)} %" for end in (low, high)]
    return (
        f"{events} of {n} seeds (90 % interval {ends[0]} to {ends[1]}) where at {side} "
        f"{number(tidy(100 * bound), 100 * low, 100 * high)} % is claimed: {verdict}."
    )
