"""What can a check decide? Its chances where its claim is true, false and at the edge, by its own tests.

Drawn are the numbers that a truth would give on as many seeds as are declared; what claims have in common, such as the
spreads of a family or one false-alarm rate for all, has no part in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from common.claims.claim import Claim, Tested
from common.claims.statistics import EXACT_SEEDS
from common.claims.verdict import Verdict

DRAWS = 400
NUMBERS = 2**17  # of the signs of all draws at once, which stay near the processor
LEAST = 0.8  # chance that is asked for
SHOWN = (Verdict.REPRODUCED, Verdict.CONSISTENT)
DENIED = (Verdict.DEVIATES_LOW, Verdict.DEVIATES_HIGH)


@dataclass(frozen=True)
class Chances:
    """How often a check is shown, and how often it is contradicted on either side; else it is inconclusive."""

    shown: float
    denied: float

    @property
    def inconclusive(self) -> float:
        """How often it decides nothing."""
        return 1.0 - self.shown - self.denied


@dataclass(frozen=True)
class Power:
    """The chances of a check where its claim is true, false and at the edge; of several falsehoods the least clear."""

    true: Chances
    false: Chances
    edge: Chances


def power(claim: Claim, check: Tested, seeds: int, rng: Generator, draws: int = DRAWS) -> Power:
    """Return what a check of a claim, which lacks nothing, can decide on this many seeds."""
    truths = check.truths(claim, seeds)
    every = dict.fromkeys((truths.true, *truths.false, *truths.edge))
    found = {truth: chances(claim, check, truth, seeds, rng, draws) for truth in every}
    return Power(
        found[truths.true],
        min((found[truth] for truth in truths.false), key=lambda false: _clarity(check, false)),
        max((found[truth] for truth in truths.edge), key=lambda edge: edge.shown),
    )


def chances(claim: Claim, check: Tested, truth: float, seeds: int, rng: Generator, draws: int = DRAWS) -> Chances:
    """Return how often a check says what where something is true."""
    found: list[Verdict] = []
    points = max(1, len(check.points))
    together = max(1, NUMBERS // (points * 2 ** min(seeds, EXACT_SEEDS)))
    while len(found) < draws:
        drawn = check.draw(claim, truth, (min(together, draws - len(found)), points, seeds), rng)
        found += check.verdicts(claim, drawn)
    return Chances(_share(found, SHOWN), _share(found, DENIED))


def _share(found: Sequence[Verdict], wanted: Sequence[Verdict]) -> float:
    return float(np.mean([verdict in wanted for verdict in found]))


def _clarity(check: Tested, false: Chances) -> float:
    """Return how often a false claim comes out as one: a value contradicted, anything else not shown."""
    return false.denied if check.kind == "value" else 1.0 - false.shown


def weakness(check: Tested, found: Power) -> str:
    """Return in what way a check cannot decide, "" where it can."""
    if found.true.shown < LEAST:
        return f"it is shown in {100 * found.true.shown:.0f} % where true; {100 * LEAST:.0f} % are the least"
    clear = _clarity(check, found.false)
    if clear < LEAST:
        what = "contradicted" if check.kind == "value" else "not shown"
        return f"it is {what} in {100 * clear:.0f} % where false; {100 * LEAST:.0f} % are the least"
    return ""
