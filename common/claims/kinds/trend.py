"""Numbers that rise or fall along a range: Page's test with seeds as blocks, Jonckheere's where seeds pair nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import factorial
from typing import ClassVar, Self, cast

import numpy as np
from numpy.random import Generator

from common.claims import parts, statistics
from common.claims.claim import Assumed, Claim, Quantity, Reported, Tested
from common.claims.multiplicity import Priors
from common.claims.reading import Reading
from common.claims.sense import require_testable, require_variety
from common.claims.statistics import Array, Evidence
from common.claims.strict_yaml import Node
from common.claims.truths import Truths
from common.claims.verdict import Finding, Verdict, finding
from common.claims.words import p_value, show


@dataclass(frozen=True, kw_only=True)
class Trend(Tested):
    """The quantity is `rising` or `falling` along the range; `unblocked` where equal seeds have nothing in common."""

    kind: ClassVar[str] = "trend"
    needs: ClassVar[tuple[str, ...]] = ("effect", "spread")

    quantity: Quantity
    direction: str
    unblocked: bool = False

    @classmethod
    def parse(cls, node: Node, unit: str, reported: Reported | None) -> Self:
        """Return the check that a mapping declares."""
        fields, shared = parts.of_check(node, ("quantity", "along", "direction"), ("unblocked", "assumed"))
        check = cls(
            **shared,
            quantity=parts.quantity(fields["quantity"]),
            direction=fields["direction"].choice("rising", "falling"),
            unblocked="unblocked" in fields and fields["unblocked"].truth(),
            assumed=parts.assumed(fields, unit, *cls.needs),
        )
        require_testable(check, node, unit)
        if len(check.points) < 3:
            raise node.error("a trend needs at least three points")
        require_variety(check, node)
        effect = check.assumed.effect if check.assumed else None
        if effect is not None and effect <= 0.0:
            raise (
                fields["assumed"]
                .mapping()["effect"]
                .error(
                    f"the effect is by how much a true claim would be {check.direction}, above zero, found {effect:g}"
                )
            )
        return check

    @property
    def sides(self) -> dict[str, Quantity]:
        """Return the one quantity."""
        return {"quantity": self.quantity}

    def takes(self, statistic: str) -> bool:
        """Tell that one number a seed is needed."""
        return statistic == "values"

    def smallest_p(self, seeds: int) -> float:
        """Return the chance of a perfect trend among all orders."""
        orders = factorial(len(self.points)) ** seeds
        if self.unblocked:
            orders = factorial(len(self.points) * seeds) // factorial(seeds) ** len(self.points)
        return 1.0 / orders if seeds > 1 else 1.0

    def judge(self, claim: Claim, reading: Reading, shared: Priors) -> Finding:
        """Test whether the numbers rise, or fall, along the range."""
        table = np.stack(reading.values("quantity"), axis=1)
        each = [statistics.tidy(mean) for mean in table.mean(axis=0)]
        means = ", ".join(show(mean, claim, *each) for mean in each)
        if len(table) < 2:
            sentence = f"{means} along {self.along}: no trend from one seed: inconclusive."
            return finding(Verdict.INCONCLUSIVE, sentence, table[:, -1] - table[:, 0], 1.0)
        test, verdict = self._test(table)
        sentence = (
            f"{means} along {self.along} ({len(table)} seeds, {p_value(test.holds)}) where {self.direction} is "
            f"claimed: {verdict}."
        )
        return finding(verdict, sentence, table[:, -1] - table[:, 0], test.against)

    def _test(self, table: Array) -> tuple[Evidence, Verdict]:
        """Return the evidence of numbers [seeds, points] and the verdict."""
        ordered = table if self.direction == "rising" else table[:, ::-1]
        test = statistics.rising_unblocked(ordered) if self.unblocked else statistics.rising(ordered)
        if test.holds <= statistics.ALPHA:
            return test, Verdict.REPRODUCED
        if test.low <= statistics.ALPHA:
            return test, Verdict.DEVIATES_LOW if self.direction == "rising" else Verdict.DEVIATES_HIGH
        return test, Verdict.INCONCLUSIVE

    def truths(self, claim: Claim, seeds: int) -> Truths:
        """Return the assumed rise, or fall; none at all, and the opposite one; and none, where the claim ends."""
        effect = cast(float, cast(Assumed, self.assumed).effect)
        return Truths(effect, (0.0, -effect), (0.0,))

    def draw(self, claim: Claim, truth: float, shape: tuple[int, int, int], rng: Generator) -> dict[str, Array]:
        """Return numbers that change evenly along the points, by the truth from the first to the last one."""
        spread = cast(float, cast(Assumed, self.assumed).spread)
        steps = np.linspace(0.0, truth if self.direction == "rising" else -truth, shape[1])
        return {"quantity": rng.normal(steps[:, None], spread, shape)}

    def verdicts(self, claim: Claim, numbers: Mapping[str, Array]) -> list[Verdict]:
        """Return the verdict of each draw."""
        tables = np.swapaxes(numbers["quantity"], 1, 2)
        return [Verdict.INCONCLUSIVE if len(table) < 2 else self._test(table)[1] for table in tables]
