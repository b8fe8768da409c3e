"""A mean against the number that the paper reports, or an expectation, within a margin declared beforehand.

Fractions of images are tested on the angle scale, where the binomial spread is the same everywhere, so numbers near
0, 1 or chance need no exception; a run's spread is never taken for less than that of the test images.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from common.claims import expectation, parts, statistics
from common.claims.claim import Check, Claim, Quantity, Reported
from common.claims.expectation import Test
from common.claims.multiplicity import Priors
from common.claims.reading import Reading
from common.claims.sample import Sample, family_of, sample_of
from common.claims.sense import limits, require_inside, require_testable, require_variety
from common.claims.statistics import ALPHA
from common.claims.strict_yaml import Node
from common.claims.verdict import Finding, Verdict, finding
from common.claims.words import at_point, over_range, show, show_gap

WIDEST_MARGIN = 0.2  # of a fraction: 20 points
SCATTER = {True: "consistent with the paper's scatter", False: "outside the paper's scatter"}


@dataclass(frozen=True, kw_only=True)
class Value(Check):
    """The quantity lies within a `margin` of what the paper reports, or of what is `expected`.

    `images` is the number of images that a fraction counts over, None for other numbers.
    """

    kind: ClassVar[str] = "value"

    quantity: Quantity
    margin: float
    expected: float | None = None
    images: int | None = None

    @classmethod
    def parse(cls, node: Node, unit: str, reported: Reported | None) -> Self:
        """Return the check that a mapping declares."""
        fields, shared = parts.of_check(node, ("quantity", "margin"), ("expected", "images", "along"))
        check = cls(
            **shared,
            quantity=parts.quantity(fields["quantity"]),
            expected=parts.number(fields, "expected", unit),
            margin=_margin(fields["margin"], unit),
            images=_images(fields["images"], unit) if "images" in fields else None,
        )
        require_testable(check, node, unit)
        if unit == "fraction" and check.images is None:
            raise node.error("a fraction's spread has a floor: give 'images', the number of images that it counts over")
        if check.images is not None and check.quantity.divided_by is not None:
            raise node.error("a quotient is no share of images: its unit is ratio")
        expected = check.expected if reported is None or check.expected is not None else reported.mean
        if check.expected is None and reported is not None and reported.seeds is None:
            raise node.error("to compare with 'reported', say there how many 'seeds' the paper ran, or unknown")
        if expected is None:
            raise node.error("a value check needs 'expected', or 'reported' on the claim")
        require_variety(check, node)
        require_inside(expected, limits(check.quantity, unit), fields.get("expected", node), unit)
        return check

    @property
    def sides(self) -> dict[str, Quantity]:
        """Return the one quantity."""
        return {"quantity": self.quantity}

    def takes(self, statistic: str) -> bool:
        """Tell that the error of the best run is known."""
        return statistic in ("values", "best")

    def smallest_p(self, seeds: int) -> float:
        """Return 0 where there is a spread at all."""
        return 0.0 if seeds > 1 else 1.0

    def compares(self, reported: Reported) -> bool:
        """Tell whether no other number is expected."""
        return self.expected is None

    def judge(self, claim: Claim, reading: Reading, shared: Priors) -> Finding:
        """Test three-sided at 5 % whether the difference lies within the margin at every point."""
        along = reading.points
        found = [sample_of(at.sides["quantity"], self.images) for at in along]
        meanings = self._meanings(claim.reported)
        if len(found[0].values) < 2:
            values, expected = found[0].values, meanings[0].mean
            ours, theirs = show(values[0], claim, expected), show(expected, claim, values[0])
            sentence = f"one number, {ours}, against {theirs}: no interval from one seed"
            return finding(Verdict.INCONCLUSIVE, sentence + ": inconclusive.", values, 1.0)
        readings = [[self._compare(sample, meaning, shared) for sample in found] for meaning in meanings]
        verdicts = [expectation.verdict_of(tests) for tests in readings]
        tests = min(readings, key=lambda tests: -max(float(t.evidence.holds) for t in tests))
        verdict = verdicts[0] if len(set(verdicts)) == 1 else Verdict.INCONCLUSIVE
        worst = max(range(len(tests)), key=lambda i: float(tests[i].evidence.holds))
        test = tests[worst]
        holding = sum(float(t.evidence.holds) <= ALPHA for t in tests)
        against = max(min(1.0, len(along) * min(float(t.evidence.against) for t in tests)) for tests in readings)
        consistent = None if self.expected is not None else expectation.consistent(test)
        settle, why = None, ""
        if verdict is Verdict.INCONCLUSIVE:
            settle, why = expectation.settle(test, agree=len(set(verdicts)) == 1)
        scatter = "" if consistent is None or verdict is Verdict.REPRODUCED else SCATTER[consistent]
        notes = "; ".join(note for note in (why, scatter) if note)
        label = f" ({notes})" if notes else ""
        sentence = over_range(self, holding) + at_point(along[worst].point) + self._sentence(claim, test, verdict)
        base = finding(verdict, sentence + label + ".", test.sample.values, against, settle)
        return replace(base, ours=test.sample.mean, consistent=consistent)

    def _compare(self, sample: Sample, meaning: Reported, shared: Priors) -> Test:
        return expectation.compare(sample, meaning, self.margin, shared.get(family_of(self.quantity, sample)))

    def _meanings(self, reported: Reported | None) -> list[Reported]:
        """Return what the expectation may mean: two things where nobody says what the paper's plus-minus is."""
        if self.expected is not None:
            return [Reported(self.expected, None, None, None, 0.0)]
        assert reported is not None
        if reported.spread_is != "unknown":
            return [reported]
        return [replace(reported, spread_is=kind) for kind in ("sd", "se")]

    def _sentence(self, claim: Claim, test: Test, verdict: Verdict) -> str:
        sample, margin = test.sample, self.margin
        low, high = test.interval()
        relation = {Verdict.REPRODUCED: "inside", Verdict.DEVIATES_LOW: "below", Verdict.DEVIATES_HIGH: "above"}
        mean, spread = statistics.tidy(sample.mean), show_gap(statistics.tidy(statistics.spread(sample.values)), claim)
        ends = [show_gap(end, claim, low, high, -margin, margin) for end in (low, high)]
        best = ", the best run by validation" if sample.chosen is not None else ""
        return (
            f"ours {show(mean, claim, test.expected)} ± {spread} ({len(sample.values)} seeds{best}), "
            f"{self._theirs(claim, mean)}; difference {show_gap(statistics.tidy(mean - test.expected), claim)}, "
            f"90 % interval {ends[0]} to {ends[1]}, {relation.get(verdict, 'not decided by')} "
            f"±{show_gap(margin, claim, low, high, -low, -high)}: {verdict}"
        )

    def _theirs(self, claim: Claim, ours: float) -> str:
        """Return what the paper reports and how its gaps are filled."""
        reported = claim.reported
        if self.expected is not None or reported is None:
            return f"expected {show(self.expected or 0.0, claim, ours)}"
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


def _margin(node: Node, unit: str) -> float:
    margin = node.number()
    if margin <= 0:
        raise node.error(f"a margin is above zero, found {margin}")
    if unit == "fraction" and margin > WIDEST_MARGIN:
        raise node.error(f"a margin of {margin} is {100 * margin:g} points: write 0.3 points as 0.003")
    return margin


def _images(node: Node, unit: str) -> int:
    if unit != "fraction":
        raise node.error("only a fraction counts over images")
    if node.integer() < 1:
        raise node.error("the number of images must be at least 1")
    return node.integer()
