"""A sample of ours against an expectation: a mean that has its own spread, runs and rounding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from common.claims import statistics
from common.claims.claim import Reported
from common.claims.multiplicity import Prior
from common.claims.sample import Sample, stretch
from common.claims.statistics import Difference, Floats
from common.claims.verdict import Verdict, decide_each


@dataclass(frozen=True)
class Test:
    """A sample against its expectation: the difference on the testing scale, its bounds there, and the evidence."""

    sample: Sample
    expected: float
    difference: Difference
    bounds: tuple[float, float]
    evidence: statistics.Evidence
    variance: Floats
    theirs: Floats
    their_degrees: float | None

    def interval(self) -> tuple[float, float]:
        """Return the 90 % interval of the difference in the metric's unit, or of the ratio where a factor is meant."""
        return self.in_unit(*self.difference.interval())

    def in_unit(self, low: float, high: float) -> tuple[float, float]:
        """Return two differences on the testing scale as differences in the metric's unit, or as ratios."""
        if self.sample.scale == "log":
            return float(np.exp(low)), float(np.exp(high))
        if self.sample.scale == "linear":
            return float(low), float(high)
        base = statistics.angle(self.expected)
        return float(statistics.share(base + low) - self.expected), float(statistics.share(base + high) - self.expected)


def compare(sample: Sample, expected: Reported, margin: float, family: Prior | None, alone: bool = False) -> Test:
    """Test whether a sample lies within the margin of one meaning of the expectation, a factor on the logarithm.

    `family` is what the variances of the sample's family have in common. Where a claim is judged `alone`, the p-value
    against it is Welch's, which is quicker: only among many claims does it have to be right far out.
    """
    degrees: Floats = sample.values.shape[-1] - 1.0
    variance = sample.variance
    if family is not None:
        variance, degrees = family.moderate(variance, degrees)
    bounds = _bounds(expected.mean, margin, sample.scale)
    estimate, blur = _estimate(sample, expected)
    theirs, their_degrees, borrowed = _their_variance(expected, sample, variance, degrees)
    if borrowed:
        difference = Difference(estimate, np.sqrt(variance / sample.runs + theirs), degrees, blur)
    else:
        difference = statistics.welch(estimate, variance / sample.runs, degrees, theirs, their_degrees)
        difference = replace(difference, blur=blur, parts=None if alone else difference.parts)
    evidence = statistics.within(difference, *bounds)
    borrowed_degrees = None if borrowed else their_degrees
    return Test(sample, expected.mean, difference, bounds, evidence, variance, theirs, borrowed_degrees)


BEYOND = 4.0  # on the angle scale, past every share


def _end(expected: float, margin: float) -> float:
    """Return where the margin ends on the angle scale, seen from the expectation; past the scale where it leaves it."""
    if not 0.0 < expected + margin < 1.0:
        return BEYOND if margin > 0.0 else -BEYOND
    return float(statistics.angle(expected + margin) - statistics.angle(expected))


SCALES: Mapping[str, Callable[[Floats], Floats]] = {
    "linear": np.asarray,
    "angle": statistics.angle,
    "log": statistics.logarithm,
}


def _estimate(sample: Sample, expected: Reported) -> tuple[Floats, float]:
    """Return how far a sample's mean lies from an expectation on the testing scale, and how much of it is rounding."""
    scale = SCALES[sample.scale]
    middle, half = float(scale(expected.mean)), expected.resolution / 2.0
    estimate = scale(sample.mean) - middle
    if sample.scale == "linear":
        return estimate, half
    ends = scale(expected.mean - half), scale(expected.mean + half)
    return estimate, float(max(middle - ends[0], ends[1] - middle))  # the most that rounding can move it


def _bounds(expected: float, margin: float, scale: str) -> tuple[float, float]:
    """Return where a margin, or a factor, ends on the testing scale, seen from the expectation."""
    if scale == "angle":
        return _end(expected, -margin), _end(expected, margin)
    far = float(np.log(margin)) if scale == "log" else margin
    return -far, far


def _their_variance(
    expected: Reported, sample: Sample, variance: Floats, degrees: Floats
) -> tuple[Floats, Floats, bool]:
    """Return the variance of the reported mean, its degrees of freedom, and whether our spread stands in for theirs.

    A number of runs that is not given counts as one run; a mean without runs is exact.
    """
    if expected.seeds is None:
        return 0.0, 1.0, False
    runs = expected.seeds if isinstance(expected.seeds, int) else 1
    if sample.chosen is not None:
        runs = 1
    if expected.spread is None:
        return variance / runs, degrees, True
    one = expected.spread**2 * (runs if expected.spread_is == "se" else 1)
    if sample.scale == "angle":
        one *= stretch(expected.mean, cast(int, sample.images))
    elif sample.scale == "log":
        one = float(np.log1p(one / expected.mean**2))
    printed = expected.seeds if isinstance(expected.seeds, int) else 2
    return np.maximum(one, sample.floor) / runs, max(1.0, printed - 1.0), False


def verdicts_of(tests: Sequence[Test], scatter: bool = False) -> list[Verdict]:
    """Return the verdict of each case [n] from its tests at all points of a range; the worst point decides.

    What is held against the paper's `scatter` is consistent unless it deviates.
    """
    count = len(tests)
    holds, low, high = (
        np.stack([np.atleast_1d(getattr(t.evidence, side)) for t in tests]) for side in ("holds", "low", "high")
    )
    found = decide_each(
        np.ones(()) if scatter else holds.max(0),
        np.minimum(1.0, count * low.min(0)),
        np.minimum(1.0, count * high.min(0)),
    )
    return [Verdict.CONSISTENT if scatter and verdict is Verdict.INCONCLUSIVE else verdict for verdict in found]


def consistent(test: Test) -> bool:
    """Tell whether our mean lies in the 95 % prediction interval of the expectation."""
    low, high = test.difference.interval(0.95)
    return bool(low <= 0.0 <= high)


def scatter(sample: Sample, expected: Reported) -> Test:
    """Test whether a mean of ours lies where the spread that the paper prints leads one to expect it.

    Student's 95 % prediction interval of a mean of as many runs as ours, from their mean, spread and number of runs.
    `bounds` are the ends of that interval, and `holds` of the evidence only tells which of several points is the worst:
    consistency is never shown, it is not contradicted.
    """
    theirs, degrees, _ = _their_variance(expected, sample, sample.variance, 1.0)
    runs = 1 if sample.chosen is not None else cast(int, expected.seeds)
    estimate, blur = _estimate(sample, expected)
    error = np.sqrt(theirs + theirs * runs / sample.runs)
    difference = Difference(estimate, error, degrees, blur)
    half = statistics.t_quantile(0.975, degrees) * error + blur
    low, high = (
        np.minimum(1.0, 2.0 * statistics.t_cdf(beyond + blur, error, degrees)) for beyond in (estimate, -estimate)
    )
    against = np.minimum(low, high)
    evidence = statistics.Evidence(1.0 - against, low, high, against)
    return Test(sample, expected.mean, difference, (-half, half), evidence, sample.variance, theirs, degrees)


def settle(test: Test, agree: bool) -> tuple[int | None, str]:
    """Return how many seeds would settle an inconclusive test, and say so, or say why none would."""
    if not agree:
        return None, "the two meanings of ± disagree"
    seeds, why = statistics.seeds_to_settle(
        test.difference, test.bounds, test.variance, test.theirs, test.their_degrees
    )
    if seeds is not None:
        return seeds, f"about {seeds} seeds would settle it"
    return None, f"no number of our seeds settles it: {why}"
