"""The claims of the papers: what was reported, how it is checked in each tier, and how wide the band is.

`expectations/<package>.yaml` lists every claim once; `expectations/README.md` documents the fields. Every error names
file, line and column. `python -m common.expectations check` validates all files and prints their coverage.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.code_hash import ROOT
from common.experiment import Tier
from common.strict_yaml import Scalar, Value, load

UNITS = ("fraction", "count", "kilobytes", "ratio", "seconds", "none")
GATES = ("reproduced", "no-deviation", "none")
KINDS = ("value", "order", "trend", "rate", "exact")
SPREADS = ("sd", "se", "unknown")
STATISTICS = ("values", "best", "spread", "band")
WIDEST_MARGIN = 0.2  # of a fraction: 20 points


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
    confidence band.
    """

    experiment: str
    metric: str
    cell: Mapping[str, Scalar]
    minus: "Quantity | None" = None
    divided_by: "Quantity | None" = None
    statistic: str = "values"
    against: str | None = None


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


def path_of(package: str) -> Path:
    """Return the expectations file of a package such as `freezenet`."""
    return ROOT / "expectations" / f"{package}.yaml"


def read(path: Path) -> list[Claim]:
    """Return the claims of one file; raise UsageError with file, line and column where it is wrong."""
    shown = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
    top = load(path, shown).fields(required=("papers", "claims"))
    papers = {name: value.text() for name, value in top["papers"].mapping().items()}
    claims: dict[str, Claim] = {}
    for entry in top["claims"].items():
        claim = _claim(entry, papers)
        if claim.id in claims:
            raise entry.error(f"claim '{claim.id}' is declared twice, first in line {claims[claim.id].line}")
        claims[claim.id] = claim
    if not claims:
        raise top["claims"].error("no claims declared")
    return list(claims.values())


def _claim(entry: Value, papers: Mapping[str, str]) -> Claim:
    fields = entry.fields(
        required=("id", "source", "statement", "unit"),
        optional=("reported", "untestable", *(tier.value for tier in Tier)),
    )
    unit = fields["unit"].choice(*UNITS)
    paper = fields["id"].text().split("/")[0]
    if paper not in papers:
        raise fields["id"].error(f"a claim's id begins with its paper, one of {', '.join(papers)}")
    reported = _reported(fields["reported"], unit) if "reported" in fields else None
    checks: dict[Tier, Check] = {}
    untestable: dict[Tier, str] = {}
    for tier in Tier:
        if "untestable" in fields:
            untestable[tier] = fields["untestable"].text()
            if tier.value in fields:
                raise fields[tier.value].error("a claim that is untestable has no checks")
        elif tier.value not in fields:
            raise entry.error(f"field '{tier.value}' is missing: give a check, or untestable with the reason")
        elif "untestable" in fields[tier.value].mapping():
            untestable[tier] = fields[tier.value].fields(("untestable",))["untestable"].text()
        else:
            checks[tier] = _check(fields[tier.value], unit, reported)
    return Claim(
        id=fields["id"].text(),
        paper=papers[paper],
        source=fields["source"].text(),
        statement=fields["statement"].text(),
        unit=unit,
        reported=reported,
        checks=checks,
        untestable=untestable,
        file=entry.file,
        line=entry.line,
    )


def _reported(value: Value, unit: str) -> Reported:
    fields = value.fields(required=("mean", "resolution"), optional=("spread", "spread_is", "seeds"))
    if ("spread" in fields) != ("spread_is" in fields):
        raise value.error(f"'spread' and 'spread_is' ({', '.join(SPREADS)}) go together")
    return Reported(
        mean=_in_unit(fields["mean"], unit),
        spread=_positive(fields["spread"], unit) if "spread" in fields else None,
        spread_is=fields["spread_is"].choice(*SPREADS) if "spread_is" in fields else None,
        seeds=_seeds(fields["seeds"]) if "seeds" in fields else None,
        resolution=_positive(fields["resolution"], unit),
    )


