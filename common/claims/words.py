"""Numbers, points and p-values as people read them, with digits enough to tell apart what is not equal."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from common.claims.claim import Check, Claim
from common.claims.reading import Point
from common.claims.statistics import ALPHA


def over_range(check: Check, holding: int) -> str:
    """Return how many points of a range hold, as the beginning of a sentence; nothing where there is no range."""
    return f"{holding} of {len(check.points)} points hold; worst: " if len(check.points) > 1 else ""


def at_point(point: Point) -> str:
    """Return a point as the beginning of a sentence."""
    return "".join(f"at {name} = {value}: " for name, value in point.items())


def show(value: float, claim: Claim, *others: float) -> str:
    """Return a number as people read it in the claim's unit, with digits enough to tell it from each of the others."""
    return f"{percent(value, *others)} %" if claim.unit == "fraction" else number(value, *others)


def show_gap(value: float, claim: Claim, *others: float) -> str:
    """Return a difference as people read it, as `show` does: percentage points where the unit is a fraction."""
    return f"{percent(value, *others)} points" if claim.unit == "fraction" else number(value, *others)


def percent(share: float, *others: float, decimals: int = 2) -> str:
    """Return a share in percent: more decimals where it would look like one of the others, or like zero."""

    def text(value: Decimal, more: int) -> str:
        small = value and not Decimal(f"{value:.{decimals}f}")
        return _digits(value, 2 + more) if small else f"{value:.{decimals + more}f}"

    return _told_apart(_decimal(share).scaleb(2), [_decimal(other).scaleb(2) for other in others], text)


def number(value: float, *others: float) -> str:
    """Return a number without needless digits: more of them where it would look like one of the others."""

    def text(value: Decimal, more: int) -> str:
        if abs(value) < 10**15 and (abs(value) >= 1000 or value == int(value)):
            return f"{value:,.{0 if value == int(value) else more}f}"
        return _digits(value, 4 + more)

    return _told_apart(_decimal(value), [_decimal(other) for other in others], text)


MOST_DIGITS = 17  # of a float


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value) + 0.0))  # without the minus of a negative zero


def _digits(value: Decimal, most: int) -> str:
    return f"{float(value):.{most}g}" if most < MOST_DIGITS else repr(float(value))


def _told_apart(value: Decimal, others: Sequence[Decimal], text: Callable[[Decimal, int], str]) -> str:
    """Return the shortest text that tells a value from the others; `text` takes a value and a number of more digits."""

    def read(value: Decimal, more: int) -> Decimal:
        return Decimal(text(value, more).replace(",", ""))

    unequal = [other for other in others if other != value]
    more = 0
    while more < MOST_DIGITS and any(read(value, more) == read(other, more) for other in unequal):
        more += 1
    return next(text(value, fewer) for fewer in range(more + 1) if fewer == more or read(value, fewer) == value)


def p_value(p: float) -> str:
    """Return a p-value with three decimals, or more next to 5 %, or as below what three decimals can show."""
    decimals = 3
    while p != ALPHA and decimals < MOST_DIGITS and float(f"{p:.{decimals}f}") == ALPHA:
        decimals += 1
    return f"p = {p:.{decimals}f}" if p >= 0.0005 else "p < 0.001"
