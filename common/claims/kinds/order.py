"""One thing above another, paired by seed, at every point of a range."""

import numpy as np

from common.claims import statistics
from common.claims.claim import Check, Claim, Quantity
from common.claims.reading import Point, measured, points
from common.claims.results import Results
from common.claims.statistics import tidy
from common.claims.verdict import Finding, Verdict, at_point, decide, finding, over_range, p_value, show, show_gap

Pair = tuple[statistics.Array, statistics.Array]


def judge(claim: Claim, check: Check, results: Results) -> Finding:
    """Test whether the mean difference exceeds the least gap at all points; the worst point decides."""
    found = [(point, _pair(claim, check, point, results)) for point in points(check)]
    if isinstance(check.above, Quantity) and check.above.statistic == "spread":
        return _spreads(claim, found[0][1])
    differences = np.stack([above - below for _, (above, below) in found])
    test = statistics.above_gap_everywhere(differences, check.least_gap)
    each = np.atleast_1d(statistics.above_gap(differences, check.least_gap).holds)
    verdict = decide(float(test.holds), float(test.low), 1.0)
    worst = int(np.lexsort((differences.mean(axis=1), -each))[0])  # the largest p-value, then the smallest gap
    point, (above, below) = found[worst]
    n = differences.shape[1]
    high, low = tidy(above.mean()), tidy(below.mean())
    gap, least = tidy(high - low), check.least_gap
    settle = statistics.seeds_to_order(differences[worst] - check.least_gap)
    tail = ""
    if 0.5**n > statistics.ALPHA:
        tail = f" ({n} seed{'s' * (n > 1)} cannot decide an order; {statistics.LEAST_ORDER} are the least)"
    elif verdict is Verdict.INCONCLUSIVE and settle is not None:
        tail = f" (about {settle} seeds would settle it)"
    sentence = (
        f"{over_range(check, int((each <= statistics.ALPHA).sum()))}{at_point(point)}{show(high, claim, low)} against "
        f"{show(low, claim, high)}, gap {show_gap(gap, claim, least)} ({n} paired seed{'s' * (n > 1)}, "
        f"{p_value(each[worst])}) where more than {show_gap(least, claim, gap)} is claimed: {verdict}{tail}."
    )
    settle = settle if verdict is Verdict.INCONCLUSIVE else None
    return finding(verdict, sentence, differences[worst], float(test.against), settle)


def _pair(claim: Claim, check: Check, point: Point, results: Results) -> Pair:
    above, below = (measured(side, point, results, claim.unit) for side in (check.above, check.below))
    wide = np.broadcast_arrays(above, below)
    return wide[0].astype(np.float64), wide[1].astype(np.float64)


def _spreads(claim: Claim, pair: Pair) -> Finding:
    above, below = pair
    if len(above) < 3:
        sentence = f"{len(above)} seeds do not decide which spread is larger; 3 are the least: inconclusive."
        return finding(Verdict.INCONCLUSIVE, sentence, above - below, 1.0)
    test = statistics.wider(above, below)
    wide, narrow = tidy(statistics.spread(above)), tidy(statistics.spread(below))
    verdict = decide(float(test.holds), float(test.low), 1.0)
    sentence = (
        f"a spread of {show_gap(wide, claim, narrow)} against {show_gap(narrow, claim, wide)} "
        f"({len(above)} paired seeds, {p_value(float(test.holds))}) where a larger one is claimed: {verdict}."
    )
    return finding(verdict, sentence, above - below, float(test.against))