def _seeds(value: Value) -> int | str:
    if value.data == "unknown":
        return "unknown"
    if value.integer() < 1:
        raise value.error("the number of seeds must be at least 1")
    return value.integer()


_BY_KIND: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "value": (("quantity", "margin"), ("expected", "images", "along")),
    "order": (("above", "below"), ("least_gap", "along")),
    "trend": (("quantity", "along", "direction"), ("unblocked",)),
    "rate": (("quantity",), ("event_below", "event_above", "at_least", "at_most", "along")),
    "exact": (("quantity",), ("equals", "at_least", "at_most", "along")),
}


def _check(value: Value, unit: str, reported: Reported | None) -> Check:
    kind_value = value.mapping().get("kind")
    if kind_value is None:
        raise value.error("field 'kind' is missing")
    kind = kind_value.choice(*KINDS)
    required, optional = _BY_KIND[kind]
    fields = value.fields(required=("kind", "gate", "reason", *required), optional=optional)
    along, points = _along(fields.get("along"))

    bound_unit = "none" if kind == "rate" else unit  # a rate's bounds are shares of the seeds

    def number(name: str, unit: str = unit) -> float | None:
        return _in_unit(fields[name], unit) if name in fields else None

    check = Check(
        kind=kind,
        gate=fields["gate"].choice(*GATES),
        reason=fields["reason"].text(),
        quantity=_quantity(fields["quantity"]) if "quantity" in fields else None,
        above=_side(fields["above"], unit) if "above" in fields else None,
        below=_side(fields["below"], unit) if "below" in fields else None,
        along=along,
        points=points,
        expected=number("expected"),
        margin=_margin(fields["margin"], unit) if "margin" in fields else None,
        images=_images(fields["images"], unit) if "images" in fields else None,
        least_gap=_in_unit(fields["least_gap"], unit) if "least_gap" in fields else 0.0,
        direction=fields["direction"].choice("rising", "falling") if "direction" in fields else None,
        unblocked="unblocked" in fields and fields["unblocked"].truth(),
        event_below=number("event_below"),
        event_above=number("event_above"),
        equals=number("equals"),
        at_least=number("at_least", bound_unit),
        at_most=number("at_most", bound_unit),
        line=value.line,
    )
    _require_sense(check, value, reported, unit)
    return check


def _margin(value: Value, unit: str) -> float:
    margin = value.number()
    if margin <= 0:
        raise value.error(f"a margin is above zero, found {margin}")
    if unit == "fraction" and margin > WIDEST_MARGIN:
        raise value.error(f"a margin of {margin} is {100 * margin:g} points: write 0.3 points as 0.003")
    return margin


def _images(value: Value, unit: str) -> int:
    if unit != "fraction":
        raise value.error("only a fraction counts over images")
    if value.integer() < 1:
        raise value.error("the number of images must be at least 1")
    return value.integer()


def _require_sense(check: Check, value: Value, reported: Reported | None, unit: str) -> None:
    """Raise UsageError where the fields of a check contradict each other."""
    _require_statistic(check, value, unit)
    if check.kind == "value" and unit == "fraction" and check.images is None:
        raise value.error("a fraction's spread has a floor: give 'images', the number of images that it counts over")
    if check.images is not None and check.quantity is not None and check.quantity.divided_by is not None:
        raise value.error("a quotient is no share of images: its unit is ratio")
    if check.kind == "value" and check.expected is None and reported is not None and reported.seeds is None:
        raise value.error("to compare with 'reported', say there how many 'seeds' the paper ran, or unknown")
    bounds = [b for b in (check.equals, check.at_least, check.at_most) if b is not None]
    if check.kind == "value" and check.expected is None and reported is None:
        raise value.error("a value check needs 'expected', or 'reported' on the claim")
    if check.kind == "order" and not isinstance(check.above, Quantity) and not isinstance(check.below, Quantity):
        raise value.error("an order check needs a quantity above or below")
    if check.kind == "trend" and len(check.points) < 3:
        raise value.error("a trend needs at least three points")
    if check.kind == "rate" and ((check.event_below is None) == (check.event_above is None) or len(bounds) != 1):
        raise value.error("a rate needs one of event_below, event_above and one of at_least, at_most")
    if check.kind == "rate" and not 0 <= bounds[0] <= 1:
        raise value.error(f"a rate is a fraction between 0 and 1, found {bounds[0]}")
    if check.kind == "exact" and len(bounds) != 1:
        raise value.error("an exact check needs one of equals, at_least, at_most")


