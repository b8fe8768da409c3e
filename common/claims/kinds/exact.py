"""Counts, sizes, bit equality, bounds without chance: every seed's number must keep them."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from common.claims import parts
from common.claims.claim import Check, Claim, Quantity, Reported
from common.claims.multiplicity import Priors
from common.claims.reading import Reading
from common.claims.sense import limits, require_doubt, require_inside, require_testable, require_variety
from common.claims.strict_yaml import Node
from common.claims.verdict import Finding, Verdict, finding
from common.claims.words import show


@dataclass(frozen=True, kw_only=True)
class Exact(Check):
    """Every number of the quantity `equals` a number, or is `at_least` or `at_most` as large; one of the three."""

    kind: ClassVar[str] = "exact"

    quantity: Quantity
    equals: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @classmethod
    def parse(cls, node: Node, unit: str, reported: Reported | None) -> Self:
        """Return the check that a mapping declares."""
        fields, shared = parts.of_check(node, ("quantity",), ("equals", "at_least", "at_most", "along"))
        bounds: dict[str, Any] = {name: parts.number(fields, name, unit) for name in ("equals", "at_least", "at_most")}
        check = cls(quantity=parts.quantity(fields["quantity"]), **shared, **bounds)
        require_testable(check, node, unit)
        if sum(bound is not None for bound in bounds.values()) != 1:
            raise node.error("an exact check needs one of equals, at_least, at_most")
        require_variety(check, node)
        reach = limits(check.quantity, unit)
        for name, bound in bounds.items():
            require_inside(bound, reach, fields.get(name, node), unit)
        if unit == "count" and check.equals is not None and check.equals % 1 != 0:
            raise fields["equals"].error(f"a count is a whole number, found {check.equals:g}")
        require_doubt(check.at_least, check.at_most, node, reach)
        return check

    @property
    def sides(self) -> dict[str, Quantity]:
        """Return the one quantity."""
        return {"quantity": self.quantity}

    def takes(self, statistic: str) -> bool:
        """Tell that a band can be narrow."""
        return statistic == "values" or (statistic == "band" and self.at_most is not None)

    def smallest_p(self, seeds: int) -> float:
        """Return 0: chance has no part in it."""
        return 0.0

    def compares(self, reported: Reported) -> bool:
        """Tell whether it must equal the paper's number, as far as that is printed."""
        return self.equals is not None and abs(self.equals - reported.mean) <= reported.resolution

    def judge(self, claim: Claim, reading: Reading, shared: Priors) -> Finding:
        """Compare all numbers with the bound, and show the worst."""
        values = np.concatenate(reading.values("quantity"))
        low = self.at_least if self.equals is None else self.equals
        high = self.at_most if self.equals is None else self.equals
        worst, verdict = float(values.max()), Verdict.REPRODUCED
        if low is not None and values.min() < low:
            worst, verdict = float(values.min()), Verdict.DEVIATES_LOW
        elif high is not None and values.max() > high:
            verdict = Verdict.DEVIATES_HIGH
        elif high is None:
            worst = float(values.min())
        relation = "exactly" if self.equals is not None else "at least" if high is None else "at most"
        bound = low if low is not None else high or 0.0
        sentence = f"{show(worst, claim, bound)} where {relation} {show(bound, claim, worst)} is claimed: {verdict}."
        return finding(verdict, sentence, values, None)
