"""One thing above another, paired by seed, at every point of a range or in the mean over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, cast

import numpy as np
from numpy.random import Generator

from common.claims import parts, statistics
from common.claims.claim import Assumed, Claim, Quantity, Reported, Tested
from common.claims.multiplicity import Priors
from common.claims.reading import At, Reading
from common.claims.sense import limits, require_inside, require_testable, require_variety
from common.claims.statistics import Array, tidy
from common.claims.strict_yaml import Node
from common.claims.truths import Truths
from common.claims.verdict import Finding, Verdict, decide, decide_each, finding
from common.claims.words import at_point, over_range, p_value, show, show_gap


@dataclass(frozen=True, kw_only=True)
class Order(Tested):
    """What is `above` lies more than `least_gap` above what is `below`; one of the two may be a number.

    Of two quantities with the statistic "spread", the seeds of the first lie further apart. Where it is `pooled`, the
    mean over the range is compared, seed by seed, in place of every point.
    """

    kind: ClassVar[str] = "order"
    needs: ClassVar[tuple[str, ...]] = ("effect", "spread")

    above: Quantity | float
    below: Quantity | float
    least_gap: float = 0.0
    pooled: bool = False

    @classmethod
    def parse(cls, node: Node, unit: str, reported: Reported | None) -> Self:
        """Return the check that a mapping declares."""
        fields, shared = parts.of_check(node, ("above", "below"), ("least_gap", "along", "assumed", "pooled"))
        check = cls(
            **shared,
            above=parts.side(fields["above"], unit),
            below=parts.side(fields["below"], unit),
            least_gap=parts.number(fields, "least_gap", unit) or 0.0,
            assumed=parts.assumed(fields, unit, *cls.needs),
            pooled="pooled" in fields and fields["pooled"].truth(),
        )
        require_testable(check, node, unit)
        if check.pooled and check.along is None:
            raise fields["pooled"].error("a mean over a range takes one: give 'along'")
        if not check.sides:
            raise node.error("an order check needs a quantity above or below")
        require_variety(check, node)
        check._require_reach(node, unit)
        effect = check.assumed.effect if check.assumed else None
        if effect is not None and effect <= check.least_gap:
            raise (
                fields["assumed"]
                .mapping()["effect"]
                .error(
                    f"the effect that a true claim shows is more than the gap of {check.least_gap:g}, found {effect:g}"
                )
            )
        return check

    def _require_reach(self, node: Node, unit: str) -> None:
        """Raise UsageError for a number that cannot be measured, and for a gap that is always or never reached."""
        fields = node.mapping()
        above, below = limits(self.above, unit), limits(self.below, unit)
        at = fields.get("least_gap", node)
        for name, side, other in (("above", self.above, below), ("below", self.below, above)):
            if isinstance(side, float):
                at = fields[name]
                require_inside(side, other, at, unit)
        most, least = tidy(above[1] - below[0]), tidy(above[0] - below[1])
        if most <= self.least_gap:
            raise at.error(f"the gap is never more than {most:g}: the check can never hold")
        if least > self.least_gap:
            raise at.error(f"the gap is never less than {least:g}: the check can never fail")

    @property
    def sides(self) -> dict[str, Quantity]:
        """Return the quantities above and below; a number is none."""
        return {name: side for name, side in self._both if isinstance(side, Quantity)}

    @property
    def _both(self) -> tuple[tuple[str, Quantity | float], ...]:
        return ("above", self.above), ("below", self.below)

    @property
    def _of_spreads(self) -> bool:
        return [side.statistic for side in self.sides.values()] == ["spread", "spread"]

    def takes(self, statistic: str) -> bool:
        """Tell that two spreads can be compared, without range or gap."""
        alone = self.along is None and self.least_gap == 0.0
        return statistic == "values" or (statistic == "spread" and self._of_spreads and alone)

    def smallest_p(self, seeds: int) -> float:
        """Return the chance of one assignment of signs among all; two spreads need no more than three seeds."""
        if self._of_spreads:
            return 0.0 if seeds > 2 else 1.0
        return float(0.5**seeds)

    def judge(self, claim: Claim, reading: Reading, shared: Priors) -> Finding:
        """Test whether the mean difference exceeds the least gap at all points; the worst point decides."""
        found = [(at.point, *self._pair(at)) for at in reading.points]
        if self._of_spreads:
            return _compare_spreads(claim, *found[0][1:])
        if self.pooled:
            highs, lows = [above for _, above, _ in found], [below for _, _, below in found]
            found = [({}, np.mean(highs, axis=0), np.mean(lows, axis=0))]
        differences = np.stack([above - below for _, above, below in found])
        test = statistics.above_gap_everywhere(differences, self.least_gap)
        each = np.atleast_1d(statistics.above_gap(differences, self.least_gap).holds)
        verdict = decide(float(test.holds), float(test.low), 1.0)
        worst = int(np.lexsort((differences.mean(axis=1), -each))[0])  # the largest p-value, then the smallest gap
        point, above, below = found[worst]
        n = differences.shape[1]
        high, low = tidy(above.mean()), tidy(below.mean())
        gap, least = tidy(high - low), self.least_gap
        settle = statistics.seeds_to_order(differences[worst] - self.least_gap)
        tail = ""
        if 0.5**n > statistics.ALPHA:
            tail = f" ({n} seed{'s' * (n > 1)} cannot decide an order; {statistics.LEAST_ORDER} are the least)"
        elif verdict is Verdict.INCONCLUSIVE and settle is not None:
            tail = f" (about {settle} seeds would settle it)"
        over = over_range(self, int((each <= statistics.ALPHA).sum()))
        if self.pooled:
            over = f"the mean over {len(self.points)} values of {self.along}: "
        sentence = (
            f"{over}{at_point(point)}{show(high, claim, low)} "
            f"against {show(low, claim, high)}, gap {show_gap(gap, claim, least)} ({n} paired seed{'s' * (n > 1)}, "
            f"{p_value(each[worst])}) where more than {show_gap(least, claim, gap)} is claimed: {verdict}{tail}."
        )
        settle = settle if verdict is Verdict.INCONCLUSIVE else None
        return finding(verdict, sentence, differences[worst], float(test.against), settle)

    def truths(self, claim: Claim, seeds: int) -> Truths:
        """Return the assumed effect; none at all, and the opposite one; the least gap.

        Where less than nothing is enough, the opposite lies as far on the other side of that gap.
        """
        effect, _ = self._assumed
        none = (0.0,) if self.least_gap >= 0.0 else ()
        return Truths(effect, (*none, 2.0 * min(0.0, self.least_gap) - effect), (self.least_gap,))

    def draw(self, claim: Claim, truth: float, shape: tuple[int, int, int], rng: Generator) -> dict[str, Array]:
        """Return sides whose paired difference scatters around the truth.

        Of two spreads the assumed one is the smaller, and the truth their difference.
        """
        _, spread = self._assumed
        if self._of_spreads:
            wide, narrow = spread + max(truth, 0.0), spread + max(-truth, 0.0)
            return {"above": rng.normal(0.0, wide, shape), "below": rng.normal(0.0, narrow, shape)}
        gaps = rng.normal(truth, spread, shape)
        if isinstance(self.above, float):
            return {"below": np.clip(self.above - gaps, *limits(self.below, claim.unit))}
        if isinstance(self.below, float):
            return {"above": np.clip(self.below + gaps, *limits(self.above, claim.unit))}
        return {"above": gaps, "below": np.zeros(shape)}

    def verdicts(self, claim: Claim, numbers: Mapping[str, Array]) -> list[Verdict]:
        """Return the verdict of each draw."""
        if self._of_spreads:
            pairs = zip(numbers["above"][:, 0], numbers["below"][:, 0], strict=True)
            return [_compare_spreads(claim, above, below).verdict for above, below in pairs]
        above, below = (numbers.get(name, side) for name, side in self._both)
        differences = cast(Array, above) - cast(Array, below)
        if self.pooled:
            differences = differences.mean(axis=1, keepdims=True)
        test = statistics.above_gap_everywhere(differences, self.least_gap)
        return decide_each(test.holds, test.low, 1.0)

    @property
    def _assumed(self) -> tuple[float, float]:
        """Return the effect and the spread that are assumed."""
        assumed = cast(Assumed, self.assumed)
        return cast(float, assumed.effect), cast(float, assumed.spread)

    def _pair(self, at: At) -> tuple[Array, Array]:
        """Return what is above and below at a point, [seeds] each."""
        numbers = [at.sides[name].values if isinstance(q, Quantity) else np.array([q]) for name, q in self._both]
        wide = np.broadcast_arrays(*numbers)
        return wide[0].astype(np.float64), wide[1].astype(np.float64)


def _compare_spreads(claim: Claim, above: Array, below: Array) -> Finding:
    if len(above) < 3:
        sentence = f"{len(above)} seeds do not decide which spread is larger; 3 are the least: inconclusive."
        return finding(Verdict.INCONCLUSIVE, sentence, above - below, 1.0)
    test = statistics.wider(above, below)
    wide, narrow = tidy(statistics.spread(above)), tidy(statistics.spread(below))
    verdict = decide(float(test.holds), float(test.low), 1.0)
    sentence = (
        f"a spread of {show_gap(wide, claim, narrow)} against {show_gap(narrow, claim, wide)} "
        f"({len(above)} paired seeds, {p_value(float(test.holds))}) where a larger one is claimed: {verdict}."
    )
    return finding(verdict, sentence, above - below, float(test.against))
