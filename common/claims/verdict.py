"""What a check says: a verdict, one plain sentence and the numbers behind it. Never a bare bool."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from common.claims.claim import Check, Claim
from common.claims.reading import Point
from common.claims.statistics import ALPHA, Array, mean, spread


class Verdict(StrEnum):
    """What a check found."""

    REPRODUCED = "reproduced"
    DEVIATES_LOW = "deviates-low"
    DEVIATES_HIGH = "deviates-high"
    INCONCLUSIVE = "inconclusive"
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


def finding(
    verdict: Verdict, sentence: str, values: Array, against: float | None, settle: int | None = None
) -> Finding:
    """Return a finding about one sample, [seeds]; the sentence ends with a colon and the verdict."""
    apart = spread(values) if len(values) > 1 else None
    return Finding(verdict, sentence, mean(values), apart, len(values), against, settle)


def of_too_few(found: Finding, asked: int, declared: int) -> Finding:
    """Return what a finding says, without its verdict, where fewer seeds than declared were asked for."""
    facts = found.sentence.rpartition(f": {found.verdict}")[0] + "."
    verdict = Verdict.INCONCLUSIVE
    if found.verdict is Verdict.ERROR:
        facts, verdict = found.sentence, Verdict.ERROR
    sentence = f"too few seeds ({asked} of {declared} declared): {facts}"
    return Finding(verdict, sentence, found.ours, found.spread, found.seeds, too_few=True)


def over_range(check: Check, holding: int) -> str:
    """Return how many points of a range hold, as the beginning of a sentence; nothing where there is no range."""
    return f"{holding} of {len(check.points)} points hold; worst: " if len(check.points) > 1 else ""


def at_point(point: Point) -> str:
    """Return a point as the beginning of a sentence."""
    return "".join(f"at {name} = {value}: " for name, value in point.items())


def show(value: float, claim: Claim, *others: float) -> str:
    """Return a number as people read it in the claim's unit, with digits enough to tell it from each of the others."""
    return f"{percent(value, *others)} %" if claim.unit == "fraction" else number(value, *others)


def show_gap(value: float, claim: Claim, *others: float) -> str:
    """Return a difference as people read it, as `show` does: percentage points where the unit is a fraction."""
    return f"{percent(value, *others)} points" if claim.unit == "fraction" else number(value, *others)


def percent(share: float, *others: float, decimals: int = 2) -> str:
    """Return a share in percent: more decimals where it would look like one of the others, or like zero."""

    def text(value: Decimal, more: int) -> str:
        small = value and not Decimal(f"{value:.{decimals}f}")
        return _digits(value, 2 + more) if small else f"{value:.{decimals + more}f}"

    return _told_apart(_decimal(share).scaleb(2), [_decimal(other).scaleb(2) for other in others], text)


def number(value: float, *others: float) -> str:
    """Return a number without needless digits: more of them where it would look like one of the others."""

    def text(value: Decimal, more: int) -> str:
        if abs(value) < 10**15 and (abs(value) >= 1000 or value == int(value)):
            return f"{value:,.{0 if value == int(value) else more}f}"
        return _digits(value, 4 + more)

    return _told_apart(_decimal(value), [_decimal(other) for other in others], text)


MOST_DIGITS = 17  # of a float


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value) + 0.0))  # without the minus of a negative zero


def _digits(value: Decimal, most: int) -> str:
    return f"{float(value):.{most}g}" if most < MOST_DIGITS else repr(float(value))


def _told_apart(value: Decimal, others: Sequence[Decimal], text: Callable[[Decimal, int], str]) -> str:
    """Return the shortest text that tells a value from the others; `text` takes a value and a number of more digits."""

    def read(value: Decimal, more: int) -> Decimal:
        return Decimal(text(value, more).replace(",", ""))

    unequal = [other for other in others if other != value]
    more = 0
    while more < MOST_DIGITS and any(read(value, more) == read(other, more) for other in unequal):
        more += 1
    return next(text(value, fewer) for fewer in range(more + 1) if fewer == more or read(value, fewer) == value)


def p_value(p: float) -> str:
    """Return a p-value with three decimals, or more next to 5 %, or as below what three decimals can show."""
    decimals = 3
    while p != ALPHA and decimals < MOST_DIGITS and float(f"{p:.{decimals}f}") == ALPHA:
        decimals += 1
    return f"p = {p:.{decimals}f}" if p >= 0.0005 else "p < 0.001"