def _require_statistic(check: Check, value: Value, unit: str) -> None:
    """Raise UsageError where a statistic is asked for that the kind cannot test."""
    inner = [part for q in check.quantities for part in (q.minus, q.divided_by) if part is not None]
    if any(part.statistic != "values" for part in inner):
        raise value.error("a statistic belongs to the whole quantity, not to a part of it")
    whole = [q for q in (check.quantity, check.above, check.below) if isinstance(q, Quantity)]
    asked = {q.statistic for q in whole}
    for q in check.quantities:
        if q.against is not None and (q.minus, q.divided_by, q.statistic, unit) != (None, None, "values", "none"):
            raise value.error("a correlation stands alone and has the unit none")
    if "best" in asked and check.kind != "value":
        raise value.error("the best run is one number: only a value check knows its error")
    if "band" in asked and (check.kind != "exact" or check.at_most is None):
        raise value.error("a band is narrow or not: only an exact check with 'at_most' takes it")
    paired = check.kind == "order" and len(whole) == 2 and len(asked) == 1
    if "spread" in asked and (not paired or check.along or check.least_gap):
        raise value.error("spreads are compared by an order check of two of them, without range or gap")


def _along(value: Value | None) -> tuple[str | None, tuple[Scalar, ...]]:
    if value is None:
        return None, ()
    entries = value.mapping()
    if len(entries) != 1:
        raise value.error("'along' names one field of the cell and the list of its values")
    ((name, points),) = entries.items()
    if not points.items():
        raise points.error("'along' needs at least one value")
    return name, tuple(point.scalar() for point in points.items())


def _side(value: Value, unit: str) -> Quantity | float:
    return _quantity(value) if isinstance(value.data, dict) else _in_unit(value, unit)


def _quantity(value: Value, outer: Quantity | None = None) -> Quantity:
    """Parse a quantity; one inside another takes experiment and metric from it where it names none."""
    required = () if outer else ("experiment", "metric")
    optional = ("experiment", "metric", "cell", "minus", "divided_by", "statistic", "against")
    fields = value.fields(required=required, optional=optional)
    own = Quantity(
        experiment=fields["experiment"].text() if "experiment" in fields else outer.experiment,  # type: ignore[union-attr]
        metric=fields["metric"].text() if "metric" in fields else outer.metric,  # type: ignore[union-attr]
        cell={k: v.scalar() for k, v in fields["cell"].mapping().items()} if "cell" in fields else {},
        statistic=fields["statistic"].choice(*STATISTICS) if "statistic" in fields else "values",
        against=fields["against"].text() if "against" in fields else None,
    )
    return Quantity(
        own.experiment,
        own.metric,
        own.cell,
        _quantity(fields["minus"], own) if "minus" in fields else None,
        _quantity(fields["divided_by"], own) if "divided_by" in fields else None,
        own.statistic,
        own.against,
    )


def _in_unit(value: Value, unit: str) -> float:
    number = value.number()
    if unit == "fraction" and not -1 <= number <= 1:
        raise value.error(f"{number} is not a fraction: write 98.55 % as 0.9855")
    return number


def _positive(value: Value, unit: str) -> float:
    number = _in_unit(value, unit)
    if number < 0:
        raise value.error(f"expected a number that is not negative, found {number}")
    return number


if __name__ == "__main__":
    from common.coverage import main

    sys.exit(main())
