"""How often something happens over seeds, such as a collapse of training: exact binomial tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.random import Generator

from common.claims import parts, statistics
from common.claims.claim import Assumed, Claim, Quantity, Reported, Tested
from common.claims.multiplicity import Priors
from common.claims.reading import Reading
from common.claims.sense import limits, require_doubt, require_inside, require_testable, require_variety, said
from common.claims.statistics import Array, tidy
from common.claims.strict_yaml import Node
from common.claims.truths import Truths
from common.claims.verdict import Finding, Verdict, decide, decide_each, finding
from common.claims.words import at_point, number, over_range, percent


@dataclass(frozen=True, kw_only=True)
class Rate(Tested):
    """In a share of all seeds, `at_least` or `at_most`, the quantity lies strictly beyond the bound of an event."""

    kind: ClassVar[str] = "rate"
    needs: ClassVar[tuple[str, ...]] = ("effect",)

    quantity: Quantity
    event_below: float | None = None
    event_above: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @classmethod
    def parse(cls, node: Node, unit: str, reported: Reported | None) -> Self:
        """Return the check that a mapping declares; shares of seeds have no unit."""
        names = ("event_below", "event_above", "at_least", "at_most")
        fields, shared = parts.of_check(node, ("quantity",), (*names, "along", "assumed"))
        quantity = parts.quantity(fields["quantity"])
        below, above = (parts.number(fields, name, unit) for name in names[:2])
        least, most = (parts.number(fields, name, "none") for name in names[2:])
        assumed = parts.assumed(fields, "none", *cls.needs)
        bounds: dict[str, Any] = {"event_below": below, "event_above": above, "at_least": least, "at_most": most}
        check = cls(**shared, quantity=quantity, assumed=assumed, **bounds)
        require_testable(check, node, unit)
        if (below is None) == (above is None) or (least is None) == (most is None):
            raise node.error("a rate needs one of event_below, event_above and one of at_least, at_most")
        if not 0 <= check._share <= 1:
            raise node.error(f"a rate is a fraction between 0 and 1, found {check._share}")
        require_variety(check, node)
        reach = limits(quantity, unit)
        for name, bound in (("event_below", below), ("event_above", above)):
            require_inside(bound, reach, fields.get(name, node), unit)
        require_doubt(least, most, node, (0.0, 1.0))
        for name, bound, end in (("event_below", below, reach[0]), ("event_above", above, reach[1])):
            if bound is not None and bound == end:
                raise fields[name].error(f"the event can never happen: {said(reach, unit)}")
        check._require_truth(fields)
        return check

    def _require_truth(self, fields: parts.Fields) -> None:
        """Raise UsageError where what is assumed to be true is no rate, or one that the claim denies."""
        if self.assumed is None or self.assumed.effect is None:
            return
        effect, at = self.assumed.effect, fields["assumed"].mapping()["effect"]
        if not 0 <= effect <= 1:
            raise at.error(f"the effect is the true rate, a fraction between 0 and 1, found {effect:g}")
        if not (self.at_least or 0.0) <= effect <= (1.0 if self.at_most is None else self.at_most):
            side = "least" if self.at_least is not None else "most"
            raise at.error(f"a rate of {effect:g} is not at {side} {self._share:g}, as is claimed")

    @property
    def _share(self) -> float:
        """Return the share of seeds that is claimed, at least or at most."""
        return self.at_least if self.at_least is not None else self.at_most or 0.0

    @property
    def sides(self) -> dict[str, Quantity]:
        """Return the one quantity."""
        return {"quantity": self.quantity}

    def takes(self, statistic: str) -> bool:
        """Tell that one number a seed is needed."""
        return statistic == "values"

    def smallest_p(self, seeds: int) -> float:
        """Return the chance that the event happens in every seed, or in none, at the claimed share."""
        rare = self._share if self.at_least is not None else 1.0 - self._share
        return float(rare**seeds if self.gate == "reproduced" else len(self.conditions) * (1.0 - rare) ** seeds)

    def judge(self, claim: Claim, reading: Reading, shared: Priors) -> Finding:
        """Test the share of seeds at every point; the worst point decides."""
        found = [(at.point, self._happened(at.sides["quantity"].values)) for at in reading.points]
        tests = [statistics.rate(int(h.sum()), len(h), self.at_least, self.at_most) for _, h in found]
        count = len(found)
        verdict = decide(
            max(float(t.holds) for t in tests),
            min(1.0, count * min(float(t.low) for t in tests)),
            min(1.0, count * min(float(t.high) for t in tests)),
        )
        worst = max(range(count), key=lambda i: float(tests[i].holds))
        holding = sum(float(t.holds) <= statistics.ALPHA for t in tests)
        point, happened = found[worst]
        sentence = over_range(self, holding) + at_point(point) + self._sentence(happened, verdict)
        against = min(1.0, count * min(float(t.against) for t in tests))
        return finding(verdict, sentence, happened, against)

    def truths(self, claim: Claim, seeds: int) -> Truths:
        """Return the assumed rate; the mirror of the bound, or of the rate where that is no other side; the bound."""
        share, effect = self._share, cast(float, cast(Assumed, self.assumed).effect)
        false = 1.0 - share
        if (false >= share) if self.at_least is not None else (false <= share):
            false = min(1.0, max(0.0, 2.0 * share - effect))
        return Truths(effect, (false,), (share,))

    def draw(self, claim: Claim, truth: float, shape: tuple[int, int, int], rng: Generator) -> dict[str, Array]:
        """Return numbers beyond the bound of the event as often as the truth says, and short of it elsewhere."""
        beyond = 1.0 if self.event_above is not None else -1.0
        bound = self.event_above if self.event_above is not None else cast(float, self.event_below)
        return {"quantity": np.where(rng.random(shape) < truth, bound + beyond, bound - beyond)}

    def verdicts(self, claim: Claim, numbers: Mapping[str, Array]) -> list[Verdict]:
        """Return the verdict of each draw."""
        happened = self._happened(numbers["quantity"])
        test = statistics.rate(happened.sum(-1), happened.shape[-1], self.at_least, self.at_most)
        low, high = (np.minimum(1.0, happened.shape[1] * p.min(-1)) for p in (test.low, test.high))
        return decide_each(test.holds.max(-1), low, high)

    def _happened(self, values: Array) -> Array:
        hits = values < self.event_below if self.event_below is not None else values > (self.event_above or 0.0)
        return hits.astype(np.float64)

    def _sentence(self, happened: Array, verdict: Verdict) -> str:
        events, n = int(happened.sum()), len(happened)
        low, high = statistics.rate_interval(events, n)
        side, bound = "least" if self.at_least is not None else "most", self._share
        ends = [f"{percent(end, bound, decimals=0)} %" for end in (low, high)]
        return (
            f"{events} of {n} seeds (90 % interval {ends[0]} to {ends[1]}) where at {side} "
            f"{number(tidy(100 * bound), 100 * low, 100 * high)} % is claimed: {verdict}."
        )
