"""Reads `expectations/<package>.yaml` strictly into claims; every error names file, line and column."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from common.claims.claim import (
    GATES,
    KINDS,
    SPREADS,
    STATISTICS,
    UNITS,
    Check,
    Claim,
    Quantity,
    Reported,
)
from common.claims.sense import require_sense
from common.claims.strict_yaml import Scalar, Value, load
from common.code_hash import ROOT
from common.experiment import Tier

WIDEST_MARGIN = 0.2  # of a fraction: 20 points


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
        column=entry.column,
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
        column=value.column,
    )
    require_sense(check, value, reported, unit)
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


def _along(value: Value | None) -> tuple[str | None, tuple[Scalar, ...]]:
    if value is None:
        return None, ()
    entries = value.mapping()
    if len(entries) != 1:
        raise value.error("'along' names one field of the cell and the list of its values")
    ((name, points),) = entries.items()
    if not points.items():
        raise points.error("'along' needs at least one value")
    values = [point.scalar() for point in points.items()]
    for i, point in enumerate(points.items()):
        if values[i] in values[:i]:
            raise point.error(f"{name} = {values[i]} stands twice in the range")
    return name, tuple(values)


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
        line=value.line,
        column=value.column,
    )
    return replace(
        own,
        minus=_quantity(fields["minus"], own) if "minus" in fields else None,
        divided_by=_quantity(fields["divided_by"], own) if "divided_by" in fields else None,
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
