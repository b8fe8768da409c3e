"""Step 5: measured numbers against claims, one by one and then all at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from common.claims.claim import Check, Claim
from common.claims.families import priors
from common.claims.measure import asked, reading_of, too_few
from common.claims.multiplicity import Priors, benjamini_hochberg, holm
from common.claims.reading import Reading
from common.claims.results import Results
from common.claims.statistics import ALPHA, Array, Undefined
from common.claims.verdict import Finding, Verdict, of_too_few, undecided

WATCH = 0.10  # the share of false entries that the list of claims to watch may have


@dataclass(frozen=True)
class Judged:
    """A claim, the check made in this tier, what it found, and the numbers that it read.

    `adjusted` is the p-value against the claim among all gating claims of the run (Holm), `watch` tells whether the
    claim is on the list to watch (Benjamini and Hochberg).
    """

    claim: Claim
    check: Check
    finding: Finding
    adjusted: float | None = None
    watch: bool = False
    reading: Reading = field(default=Reading(), compare=False, repr=False)

    @property
    def blocks(self) -> bool:
        """Tell whether this finding fails the run."""
        verdict = self.finding.verdict
        if self.check.gate == "none" or verdict in (Verdict.NOT_RUN, Verdict.REPRODUCED):
            return False
        if self.check.gate == "no-deviation" and verdict is Verdict.CONSISTENT:
            return False
        if self.check.gate == "reproduced" or verdict is Verdict.ERROR or self.finding.too_few:
            return True
        if self.finding.against is None:  # no chance in it
            return verdict is not Verdict.INCONCLUSIVE
        return self.adjusted is not None and self.adjusted <= ALPHA


def check_claims(claims: Sequence[Claim], results: Results) -> list[Judged]:
    """Judge every claim that has a check in this tier, each by itself."""
    checks = [(claim, claim.checks[results.tier]) for claim in claims if results.tier in claim.checks]
    readings = [reading_of(check, claim.unit, results) for claim, check in checks]
    shared = priors(zip((check for _, check in checks), readings, strict=True))
    return [
        Judged(claim, check, judge(claim, check, reading, shared, results), reading=reading)
        for (claim, check), reading in zip(checks, readings, strict=True)
    ]


def judge(claim: Claim, check: Check, reading: Reading, shared: Priors, results: Results) -> Finding:
    """Judge one claim; missing and unusable numbers, and a test without p-value, are errors.

    Where fewer seeds than declared were asked for, and where the check says that it is undecidable, the finding says
    what was measured and decides nothing.
    """
    if not asked(check, results):
        return Finding(Verdict.NOT_RUN, "its experiment was not asked for")
    found = Finding(Verdict.ERROR, reading.failed)
    if not reading.failed:
        try:
            found = _at_scale(check.judge(claim, reading, shared), check, results)
        except Undefined as failure:
            found = Finding(Verdict.ERROR, str(failure))
    if check.undecidable:
        return undecided(found, check.undecidable)
    counts = too_few(check, results)
    return found if counts is None else of_too_few(found, *counts)


def _at_scale(finding: Finding, check: Check, results: Results) -> Finding:
    """Let the sentence say where training was shorter than declared."""
    scale = min(results.experiments[quantity.experiment].scale for quantity in check.quantities)
    if scale == 1.0:
        return finding
    return replace(finding, sentence=f"at {scale:g} of the declared length: {finding.sentence}")


def all_at_once(judged: Sequence[Judged]) -> list[Judged]:
    """Return the findings with what holds for all of them together.

    Over the gating claims, Holm's adjustment keeps the chance that any true claim blocks by deviating at 5 %. Over
    all claims, Benjamini and Hochberg's lists what to watch, with at most 10 % of it false. A p-value that is not a
    number is an error of its claim alone.
    """
    judged = [_defined(j) for j in judged]
    tested = [i for i, j in enumerate(judged) if j.finding.against is not None]
    gating = [i for i in tested if judged[i].check.gate != "none"]
    found = list(judged)
    for i, p in zip(gating, holm(_against(judged, gating)), strict=True):
        found[i] = replace(found[i], adjusted=float(p))
    for i, p in zip(tested, benjamini_hochberg(_against(judged, tested)), strict=True):
        found[i] = replace(found[i], watch=bool(p <= WATCH))
    return found


def _defined(judged: Judged) -> Judged:
    """Return a finding whose p-value is not a number as the error that it is."""
    if judged.finding.against is None or not np.isnan(judged.finding.against):
        return judged
    sentence = f"the p-value of its test is not a number: {judged.finding.sentence}"
    return replace(judged, finding=replace(judged.finding, verdict=Verdict.ERROR, sentence=sentence, against=None))


def _against(judged: Sequence[Judged], chosen: Sequence[int]) -> Array:
    return np.array([judged[i].finding.against for i in chosen], dtype=np.float64)


def fails(judged: Sequence[Judged]) -> bool:
    """Tell whether the gate fails: a finding blocks, or no claim was judged at all."""
    return any(j.blocks for j in judged) or all(j.finding.verdict is Verdict.NOT_RUN for j in judged)
