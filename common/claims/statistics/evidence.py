"""P-values for and against a claim, none of which may be missing."""

from dataclasses import dataclass

import numpy as np

from common.claims.statistics.summary import Floats


class Undefined(ArithmeticError):  # noqa: N818
    """A test gives no p-value; whoever compares NaN with a level would take it for a claim that holds."""


def defined(*p_values: Floats) -> None:
    """Raise Undefined where a p-value is not a number."""
    if any(np.isnan(p).any() for p in p_values):
        raise Undefined("the p-value of its test is not a number")


def require_finite(*values: Floats) -> None:
    """Raise Undefined where a number that a test rests on is not finite."""
    if not all(np.isfinite(v).all() for v in values):
        raise Undefined("the numbers are too large for its test")


@dataclass(frozen=True)
class Evidence:
    """P-values: `holds` of the test that shows a claim, `low` and `high` of the tests against it on either side.

    `against` is one p-value against the claim on either side. Each is below alpha with a probability of at most
    alpha: `holds` where the claim is false, the others where it is true. Raises Undefined where one is not a number.
    """

    holds: Floats
    low: Floats
    high: Floats
    against: Floats

    def __post_init__(self) -> None:
        defined(self.holds, self.low, self.high, self.against)


def one_sided(holds: Floats, low: Floats) -> Evidence:
    """Return the evidence of a test whose claim can be missed on one side alone, the low one."""
    return Evidence(holds, low, np.ones_like(low)[()], low)
