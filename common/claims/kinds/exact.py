"""Counts, sizes, bit equality, bounds without chance: every seed's number must keep them."""

import numpy as np

from common.claims.claim import Check, Claim
from common.claims.reading import measured, points
from common.claims.results import Results
from common.claims.verdict import Finding, Verdict, finding, show


def judge(claim: Claim, check: Check, results: Results) -> Finding:
    """Compare all numbers with the bound, and show the worst."""
    values = np.concatenate([measured(check.quantity, point, results, claim.unit) for point in points(check)])
    low = check.at_least if check.equals is None else check.equals
    high = check.at_most if check.equals is None else check.equals
    worst, verdict = float(values.max()), Verdict.REPRODUCED
    if low is not None and values.min() < low:
        worst, verdict = float(values.min()), Verdict.DEVIATES_LOW
    elif high is not None and values.max() > high:
        verdict = Verdict.DEVIATES_HIGH
    elif high is None:
        worst = float(values.min())
    relation = "exactly" if check.equals is not None else "at least" if high is None else "at most"
    bound = low if low is not None else high or 0.0
    sentence = f"{show(worst, claim, bound)} where {relation} {show(bound, claim, worst)} is claimed: {verdict}."
    return finding(verdict, sentence, values, None)
