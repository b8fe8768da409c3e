"""The claims of the papers: what was reported, how it is checked in each tier, and how wide the band is.

`expectations/<package>.yaml` lists every claim once; `expectations/README.md` documents the fields, and
`common.claims.read` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.claims.strict_yaml import Scalar
from common.experiment import Tier

UNITS = ("fraction", "count", "kilobytes", "ratio", "seconds", "none")
GATES = ("reproduced", "no-deviation", "none")
KINDS = ("value", "order", "trend", "rate", "exact")
SPREADS = ("sd", "se", "unknown")
STATISTICS = ("values", "best", "spread", "band")


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
    line: int = field(default=0, compare=False, repr=False)
    column: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Check:
    """How a claim is checked in one tier. Fields that a kind does not use are None or empty.

    `along` names a cell field and the values it takes: every quantity is read at each of them. `images` is the number
    of images that a fraction counts over. A trend is `unblocked` where equal seeds have nothing in common.
    """

    kind: str
    gate: str
    reason: str
    quantity: Quantity | None = None
    above: Quantity | float | None = None
    below: Quantity | float | None = None
    along: str | None = None
    points: tuple[Scalar, ...] = ()
    expected: float | None = None
    margin: float | None = None
    images: int | None = None
    least_gap: float = 0.0
    direction: str | None = None
    unblocked: bool = False
    event_below: float | None = None
    event_above: float | None = None
    equals: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    line: int = 0
    column: int = 0

    @property
    def quantities(self) -> list[Quantity]:
        """Return every quantity that the check reads, parts included."""
        todo = [q for q in (self.quantity, self.above, self.below) if isinstance(q, Quantity)]
        found: list[Quantity] = []
        while todo:
            quantity = todo.pop()
            found.append(quantity)
            todo += [part for part in (quantity.minus, quantity.divided_by) if part is not None]
        return found


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
