"""A mean against the number that the paper reports, or an expectation, within a margin declared beforehand.

Fractions of images are tested on the angle scale, where the binomial spread is the same everywhere, so numbers near
0, 1 or chance need no exception; a run's spread is never taken for less than that of the test images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from common.claims import statistics
from common.claims.claim import Check, Claim, Reported
from common.claims.reading import points
from common.claims.results import Results
from common.claims.sample import Priors, Sample, family_of, sample_of, stretch
from common.claims.statistics import ALPHA, Difference
from common.claims.verdict import Finding, Verdict, at_point, decide, finding, over_range, show, show_gap


@dataclass(frozen=True)
class Test:
    """A sample against its expectation: the difference on the testing scale, its bounds there, and the evidence."""

    sample: Sample
    expected: float
    difference: Difference
    bounds: tuple[float, float]
    evidence: statistics.Evidence
    variance: float
    theirs: float
    their_degrees: float | None

    def interval(self) -> tuple[float, float]:
        """Return the 90 % interval of the difference in the metric's unit."""
        low, high = self.difference.interval()
        if self.sample.scale == "linear":
            return float(low), float(high)
        base = statistics.angle(self.expected)
        return float(statistics.share(base + low) - self.expected), float(statistics.share(base + high) - self.expected)


def judge(claim: Claim, check: Check, results: Results, shared: Priors) -> Finding:
    """Test three-sided at 5 % whether the difference lies within the margin at every point."""
    along = points(check)
    found = [sample_of(check, point, results, claim.unit) for point in along]
    if len(found[0].values) < 2:
        values, expected = found[0].values, _expected(claim, check)
        ours, theirs = show(values[0], claim, expected), show(expected, claim, values[0])
        sentence = f"one number, {ours}, against {theirs}: no interval from one seed"
        return finding(Verdict.INCONCLUSIVE, sentence + ": inconclusive.", values, 1.0)
    readings = [
        [_test(check, reading, sample, shared) for sample in found] for reading in _readings(claim.reported, check)
    ]
    verdicts = [_verdict(tests) for tests in readings]
    tests = min(readings, key=lambda tests: -max(float(t.evidence.holds) for t in tests))
    verdict = verdicts[0] if len(set(verdicts)) == 1 else Verdict.INCONCLUSIVE
    worst = max(range(len(tests)), key=lambda i: float(tests[i].evidence.holds))
    test = tests[worst]
    holding = sum(float(t.evidence.holds) <= ALPHA for t in tests)
    against = max(min(1.0, len(along) * min(float(t.evidence.against) for t in tests)) for tests in readings)
    consistent = None if check.expected is not None else _consistent(test)
    settle, why = _settle(test, agree=len(set(verdicts)) == 1) if verdict is Verdict.INCONCLUSIVE else (None, "")
    scatter = "" if consistent is None or verdict is Verdict.REPRODUCED else SCATTER[consistent]
    notes = "; ".join(note for note in (why, scatter) if note)
    label = f" ({notes})" if notes else ""
    sentence = over_range(check, holding) + at_point(along[worst]) + _sentence(claim, check, test, verdict) + label
    base = finding(verdict, sentence + ".", test.sample.values, against, settle)
    return replace(base, ours=test.sample.mean, consistent=consistent)


def _expected(claim: Claim, check: Check) -> float:
    return check.expected if check.expected is not None else cast(Reported, claim.reported).mean


def _readings(reported: Reported | None, check: Check) -> list[Reported]:
    """Return what the expectation may mean: two readings where nobody says what the paper's plus-minus is."""
    if check.expected is not None:
        return [Reported(check.expected, None, None, None, 0.0)]
    assert reported is not None
    if reported.spread_is != "unknown":
        return [reported]
    return [replace(reported, spread_is=kind) for kind in ("sd", "se")]


def _test(check: Check, expected: Reported, sample: Sample, shared: Priors) -> Test:
    """Test one sample against one reading of the expectation."""
    margin, angle = check.margin or 0.0, sample.scale == "angle"
    own_degrees = len(sample.values) - 1.0
    variance, degrees = sample.variance, own_degrees
    family = shared.get(family_of(check, sample))
    if family is not None:
        raised, more = family.moderate(variance, own_degrees)
        variance, degrees = float(raised), float(more)
    scale = statistics.angle if angle else float
    centre = float(scale(expected.mean))
    bounds = (-margin, margin)
    blur = expected.resolution / 2.0
    if angle:
        blur = _widest(expected.mean, expected.resolution)
        bounds = (_end(expected.mean, -margin), _end(expected.mean, margin))
    theirs, their_degrees, borrowed = _their_variance(expected, sample, variance, degrees)
    estimate = float(scale(sample.mean)) - centre
    if borrowed:
        difference = Difference(estimate, np.sqrt(variance / sample.runs + theirs), degrees, blur)
    else:
        difference = statistics.welch(estimate, variance / sample.runs, degrees, theirs, their_degrees)
        difference = replace(difference, blur=blur)
    evidence = statistics.within(difference, *bounds)
    borrowed_degrees = None if borrowed else their_degrees
    return Test(sample, expected.mean, difference, bounds, evidence, variance, theirs, borrowed_degrees)


