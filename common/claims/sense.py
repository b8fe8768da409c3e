"""Whether what checks of all kinds share makes sense as it is declared, before anything is run.

A quantity must be one that can be computed and tested, a range must change something, and a bound must be a number
that can be measured but need not be.
"""

from dataclasses import replace
from math import inf

from common.claims.claim import INDEX, Check, Quantity
from common.claims.strict_yaml import Node

Limits = tuple[float, float]  # the least and the largest number that can be measured
LIMITS: dict[str, Limits] = {
    "fraction": (0.0, 1.0),
    "count": (0.0, inf),
    "kilobytes": (0.0, inf),
    "seconds": (0.0, inf),
    "ratio": (-inf, inf),
    "none": (-inf, inf),
}
QUOTIENTS = ("fraction", "ratio", "none")  # the units that a quotient may have
NEEDED = {
    "best": "the best run is one number: only a value check knows its error",
    "band": "a band is narrow or not: only an exact check with 'at_most' takes it",
    "spread": "spreads are compared by an order check of two of them, without range or gap",
}


def require_testable(check: Check, node: Node, unit: str) -> None:
    """Raise UsageError for a quantity that cannot be computed in the unit, or that the check cannot test."""
    inner = [part for q in check.quantities for part in (q.minus, q.divided_by) if part is not None]
    if any(part.statistic != "values" for part in inner):
        raise node.error("a statistic belongs to the whole quantity, not to a part of it")
    whole = list(check.sides.values())
    if unit not in QUOTIENTS and any(q.divided_by is not None for q in whole):
        raise node.error(f"the unit of a quotient is fraction, ratio or none, not {unit}")
    for q in check.quantities:
        if q.against is not None and (q.minus, q.divided_by, q.statistic, unit) != (None, None, "values", "none"):
            raise node.error("a correlation stands alone and has the unit none")
    for statistic, needed in NEEDED.items():
        if any(q.statistic == statistic for q in whole) and not check.takes(statistic):
            raise node.error(needed)


def require_variety(check: Check, node: Node) -> None:
    """Raise UsageError for a range that changes nothing, and for a metric against itself."""
    for quantity in check.quantities:
        if quantity.against == quantity.metric:
            raise _at(node, quantity).error("the correlation of a metric with itself is always 1")
    _require_index(check, node)
    if check.along in (None, INDEX):
        return
    if all(check.along in quantity.cell for quantity in check.quantities):
        raise node.mapping()["along"].error(f"every quantity names its own '{check.along}': the range changes nothing")


def _require_index(check: Check, node: Node) -> None:
    """Raise UsageError where a curve is read without its index, or an index without a curve."""
    curves = [quantity for quantity in check.quantities if quantity.curve]
    for quantity in curves:
        if quantity.against is not None:
            raise _at(node, quantity).error("a correlation is of two metrics, not of a curve")
        if check.along != INDEX:
            raise _at(node, quantity).error("a curve is read at its indices: give along: {index: [1, 10]} or the like")
    if check.along != INDEX:
        return
    along = node.mapping()["along"]
    if not curves:
        raise along.error("an 'index' counts along a curve, and no quantity reads one")
    for point in along.mapping()[INDEX].items():
        if point.integer() < 1:
            raise point.error(f"an index counts from 1, found {point.integer()}")


def _at(node: Node, quantity: Quantity) -> Node:
    return replace(node, line=quantity.line, column=quantity.column)


def limits(side: Quantity | float, unit: str) -> Limits:
    """Return the least and the largest number that a side of a check can be, infinite where there is none."""
    if not isinstance(side, Quantity):
        return side, side
    if side.against is not None:
        return -1.0, 1.0
    if side.statistic == "band":
        return 0.0, inf
    if side.divided_by is not None:
        return -inf, inf
    low, high = LIMITS[unit]
    if side.minus is None:
        return low, high
    other = limits(side.minus, unit)
    return low - other[1], high - other[0]


def require_inside(number: float | None, reach: Limits, at: Node, unit: str) -> None:
    """Raise UsageError for a number, where there is one, that can never be measured."""
    if number is not None and not reach[0] <= number <= reach[1]:
        raise at.error(f"{number:g} can never be measured: {said(reach, unit)}")


def require_doubt(at_least: float | None, at_most: float | None, node: Node, reach: Limits) -> None:
    """Raise UsageError for a bound that everything keeps."""
    fields = node.mapping()
    if at_least is not None and at_least == reach[0]:
        raise fields["at_least"].error(f"nothing is less than {at_least:g}: the check can never fail")
    if at_most is not None and at_most == reach[1]:
        raise fields["at_most"].error(f"nothing is more than {at_most:g}: the check can never fail")


def said(reach: Limits, unit: str) -> str:
    """Return in words what can be measured in a unit."""
    low, high = reach
    most = "" if high == inf else f" and at most {high:g}"
    return f"in the unit {unit} the quantity is at least {low:g}{most}"
