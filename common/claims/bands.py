"""How near to its expectation a value must lie: within a margin, within a factor, or as the paper's runs scatter."""

from common.claims.claim import Check, Quantity, Reported
from common.claims.parts import Fields
from common.claims.strict_yaml import Node

BANDS = ("margin", "margin_factor", "scatter")
WIDEST_MARGIN = 0.2  # of a fraction: 20 points


def require_one(node: Node) -> None:
    """Raise UsageError where a check has no band, or several."""
    if sum(band in node.mapping() for band in BANDS) != 1:
        raise node.error(f"a value check needs one of {', '.join(BANDS)}")


def margin(fields: Fields, unit: str) -> float | None:
    """Return the margin, None where there is none."""
    if "margin" not in fields:
        return None
    node = fields["margin"]
    found = node.number()
    if found <= 0:
        raise node.error(f"a margin is above zero, found {found}")
    if unit == "fraction" and found > WIDEST_MARGIN:
        raise node.error(f"a margin of {found} is {100 * found:g} points: write 0.3 points as 0.003")
    return found


def factor(fields: Fields, unit: str, quantity: Quantity) -> float | None:
    """Return the factor either way, None where there is none."""
    if "margin_factor" not in fields:
        return None
    node = fields["margin_factor"]
    found = node.number()
    if found <= 1:
        raise node.error(f"a factor either way is above 1, found {found:g}")
    if unit == "fraction":
        raise node.error("a fraction has a margin, not a factor")
    if quantity.minus is not None:
        raise node.error("a difference may be zero or less, which no factor reaches")
    return found


def require_logarithm(fields: Fields, expected: float, resolution: float) -> None:
    """Raise UsageError where a factor is asked of a number that may be zero as it is printed."""
    if "margin_factor" in fields and expected - resolution / 2.0 <= 0.0:
        raise fields["margin_factor"].error(f"a factor needs a number above zero, not {expected:g} as printed")


def scatter(fields: Fields, reported: Reported | None) -> bool:
    """Tell whether the paper's scatter is the band; raise UsageError where the paper does not say what that is."""
    if "scatter" not in fields:
        return False
    node = fields["scatter"]
    node.choice("paper")
    if "expected" in fields or reported is None:
        raise node.error("the paper's scatter is about what it reports, not about another number that is expected")
    if reported.spread is None:
        raise node.error("the paper prints no spread: give a margin")
    if not isinstance(reported.seeds, int) or reported.seeds < 2:
        raise node.error("how far a mean may lie takes the paper's number of runs, two at least: give a margin")
    if fields["gate"].data == "reproduced":
        raise fields["gate"].error("the paper's scatter is never 'reproduced', only consistent: gate 'no-deviation'")
    return True


def require_assumption(check: Check, fields: Fields, spread: float | None) -> None:
    """Raise UsageError where a spread is assumed beside one that the paper prints."""
    if check.assumed is not None and spread is not None:
        raise fields["assumed"].error("the paper prints a spread: a simulation takes that, none is assumed")