BEYOND = 4.0  # on the angle scale, past every share


def _end(expected: float, margin: float) -> float:
    """Return where the margin ends on the angle scale, seen from the expectation; past the scale where it leaves it."""
    if not 0.0 < expected + margin < 1.0:
        return BEYOND if margin > 0.0 else -BEYOND
    return float(statistics.angle(expected + margin) - statistics.angle(expected))


def _widest(share: float, resolution: float) -> float:
    """Return the most that rounding can move a share on the angle scale."""
    middle = statistics.angle(share)
    ends = statistics.angle(share - resolution / 2.0), statistics.angle(share + resolution / 2.0)
    return float(max(middle - ends[0], ends[1] - middle))


def _their_variance(expected: Reported, sample: Sample, variance: float, degrees: float) -> tuple[float, float, bool]:
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
    printed = expected.seeds if isinstance(expected.seeds, int) else 2
    return max(one, sample.floor) / runs, max(1.0, printed - 1.0), False


def _verdict(tests: Sequence[Test]) -> Verdict:
    count = len(tests)
    return decide(
        max(float(t.evidence.holds) for t in tests),
        min(1.0, count * min(float(t.evidence.low) for t in tests)),
        min(1.0, count * min(float(t.evidence.high) for t in tests)),
    )


def _consistent(test: Test) -> bool:
    low, high = test.difference.interval(0.95)
    return bool(low <= 0.0 <= high)


def _sentence(claim: Claim, check: Check, test: Test, verdict: Verdict) -> str:
    sample, margin = test.sample, check.margin or 0.0
    low, high = test.interval()
    relation = {Verdict.REPRODUCED: "inside", Verdict.DEVIATES_LOW: "below", Verdict.DEVIATES_HIGH: "above"}
    mean, spread = statistics.tidy(sample.mean), show_gap(statistics.tidy(statistics.spread(sample.values)), claim)
    ends = [show_gap(end, claim, low, high, -margin, margin) for end in (low, high)]
    best = ", the best run by validation" if sample.chosen is not None else ""
    return (
        f"ours {show(mean, claim, test.expected)} ± {spread} ({len(sample.values)} seeds{best}), "
        f"{_theirs(claim, check, mean)}; difference {show_gap(statistics.tidy(mean - test.expected), claim)}, "
        f"90 % interval {ends[0]} to {ends[1]}, {relation.get(verdict, 'not decided by')} "
        f"±{show_gap(margin, claim, low, high, -low, -high)}: {verdict}"
    )


def _theirs(claim: Claim, check: Check, ours: float) -> str:
    """Return what the paper reports and how its gaps are filled."""
    reported = claim.reported
    if check.expected is not None or reported is None:
        return f"expected {show(check.expected or 0.0, claim, ours)}"
    text = f"paper {show(reported.mean, claim, ours)}"
    if reported.spread is not None:
        text += f" ± {show_gap(reported.spread, claim)}"
    seeds = reported.seeds
    if seeds is None:
        return text
    notes = ["number of runs not given, taken for one" if seeds == "unknown" else f"{seeds} seeds"]
    if seeds == 1:
        notes = ["1 run"]
    if reported.spread is None:
        notes.append("no spread given, ours stands in")
    elif reported.spread_is != "sd":
        notes.append("± a standard error" if reported.spread_is == "se" else "± not explained")
    return f"{text} ({', '.join(notes)})"


SCATTER = {True: "consistent with the paper's scatter", False: "outside the paper's scatter"}


def _settle(test: Test, agree: bool) -> tuple[int | None, str]:
    """Return how many seeds would settle an inconclusive test, and say so, or say why none would."""
    if not agree:
        return None, "the two meanings of ± disagree"
    seeds, why = statistics.seeds_to_settle(
        test.difference, test.bounds, test.variance, test.theirs, test.their_degrees
    )
    if seeds is not None:
        return seeds, f"about {seeds} seeds would settle it"
    return None, f"no number of our seeds settles it: {why}"
