"""Numbers that rise or fall along a range: Page's test with seeds as blocks, Jonckheere's where seeds pair nothing."""

import numpy as np

from common.claims import statistics
from common.claims.claim import Check, Claim
from common.claims.reading import measured, points
from common.claims.results import Results
from common.claims.verdict import Finding, Verdict, finding, p_value, show


def judge(claim: Claim, check: Check, results: Results) -> Finding:
    """Test whether the numbers rise, or fall, along the range."""
    table = np.stack([measured(check.quantity, point, results, claim.unit) for point in points(check)], axis=1)
    each = [statistics.tidy(mean) for mean in table.mean(axis=0)]
    means = ", ".join(show(mean, claim, *each) for mean in each)
    if len(table) < 2:
        sentence = f"{means} along {check.along}: no trend from one seed: inconclusive."
        return finding(Verdict.INCONCLUSIVE, sentence, table[:, -1] - table[:, 0], 1.0)
    ordered = table if check.direction == "rising" else table[:, ::-1]
    test = statistics.rising_unblocked(ordered) if check.unblocked else statistics.rising(ordered)
    verdict = Verdict.INCONCLUSIVE
    if test.holds <= statistics.ALPHA:
        verdict = Verdict.REPRODUCED
    elif test.low <= statistics.ALPHA:
        verdict = Verdict.DEVIATES_LOW if check.direction == "rising" else Verdict.DEVIATES_HIGH
    sentence = (
        f"{means} along {check.along} ({len(table)} seeds, {p_value(test.holds)}) where {check.direction} is "
        f"claimed: {verdict}."
    )
    return finding(verdict, sentence, table[:, -1] - table[:, 0], test.against)
