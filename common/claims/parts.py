"""The parts that checks of all kinds are read from: numbers in a unit, quantities, ranges."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.claims.claim import GATES, STATISTICS, Assumed, Quantity
from common.claims.strict_yaml import Node, Scalar

Fields = Mapping[str, Node]


def of_check(node: Node, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> tuple[Fields, dict[str, Any]]:
    """Return the fields of a check, all that its kind requires and no unknown ones, and what all kinds share."""
    fields = node.fields(("kind", "gate", "reason", *required), (*optional, "undecidable"))
    along, points = _range(fields["along"]) if "along" in fields else (None, ())
    undecidable = fields["undecidable"].text() if "undecidable" in fields else ""
    if undecidable and fields["gate"].data != "none":
        raise fields["undecidable"].error("what decides nothing cannot gate: give it 'gate: none'")
    shared = {
        "gate": fields["gate"].choice(*GATES),
        "reason": fields["reason"].text(),
        "along": along,
        "points": points,
        "undecidable": undecidable,
        "line": node.line,
        "column": node.column,
    }
    return fields, shared


def _range(node: Node) -> tuple[str, tuple[Scalar, ...]]:
    entries = node.mapping()
    if len(entries) != 1:
        raise node.error("'along' names one field of the cell and the list of its values")
    ((name, points),) = entries.items()
    if not points.items():
        raise points.error("'along' needs at least one value")
    values = [point.scalar() for point in points.items()]
    for i, point in enumerate(points.items()):
        if values[i] in values[:i]:
            raise point.error(f"{name} = {values[i]} stands twice in the range")
    return name, tuple(values)


def quantity(node: Node, outer: Quantity | None = None) -> Quantity:
    """Parse a quantity; one inside another takes experiment and metric, or curve, from it where it names none."""
    names = ("metric", "curve", "cell", "minus", "divided_by", "statistic", "against")
    fields = node.fields(("experiment",), names) if outer is None else node.fields((), ("experiment", *names))
    own = Quantity(
        experiment=_experiment(fields, outer),
        metric=_metric(node, fields, outer),
        cell={k: v.scalar() for k, v in fields["cell"].mapping().items()} if "cell" in fields else {},
        statistic=fields["statistic"].choice(*STATISTICS) if "statistic" in fields else "values",
        against=fields["against"].text() if "against" in fields else None,
        curve="curve" in fields or (outer is not None and outer.curve and "metric" not in fields),
        line=node.line,
        column=node.column,
    )
    return replace(
        own,
        minus=quantity(fields["minus"], own) if "minus" in fields else None,
        divided_by=quantity(fields["divided_by"], own) if "divided_by" in fields else None,
    )


def _experiment(fields: Fields, outer: Quantity | None) -> str:
    return outer.experiment if outer and "experiment" not in fields else fields["experiment"].text()


def _metric(node: Node, fields: Fields, outer: Quantity | None) -> str:
    named = [fields[name] for name in ("metric", "curve") if name in fields]
    if len(named) == 2:
        raise node.error("a quantity reads a 'metric' or a 'curve', not both")
    if not named and outer is None:
        raise node.error("field 'metric' is missing, or a 'curve' in its place")
    return named[0].text() if named else outer.metric  # type: ignore[union-attr]


def assumed(fields: Fields, unit: str, *names: str) -> Assumed | None:
    """Return what a simulation takes for true, all the numbers named and no others; None where nothing is assumed."""
    if "assumed" not in fields:
        return None
    given = fields["assumed"].fields((*names, "reason"))
    return Assumed(
        effect=in_unit(given["effect"], unit) if "effect" in given else None,
        spread=positive(given["spread"], unit) if "spread" in given else None,
        reason=given["reason"].text(),
    )


def side(node: Node, unit: str) -> Quantity | float:
    """Parse a quantity, or a number in the unit."""
    return quantity(node) if isinstance(node.data, dict) else in_unit(node, unit)


def number(fields: Fields, name: str, unit: str) -> float | None:
    """Return the number of a field in the unit, None where the field is not there."""
    return in_unit(fields[name], unit) if name in fields else None


def in_unit(node: Node, unit: str) -> float:
    """Return a number; raise UsageError for a percent where a fraction is meant."""
    found = node.number()
    if unit == "fraction" and not -1 <= found <= 1:
        raise node.error(f"{found} is not a fraction: write 98.55 % as 0.9855")
    return found


def positive(node: Node, unit: str) -> float:
    """Return a number in the unit that is not negative, or raise UsageError."""
    found = in_unit(node, unit)
    if found < 0:
        raise node.error(f"expected a number that is not negative, found {found}")
    return found
