"""The kinds of checks, one class a file: each parses itself, refuses nonsense, says what it can decide, and judges."""

from collections.abc import Mapping

from common.claims.claim import Check
from common.claims.kinds.exact import Exact
from common.claims.kinds.order import Order
from common.claims.kinds.rate import Rate
from common.claims.kinds.trend import Trend
from common.claims.kinds.value import Value

KINDS: Mapping[str, type[Check]] = {kind.kind: kind for kind in (Value, Order, Trend, Rate, Exact)}
"""The class of each kind by its word in YAML."""

__all__ = ["KINDS", "Exact", "Order", "Rate", "Trend", "Value"]
