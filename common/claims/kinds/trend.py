"""Numbers that rise or fall along a range: Page's test with seeds as blocks, Jonckheere's where seeds pair nothing."""

from dataclasses import dataclass
from math import factorial
from typing import ClassVar, Self

import numpy as np

from common.claims import parts, statistics
from common.claims.claim import Check, Claim, Quantity, Reported
from common.claims.multiplicity import Priors
from common.claims.reading import Reading
from common.claims.sense import require_testable, require_variety
from common.claims.strict_yaml import Node
from common.claims.verdict import Finding, Verdict, finding
from common.claims.words import p_value, show


@dataclass(frozen=True, kw_only=True)
class Trend(Check):
    """The quantity is `rising` or `falling` along the range; `unblocked` where equal seeds have nothing in common."""

    kind: ClassVar[str] = "trend"

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
            assumed=parts.assumed(fields, unit, "effect", "spread"),
        )
        require_testable(check, node, unit)
        if len(check.points) < 3:
            raise node.error("a trend needs at least three points")
        require_variety(check, node)
        effect = check.assumed and check.assumed.effect
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
        ordered = table if self.direction == "rising" else table[:, ::-1]
        test = statistics.rising_unblocked(ordered) if self.unblocked else statistics.rising(ordered)
        verdict = Verdict.INCONCLUSIVE
        if test.holds <= statistics.ALPHA:
            verdict = Verdict.REPRODUCED
        elif test.low <= statistics.ALPHA:
            verdict = Verdict.DEVIATES_LOW if self.direction == "rising" else Verdict.DEVIATES_HIGH
        sentence = (
            f"{means} along {self.along} ({len(table)} seeds, {p_value(test.holds)}) where {self.direction} is "
            f"claimed: {verdict}."
        )
        return finding(verdict, sentence, table[:, -1] - table[:, 0], test.against)
