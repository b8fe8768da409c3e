"""A mean against the number that the paper reports, or an expectation, within a margin declared beforehand.

Fractions of images are tested on the angle scale, where the binomial spread is the same everywhere, so numbers near
0, 1 or chance need no exception; a run's spread is never taken for less than that of the test images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from common.claims import bands, expectation, parts, statistics
from common.claims.claim import Check, Claim, Quantity, Reported
from common.claims.expectation import Test
from common.claims.multiplicity import Priors
from common.claims.reading import At, Reading
from common.claims.sample import Sample, family_of, sample_of
from common.claims.sense import limits, require_inside, require_testable, require_variety
from common.claims.statistics import ALPHA, Undefined
from common.claims.strict_yaml import Node
from common.claims.value_sentence import reported, within_factor, within_margin, within_scatter
from common.claims.verdict import Finding, Verdict, finding
from common.claims.words import at_point, over_range, show

SCATTER = {True: "consistent with the paper's scatter", False: "outside the paper's scatter"}


@dataclass(frozen=True, kw_only=True)
class Value(Check):
    """The quantity lies as near to what the paper reports, or to what is `expected`, as one of three bands asks.

    Within a `margin` of it; or within a factor of `margin_factor` either way; or, for `scatter`, where the spread that
    the paper prints leads one to expect a mean of ours. `images` is the number of images that a fraction counts over,
    None for other numbers.
    """

    kind: ClassVar[str] = "value"

    quantity: Quantity
    margin: float | None = None
    margin_factor: float | None = None
    scatter: bool = False
    expected: float | None = None
    images: int | None = None

    @classmethod
    def parse(cls, node: Node, unit: str, reported: Reported | None) -> Self:
        """Return the check that a mapping declares."""
        fields, shared = parts.of_check(node, ("quantity",), (*bands.BANDS, "expected", "images", "along", "assumed"))
        quantity = parts.quantity(fields["quantity"])
        bands.require_one(node)
        check = cls(
            **shared,
            quantity=quantity,
            expected=parts.number(fields, "expected", unit),
            margin=bands.margin(fields, unit),
            margin_factor=bands.factor(fields, unit, quantity),
            scatter=bands.scatter(fields, reported),
            images=_images(fields["images"], unit) if "images" in fields else None,
            assumed=parts.assumed(fields, unit, "spread"),
        )
        require_testable(check, node, unit)
        if unit == "fraction" and check.images is None:
            raise node.error("a fraction's spread has a floor: give 'images', the number of images that it counts over")
        if check.images is not None and check.quantity.divided_by is not None:
            raise node.error("a quotient is no share of images: its unit is ratio")
        if check.expected is None and reported is not None and reported.seeds is None:
            raise node.error("to compare with 'reported', say there how many 'seeds' the paper ran, or unknown")
        if check.expected is None and reported is None:
            raise node.error("a value check needs 'expected', or 'reported' on the claim")
        require_variety(check, node)
        meant = check._meanings(reported)[0]
        require_inside(meant.mean, limits(check.quantity, unit), fields.get("expected", node), unit)
        bands.require_logarithm(fields, meant.mean, meant.resolution)
        bands.require_assumption(check, fields, meant.spread)
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

    def sample(self, at: At) -> Sample:
        """Return our numbers at a point on the scale that they are tested on."""
        return sample_of(at.sides["quantity"], self.images, by_factor=self.margin_factor is not None)

    def judge(self, claim: Claim, reading: Reading, shared: Priors) -> Finding:
        """Test three-sided at 5 % whether the difference lies within the margin at every point.

        A factor is tested on the logarithm; the paper's scatter can be contradicted alone.
        """
        along = reading.points
        found = [self.sample(at) for at in along]
        if self.margin_factor is not None and any((sample.values <= 0.0).any() for sample in found):
            raise Undefined("a number is zero or less, and no factor reaches that: what is claimed is a factor")
        meanings = self._meanings(claim.reported)
        if len(found[0].values) < 2 and not self.scatter:
            values, expected = found[0].values, meanings[0].mean
            ours, theirs = show(values[0], claim, expected), show(expected, claim, values[0])
            sentence = f"one number, {ours}, against {theirs}: no interval from one seed"
            return finding(Verdict.INCONCLUSIVE, sentence + ": inconclusive.", values, 1.0)
        readings = [[self._compare(sample, meaning, shared) for sample in found] for meaning in meanings]
        verdicts = [expectation.verdict_of(tests, self.scatter) for tests in readings]
        tests = min(readings, key=lambda tests: -max(float(t.evidence.holds) for t in tests))
        verdict = verdicts[0] if len(set(verdicts)) == 1 else Verdict.INCONCLUSIVE
        worst = max(range(len(tests)), key=lambda i: float(tests[i].evidence.holds))
        test = tests[worst]
        against = max(min(1.0, len(along) * min(float(t.evidence.against) for t in tests)) for tests in readings)
        consistent = None if self.expected is not None else expectation.consistent(test)
        settle, why = None, ""
        if verdict is Verdict.INCONCLUSIVE:
            agree = len(set(verdicts)) == 1
            settle, why = expectation.settle(test, agree)
        scatter = "" if self.scatter or consistent is None or verdict is Verdict.REPRODUCED else SCATTER[consistent]
        notes = "; ".join(note for note in (why, scatter) if note)
        label = f" ({notes})" if notes else ""
        sentence = over_range(self, self._holding(tests)) + at_point(along[worst].point)
        sentence += self._sentence(claim, test, verdict)
        base = finding(verdict, sentence + label + ".", test.sample.values, against, settle)
        return replace(base, ours=test.sample.mean, consistent=consistent)

    def _compare(self, sample: Sample, meaning: Reported, shared: Priors) -> Test:
        if self.scatter:
            return expectation.scatter(sample, meaning)
        return expectation.compare(sample, meaning, self._band, shared.get(family_of(self.quantity, sample)))

    @property
    def _band(self) -> float:
        """Return the margin, or the factor in its place."""
        return self.margin or self.margin_factor or 0.0

    def _holding(self, tests: Sequence[Test]) -> int:
        """Return at how many points of a range the claim holds."""
        if self.scatter:
            return sum(map(expectation.consistent, tests))
        return sum(float(t.evidence.holds) <= ALPHA for t in tests)

    def _sentence(self, claim: Claim, test: Test, verdict: Verdict) -> str:
        mean = statistics.tidy(test.sample.mean)
        theirs = reported(claim, mean) if self.expected is None else f"expected {show(self.expected, claim, mean)}"
        if self.scatter:
            return within_scatter(claim, test, theirs, verdict)
        words = within_margin if self.margin is not None else within_factor
        return words(claim, test, theirs, self._band, verdict)

    def _meanings(self, reported: Reported | None) -> list[Reported]:
        """Return what the expectation may mean: two things where nobody says what the paper's plus-minus is."""
        if self.expected is not None:
            return [Reported(self.expected, None, None, None, 0.0)]
        assert reported is not None
        if reported.spread_is != "unknown":
            return [reported]
        return [replace(reported, spread_is=kind) for kind in ("sd", "se")]


def _images(node: Node, unit: str) -> int:
    if unit != "fraction":
        raise node.error("only a fraction counts over images")
    if node.integer() < 1:
        raise node.error("the number of images must be at least 1")
    return node.integer()
