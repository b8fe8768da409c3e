"""Whether a check makes sense as it is declared, before anything is run.

Its fields must go together, its bounds must be numbers that can be measured, and it must be able both to hold and to
fail.
"""

from dataclasses import replace
from math import inf

from common.claims.claim import Check, Quantity, Reported
from common.claims.statistics import tidy
from common.claims.strict_yaml import Value

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


def require_sense(check: Check, value: Value, reported: Reported | None, unit: str) -> None:
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
    _require_variety(check, value)
    _require_reach(check, value, reported, unit)


def _require_statistic(check: Check, value: Value, unit: str) -> None:
    """Raise UsageError where a statistic is asked for that the kind cannot test."""
    inner = [part for q in check.quantities for part in (q.minus, q.divided_by) if part is not None]
    if any(part.statistic != "values" for part in inner):
        raise value.error("a statistic belongs to the whole quantity, not to a part of it")
    whole = [q for q in (check.quantity, check.above, check.below) if isinstance(q, Quantity)]
    asked = {q.statistic for q in whole}
    if unit not in QUOTIENTS and any(q.divided_by is not None for q in whole):
        raise value.error(f"the unit of a quotient is fraction, ratio or none, not {unit}")
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


def _require_variety(check: Check, value: Value) -> None:
    """Raise UsageError for a range that changes nothing, and for a metric against itself."""
    for quantity in check.quantities:
        if quantity.against == quantity.metric:
            at = replace(value, line=quantity.line, column=quantity.column)
            raise at.error("the correlation of a metric with itself is always 1")
    if check.along is not None and all(check.along in quantity.cell for quantity in check.quantities):
        raise value.mapping()["along"].error(f"every quantity names its own '{check.along}': the range changes nothing")


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


def _require_reach(check: Check, value: Value, reported: Reported | None, unit: str) -> None:
    """Raise UsageError for bounds that cannot be measured, and where a check can never hold or never fail."""
    if check.kind == "order":
        return _require_reach_of_order(check, value, unit)
    if check.quantity is None or check.kind == "trend":
        return None
    fields, reach = value.mapping(), limits(check.quantity, unit)
    expected = check.expected if check.expected is not None or reported is None else reported.mean
    bounds = {"expected": expected if check.kind == "value" else None, "equals": check.equals}
    bounds |= {"event_below": check.event_below, "event_above": check.event_above}
    if check.kind == "exact":
        bounds |= {"at_least": check.at_least, "at_most": check.at_most}
    for name, bound in bounds.items():
        if bound is not None:
            _require_inside(bound, reach, fields.get(name, value), unit)
    if unit == "count" and check.equals is not None and check.equals % 1 != 0:
        raise fields["equals"].error(f"a count is a whole number, found {check.equals:g}")
    _require_doubt(check, fields, (0.0, 1.0) if check.kind == "rate" else reach)
    for name, bound, end in (
        ("event_below", check.event_below, reach[0]),
        ("event_above", check.event_above, reach[1]),
    ):
        if bound is not None and bound == end:
            raise fields[name].error(f"the event can never happen: {_said(reach, unit)}")
    return None


def _require_doubt(check: Check, fields: dict[str, Value], reach: Limits) -> None:
    """Raise UsageError for a bound that everything keeps."""
    if check.at_least is not None and check.at_least == reach[0]:
        raise fields["at_least"].error(f"nothing is less than {check.at_least:g}: the check can never fail")
    if check.at_most is not None and check.at_most == reach[1]:
        raise fields["at_most"].error(f"nothing is more than {check.at_most:g}: the check can never fail")


def _require_reach_of_order(check: Check, value: Value, unit: str) -> None:
    assert check.above is not None
    assert check.below is not None
    fields = value.mapping()
    above, below = limits(check.above, unit), limits(check.below, unit)
    at = fields.get("least_gap", value)
    for name, side, other in (("above", check.above, below), ("below", check.below, above)):
        if isinstance(side, float):
            at = fields[name]
            _require_inside(side, other, at, unit)
    most, least = tidy(above[1] - below[0]), tidy(above[0] - below[1])
    if most <= check.least_gap:
        raise at.error(f"the gap is never more than {most:g}: the check can never hold")
    if least > check.least_gap:
        raise at.error(f"the gap is never less than {least:g}: the check can never fail")


def _require_inside(number: float, reach: Limits, at: Value, unit: str) -> None:
    if not reach[0] <= number <= reach[1]:
        raise at.error(f"{number:g} can never be measured: {_said(reach, unit)}")


def _said(reach: Limits, unit: str) -> str:
    low, high = reach
    most = "" if high == inf else f" and at most {high:g}"
    return f"in the unit {unit} the quantity is at least {low:g}{most}"
