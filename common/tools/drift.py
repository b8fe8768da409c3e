"""Has a claim's number moved further than rounding explains? Asked where two runs were made in other circumstances."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from common.claims.judge import Judged
from common.claims.multiplicity import holm
from common.claims.statistics import ALPHA, Array, t_cdf
from common.claims.words import p_value
from common.run.origins import NOTHING
from common.tools.accepted import Accepted, Numbers

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Change:
    """A claim whose numbers, or whose verdict, are not those of the baseline; `blocks` fails the gate."""

    id: str
    blocks: bool
    sentence: str


def differences(now: Numbers, before: Numbers) -> dict[str, str]:
    """Return in what the circumstances of two runs of a claim differ, by name, with a sentence for each.

    All that can be said is `UNKNOWN` where one of them does not name its circumstances.
    """
    fields = dict.fromkeys([*before.circumstances, *now.circumstances])
    found = {
        name: f"{name} {new} where the accepted run has {old}"
        for name in fields
        if (new := now.circumstances.get(name, NOTHING)) != (old := before.circumstances.get(name, NOTHING))
    }
    if now.company != before.company:
        found["company"] = "jobs are grouped otherwise (which train together, and where) than in the accepted run"
    if found and not (now.circumstances and before.circumstances):
        return {UNKNOWN: "the accepted run does not say on what it was made"}
    return found


def sizes(numbers: Numbers) -> dict[str, int]:
    """Return how many numbers each sample of a claim has."""
    return {name: len(values) for name, values in numbers.samples.items()}


def drifted(judged: Sequence[Judged], now: Mapping[str, Numbers], accepted: Sequence[Accepted]) -> list[Change]:
    """Return the claims whose numbers have moved further than rounding explains, or cannot be compared."""
    moved = [(j, *_drift(j.claim.id, now[j.claim.id], accepted)) for j in judged]
    found = [Change(j.claim.id, True, f"error: {sentence}") for j, p, sentence in moved if math.isnan(p)]
    for gates in (True, False):
        family = [one for one in moved if (one[0].check.gate != "none") is gates and not math.isnan(one[1])]
        adjusted = holm(np.array([p for _, p, _ in family], dtype=np.float64))
        for (j, p, sentence), of_all in zip(family, adjusted, strict=True):
            if p <= ALPHA:
                found.append(Change(j.claim.id, gates and bool(of_all <= ALPHA), sentence))
    return found


def _drift(id: str, now: Numbers, accepted: Sequence[Accepted]) -> tuple[float, str]:
    """Return the p-value, over all samples of a claim, that it has moved, and a sentence about the worst of them.

    The p-value is NaN where the arithmetic leaves the finite numbers.
    """
    runs = [claims[id] for run in accepted for claims in run.packages.values() if id in claims]
    worst, sentence = 1.0, ""
    for name, values in now.samples.items():
        with np.errstate(over="ignore", invalid="ignore"):
            difference: Array = np.array(values) - np.array(runs[-1].samples[name])
            mean = float(difference.mean())
            variance, degrees = scatter(name, now, runs)
            p = 2.0 * float(t_cdf(-abs(mean), math.sqrt(variance / len(difference)), degrees))
        if not (math.isfinite(mean) and math.isfinite(variance) and math.isfinite(p)):
            return math.nan, f"{name}: the difference from the baseline is not finite"
        if p < worst:
            worst, side = p, "above" if mean > 0.0 else "below"
            sentence = f"{name}: {abs(mean):.4g} {side} the baseline over {len(difference)} paired seeds"
    p = min(1.0, len(now.samples) * worst)
    return p, f"{sentence} ({p_value(p)})"


def scatter(name: str, now: Numbers, runs: Sequence[Numbers]) -> tuple[float, float]:
    """Return the variance of a sample's paired differences between runs of a claim, and its degrees of freedom.

    `runs` are the accepted ones, the last of which is pinned. The variance is that of the differences between runs
    which differ from each other in all circumstances in which `now` differs from the pinned one, and which are not
    equal bit by bit: those show no rounding. Where there are none, two runs are taken to differ as two seeds of the
    pinned run do where the claim's numbers vary most, which is the most that rounding can do.
    """
    wanted = differences(now, runs[-1]).keys()
    squares, degrees = 0.0, 0.0
    for a, b in pairwise(runs):
        apart = differences(b, a).keys()
        if wanted <= apart and UNKNOWN not in apart and sizes(a) == sizes(b):
            difference: Array = np.array(b.samples[name]) - np.array(a.samples[name])
            if difference.any():
                squares += float(((difference - difference.mean()) ** 2).sum())
                degrees += len(difference) - 1.0
    if squares != 0.0:
        return squares / degrees, degrees
    several = [values for values in runs[-1].samples.values() if len(values) > 1]
    if not several:
        return 0.0, 1.0
    variances = [float(np.var(values, ddof=1)) for values in several]
    most = int(np.argmax(variances))
    return 2.0 * variances[most], len(several[most]) - 1.0
