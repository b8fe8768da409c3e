"""What can a check decide? Its chances where its claim is true, false and at the edge, by its own tests.

Drawn are the numbers that a truth would give on as many seeds as are declared; what claims have in common, such as the
spreads of a family or one false-alarm rate for all, has no part in it.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from common.claims.claim import Check, Claim, Tested
from common.claims.judge import Judged
from common.claims.measure import asked
from common.claims.results import Results
from common.claims.statistics import EXACT_SEEDS
from common.claims.verdict import Verdict

DRAWS = 400
UNANIMOUS = 100  # draws; where so many agree, no more are made
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
    while len(found) < draws and not (len(found) >= UNANIMOUS and len(set(found)) == 1):
        drawn = check.draw(claim, truth, (min(together, UNANIMOUS, draws - len(found)), points, seeds), rng)
        found += check.verdicts(claim, drawn)
    return Chances(_share(found, SHOWN), _share(found, DENIED))


def _share(found: Sequence[Verdict], wanted: Sequence[Verdict]) -> float:
    return float(np.mean([verdict in wanted for verdict in found]))


def _clarity(check: Tested, false: Chances) -> float:
    """Return how often a false claim comes out as one: a value is contradicted, anything else is not shown."""
    return false.denied if check.kind == "value" else 1.0 - false.shown


@dataclass(frozen=True)
class Ability:
    """What a claim's check can decide on its seeds: its power, None where a simulation `lacks` something."""

    claim: Claim
    check: Tested
    seeds: int
    power: Power | None
    lacks: str

    @property
    def clear(self) -> float:
        """Return how often a false claim comes out as one."""
        return _clarity(self.check, self.power.false) if self.power else 0.0

    @property
    def weakness(self) -> str:
        """Return in what way the check cannot decide, "" where it can or says that it is undecidable."""
        if self.check.undecidable:
            return ""
        if self.power is None:
            return self.lacks
        if self.power.true.shown < LEAST:
            return f"it is shown in {_percent(self.power.true.shown)} where true, and {_percent(LEAST)} are the least"
        if self.clear < LEAST:
            what = "contradicted" if self.check.kind == "value" else "not shown"
            return f"it is {what} in {_percent(self.clear)} where false, and {_percent(LEAST)} are the least"
        return ""


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f} %"


def abilities(claims: Iterable[Claim], declared: Results) -> Iterator[Ability]:
    """Yield what every check with chance in it can decide; the same numbers are drawn each time."""
    for claim in claims:
        check = claim.checks.get(declared.tier)
        if isinstance(check, Tested):
            seeds, lacks = _seeds(check, declared), check.lacks(claim)
            found = None if lacks else power(claim, check, seeds, _random(claim))
            yield Ability(claim, check, seeds, found, lacks)


def with_power(judged: Iterable[Judged], declared: Results) -> list[Judged]:
    """Return findings with the chance of each to be shown where it is true, from a hundred draws."""
    return [replace(j, power=_shown(j.claim, j.check, declared)) for j in judged]


def _shown(claim: Claim, check: Check, declared: Results) -> float | None:
    if not isinstance(check, Tested) or check.lacks(claim) or not asked(check, declared):
        return None
    seeds = _seeds(check, declared)
    return chances(claim, check, check.truths(claim, seeds).true, seeds, _random(claim), UNANIMOUS).shown


def _seeds(check: Check, declared: Results) -> int:
    return min(declared.grid(quantity.experiment).seeds for quantity in check.quantities)


def _random(claim: Claim) -> Generator:
    return np.random.default_rng(zlib.crc32(claim.id.encode()))
