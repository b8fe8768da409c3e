"""What a check says: a verdict, one plain sentence and the numbers behind it. Never a bare bool."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from common.expectations import Check, Claim
from common.pipeline.quantity import Point
from common.statistics import ALPHA, Array


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
    our mean lies in the paper's 95 % prediction interval: a label, never a pass.
    """

    verdict: Verdict
    sentence: str
    ours: float | None = None
    spread: float | None = None
    seeds: int | None = None
    against: float | None = None
    settle: int | None = None
    consistent: bool | None = None


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
    """Return a finding about one sample, [seeds]."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    return Finding(verdict, sentence, float(values.mean()), spread, len(values), against, settle)


def over_range(check: Check, holding: int) -> str:
    """Return how many points of a range hold, as the beginning of a sentence; nothing where there is no range."""
    return f"{holding} of {len(check.points)} points hold; worst: " if len(check.points) > 1 else ""


def at_point(point: Point) -> str:
    """Return a point as the beginning of a sentence."""
    return "".join(f"at {name} = {value}: " for name, value in point.items())


def show(value: float, claim: Claim) -> str:
    """Return a number as people read it in the claim's unit."""
    return f"{100 * value:.2f} %" if claim.unit == "fraction" else number(value)


def show_gap(value: float, claim: Claim) -> str:
    """Return a difference as people read it: percentage points where the unit is a fraction."""
    return f"{100 * value:.2f} points" if claim.unit == "fraction" else number(value)


def number(value: float | None) -> str:
    """Return a number without needless digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def p_value(p: float) -> str:
    """Return a p-value with three decimals, or as below what three decimals can show."""
    return f"p = {p:.3f}" if p >= 0.0005 or np.isnan(p) else "p < 0.001"
