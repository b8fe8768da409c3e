"""What a check says: a verdict, one plain sentence and the numbers behind it. Never a bare bool."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from common.claims.statistics import ALPHA, Array, Floats, mean, spread


class Verdict(StrEnum):
    """What a check found."""

    REPRODUCED = "reproduced"
    CONSISTENT = "consistent"
    DEVIATES_LOW = "deviates-low"
    DEVIATES_HIGH = "deviates-high"
    INCONCLUSIVE = "inconclusive"
    UNDECIDABLE = "undecidable"
    ERROR = "error"
    NOT_RUN = "not-run"


@dataclass(frozen=True)
class Finding:
    """A verdict and its sentence, with our numbers where there is one quantity: mean, spread, seeds.

    `against` is the p-value against the claim, None where chance has no part in it. `settle` is the number of
    seeds that would settle an inconclusive claim if the estimates stayed as they are. `consistent` tells whether
    our mean lies in the paper's 95 % prediction interval: a label, never a pass. `too_few` tells that fewer seeds than
    declared were asked for: it says what they gave and decides nothing.
    """

    verdict: Verdict
    sentence: str
    ours: float | None = None
    spread: float | None = None
    seeds: int | None = None
    against: float | None = None
    settle: int | None = None
    consistent: bool | None = None
    too_few: bool = False


def decide(holds: float, low: float, high: float) -> Verdict:
    """Return the verdict of p-values for a claim, and against it on either side."""
    if holds <= ALPHA:
        return Verdict.REPRODUCED
    if min(low, high) <= ALPHA:
        return Verdict.DEVIATES_LOW if low <= high else Verdict.DEVIATES_HIGH
    return Verdict.INCONCLUSIVE


def decide_each(holds: Floats, low: Floats, high: Floats) -> list[Verdict]:
    """Return the verdicts of p-values [n] of many cases."""
    return [decide(*case) for case in zip(*np.broadcast_arrays(holds, low, high), strict=True)]


def finding(
    verdict: Verdict, sentence: str, values: Array, against: float | None, settle: int | None = None
) -> Finding:
    """Return a finding about one sample, [seeds]; the sentence ends with a colon and the verdict."""
    apart = float(spread(values)) if len(values) > 1 else None
    return Finding(verdict, sentence, float(mean(values)), apart, len(values), against, settle)


def undecided(found: Finding, why: str) -> Finding:
    """Return what a finding says, with a reason in place of its verdict; an error, or what was not run, stays that."""
    if found.verdict in (Verdict.ERROR, Verdict.NOT_RUN):
        return found
    sentence = f"{_facts(found)}: {Verdict.UNDECIDABLE}, {why.rstrip('.')}."
    return Finding(Verdict.UNDECIDABLE, sentence, found.ours, found.spread, found.seeds)


def _facts(found: Finding) -> str:
    """Return the sentence of a finding up to its verdict."""
    return found.sentence.rpartition(f": {found.verdict}")[0]


def of_too_few(found: Finding, asked: int, declared: int) -> Finding:
    """Return what a finding says, without its verdict, where fewer seeds than declared were asked for."""
    facts = _facts(found) + "."
    verdict = Verdict.INCONCLUSIVE
    if found.verdict is Verdict.ERROR:
        facts, verdict = found.sentence, Verdict.ERROR
    sentence = f"too few seeds ({asked} of {declared} declared): {facts}"
    return Finding(verdict, sentence, found.ours, found.spread, found.seeds, too_few=True)
