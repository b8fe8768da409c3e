"""A mean against the number that the paper reports, or an expectation, within a margin declared beforehand.

Fractions of images are tested on the angle scale, where the binomial spread is the same everywhere, so numbers near
0, 1 or chance need no exception; a run's spread is never taken for less than that of the test images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, cast

import numpy as np
from numpy.random import Generator

from common.claims import bands, expectation, parts, statistics
from common.claims.claim import Assumed, Claim, Quantity, Reported, Tested
from common.claims.expectation import Test
from common.claims.multiplicity import Priors
from common.claims.reading import At, Numbers, Reading
from common.claims.sample import Sample, family_of, sample_of, share_behind
from common.claims.sense import limits, require_inside, require_testable, require_variety
from common.claims.statistics import ALPHA, Array, Undefined
from common.claims.strict_yaml import Node
from common.claims.truths import Truths, possible
from common.claims.value_sentence import reported, within_factor, within_margin, within_scatter
from common.claims.verdict import Finding, Verdict, finding
from common.claims.words import at_point, over_range, show

SCATTER = {True: "consistent with the paper's scatter", False: "outside the paper's scatter"}


@dataclass(frozen=True, kw_only=True)
class Value(Tested):
    """The quantity lies as near to what the paper reports, or to what is `expected`, as one of three bands asks.

    Within a `margin` of it; or within a factor of `margin_factor` either way; or, for `scatter`, where the spread that
    the paper prints leads one to expect a mean of ours. `images` is the number of images that a fraction counts over,
    None for other numbers.
    """

    kind: ClassVar[str] = "value"
    needs: ClassVar[tuple[str, ...]] = ("spread",)

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
            assumed=parts.assumed(fields, unit, *cls.needs),
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
        verdicts = [expectation.verdicts_of(tests, self.scatter)[0] for tests in readings]
        tests = min(readings, key=lambda tests: -max(float(t.evidence.holds) for t in tests))
        verdict = _agreed(verdicts)
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
        return replace(base, ours=float(test.sample.mean), consistent=consistent)

    def lacks(self, claim: Claim) -> str:
        """Return that a spread is assumed where none is printed with the number that is expected."""
        return "" if self._meanings(claim.reported)[0].spread is not None else super().lacks(claim)

    def truths(self, claim: Claim, seeds: int) -> Truths:
        """Return the expected number, those three margins from it, and those at the margin's ends.

        Of the paper's scatter, four half-widths of the prediction interval and one take the place of margins.
        """
        meant = self._meanings(claim.reported)[-1]
        mean, band, reach = meant.mean, self._band, limits(self.quantity, claim.unit)
        far, near = ((mean - times * band, mean + times * band) for times in (3, 1))
        if self.margin_factor is not None:
            far, near = ((mean / band**times, mean * band**times) for times in (3, 1))
        elif self.scatter:
            test = expectation.scatter(self._drawn(np.full(seeds, mean)), meant)
            far, near = (test.in_unit(times * test.bounds[0], times * test.bounds[1]) for times in (4, 1))
            far, near = ((mean + below, mean + above) for below, above in (far, near))
        return Truths(mean, possible(far, reach), possible(near, reach))

    def draw(self, claim: Claim, truth: float, shape: tuple[int, int, int], rng: Generator) -> dict[str, Array]:
        """Return numbers that scatter around the truth as the paper's runs do, or are assumed to.

        Shares of images scatter at least as chance in the images makes them; what has a factor scatters in its
        logarithm.
        """
        meant, spread = self._meanings(claim.reported)[0], self._spread(claim)
        if self.margin_factor is not None:
            return {"quantity": rng.lognormal(np.log(truth), np.sqrt(np.log1p((spread / meant.mean) ** 2)), shape)}
        if self.images is not None and self.quantity.minus is None:
            spread = max(spread, float(np.sqrt(truth * (1.0 - truth) / self.images)))
        return {"quantity": np.clip(rng.normal(truth, spread, shape), *limits(self.quantity, claim.unit))}

    def verdicts(self, claim: Claim, numbers: Mapping[str, Array]) -> list[Verdict]:
        """Return the verdict of each draw."""
        points = [self._drawn(values, self._spread(claim)) for values in np.moveaxis(numbers["quantity"], 1, 0)]
        draws, seeds = points[0].values.shape
        if seeds < 2 and not self.scatter:
            return [Verdict.INCONCLUSIVE] * draws
        each = [
            expectation.verdicts_of([self._compare(sample, meaning) for sample in points], self.scatter)
            for meaning in self._meanings(claim.reported)
        ]
        return [_agreed(verdicts) for verdicts in zip(*each, strict=True)]

    def _spread(self, claim: Claim) -> float:
        """Return the standard deviation of one run, as printed or as assumed."""
        meant = self._meanings(claim.reported)[0]
        if meant.spread is None:
            return cast(float, cast(Assumed, self.assumed).spread)
        runs = meant.seeds if isinstance(meant.seeds, int) and meant.spread_is == "se" else 1
        return float(meant.spread * np.sqrt(runs))

    def _drawn(self, values: Array, spread: float = 0.0) -> Sample:
        """Return drawn numbers [..., seeds] as our side of the check."""
        chosen, parts = 0 if self.quantity.statistic == "best" else None, None
        if self.images is not None and self.quantity.minus is not None:
            share = np.full_like(values, share_behind(spread, self.images))
            parts = share, share
        return self.sample(At({}, {"quantity": Numbers(values, chosen, parts)}))

    def _compare(self, sample: Sample, meaning: Reported, shared: Priors | None = None) -> Test:
        """Return the test of a sample: among many claims, or alone where nothing is shared."""
        if self.scatter:
            return expectation.scatter(sample, meaning)
        family = None if shared is None else shared.get(family_of(self.quantity, sample))
        return expectation.compare(sample, meaning, self._band, family, alone=shared is None)

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


def _agreed(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict that all meanings of the expectation lead to; they may disagree."""
    return verdicts[0] if len(set(verdicts)) == 1 else Verdict.INCONCLUSIVE


def _images(node: Node, unit: str) -> int:
    if unit != "fraction":
        raise node.error("only a fraction counts over images")
    if node.integer() < 1:
        raise node.error("the number of images must be at least 1")
    return node.integer()
