"""The claims of the papers: what was reported, how it is checked in each tier, and how wide the band is.

`expectations/<package>.yaml` lists every claim once; `expectations/README.md` documents the fields, and
`common.claims.read` reads it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from numpy.random import Generator

from common.claims.multiplicity import Priors
from common.claims.reading import Point, Reading
from common.claims.statistics import Array
from common.claims.strict_yaml import Node, Scalar
from common.claims.truths import Truths
from common.claims.verdict import Finding, Verdict
from common.experiment import Tier

GATES = ("reproduced", "no-deviation", "none")
SPREADS = ("sd", "se", "unknown")
STATISTICS = ("values", "best", "spread", "band")
INDEX = "index"  # what a range along curves is called


@dataclass(frozen=True)
class Reported:
    """What the paper prints: mean, spread over its runs, their number, and the last printed digit.

    `spread_is` says whether the plus-minus is a standard deviation over runs ("sd"), a standard error ("se"), or
    not explained ("unknown"). `seeds` is "unknown" where the paper does not say, and None for a number without chance.
    """

    mean: float
    spread: float | None
    spread_is: str | None
    seeds: int | str | None
    resolution: float


@dataclass(frozen=True)
class Quantity:
    """Numbers per seed, taken from the results: a metric of one cell, or its relation to other cells.

    Where it is a `curve`, `metric` names a recorded curve, which is read at the index of a point, from 1 on.
    With `minus` or `divided_by`, the other cell's numbers are taken off or divided by, seed by seed.
    With `against`, another metric, each seed gives the rank correlation of the two over all cells that fit.
    `statistic` "values" keeps one number a seed; "best" keeps the one seed with the highest
    `validation_accuracy`; "spread" compares how far the seeds lie apart; "band" is half the width of the mean's 95 %
    confidence band. `line` and `column` say where it stands in its file.
    """

    experiment: str
    metric: str
    cell: Mapping[str, Scalar]
    minus: "Quantity | None" = None
    divided_by: "Quantity | None" = None
    statistic: str = "values"
    against: str | None = None
    curve: bool = False
    line: int = field(default=0, compare=False, repr=False)
    column: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Assumed:
    """What a simulation takes for true where the paper prints no such number, and why.

    `effect` is how large an order, a trend or a rate is where the claim is true, `spread` the standard deviation over
    seeds of a paired difference or of one run, in the claim's unit. Each is None where the kind of check needs none.
    """

    effect: float | None
    spread: float | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Check(ABC):
    """How a claim is checked in one tier: what all kinds of checks share; `common.claims.kinds` has one class a kind.

    `along` names a cell field, or the `index` of curves, and `points` the values it takes: every quantity is read at
    each of them. `assumed` is what a simulation of the check takes for true; `undecidable` says why the check decides
    nothing, "" where it does. `line` and `column` say where it stands in its file.
    """

    kind: ClassVar[str]

    gate: str
    reason: str
    along: str | None = None
    points: tuple[Scalar, ...] = ()
    assumed: Assumed | None = None
    undecidable: str = ""
    line: int = 0
    column: int = 0

    @classmethod
    @abstractmethod
    def parse(cls, node: Node, unit: str, reported: Reported | None) -> Self:
        """Return the check of a claim in this unit; raise UsageError where its fields are wrong or make no sense."""

    @property
    @abstractmethod
    def sides(self) -> dict[str, Quantity]:
        """Return the quantities that the check reads, by the fields they stand in."""

    @abstractmethod
    def takes(self, statistic: str) -> bool:
        """Tell whether the check can test a statistic of its quantities."""

    @abstractmethod
    def smallest_p(self, seeds: int) -> float:
        """Return the smallest p-value that this many seeds can give: for the claim, or against it, as it gates."""

    @abstractmethod
    def judge(self, claim: "Claim", reading: Reading, shared: Priors) -> Finding:
        """Return what its numbers say about the claim; raise Undefined where the test gives no p-value."""

    def compares(self, reported: Reported) -> bool:
        """Tell whether the check measures against the paper's number, as those on other data do not."""
        return False

    @property
    def conditions(self) -> list[Point]:
        """Return the conditions of the points along which the check is made; one empty condition without them."""
        return [{self.along: point} for point in self.points] if self.along else [{}]

    @property
    def quantities(self) -> list[Quantity]:
        """Return every quantity that the check reads, parts included."""
        todo = list(self.sides.values())
        found: list[Quantity] = []
        while todo:
            quantity = todo.pop()
            found.append(quantity)
            todo += [part for part in (quantity.minus, quantity.divided_by) if part is not None]
        return found


@dataclass(frozen=True, kw_only=True)
class Tested(Check):
    """A check with chance in it, which says how its numbers would fall if its claim were true, or false.

    Arrays of drawn numbers have the axes [draws, points, seeds]. `needs` are the numbers that `assumed` gives.
    """

    needs: ClassVar[tuple[str, ...]]

    def lacks(self, claim: "Claim") -> str:
        """Return what is nowhere said and a simulation needs, "" where nothing is missing."""
        if self.assumed is not None:
            return ""
        wanted = ", ".join(f"{name}: .." for name in (*self.needs, "reason"))
        return f"what a true claim would show is not said: give assumed: {{{wanted}}}"

    @abstractmethod
    def truths(self, claim: "Claim", seeds: int) -> Truths:
        """Return what may be true, where nothing is lacking."""

    @abstractmethod
    def draw(self, claim: "Claim", truth: float, shape: tuple[int, int, int], rng: Generator) -> Mapping[str, Array]:
        """Return the numbers of each side, at all points alike, where something is true."""

    @abstractmethod
    def verdicts(self, claim: "Claim", numbers: Mapping[str, Array]) -> Sequence[Verdict]:
        """Return the verdict of each draw, by the tests that judge a reading."""


@dataclass(frozen=True)
class Claim:
    """One statement of a paper, with a check for each tier or the reason why there is none."""

    id: str
    paper: str
    source: str
    statement: str
    unit: str
    reported: Reported | None
    checks: Mapping[Tier, Check]
    untestable: Mapping[Tier, str]
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)
