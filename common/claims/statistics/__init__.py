"""The tests behind a verdict: pure functions over arrays.

The last axis of an array holds one number a seed; leading axes are cases that are tested side by side. P-values are
one-sided and returned for both sides, since too good is as wrong as too bad.
"""

from common.claims.statistics.evidence import (
    Evidence,
    Undefined,
    defined,
)
from common.claims.statistics.means import (
    SEED_NUMBERS,
    Difference,
    behrens_fisher,
    half_band,
    seeds_to_settle,
    t_cdf,
    t_quantile,
    welch,
    within,
)
from common.claims.statistics.paired import (
    EXACT_SEEDS,
    LEAST_ORDER,
    above_gap,
    above_gap_everywhere,
    seeds_to_order,
    signs,
    wider,
)
from common.claims.statistics.rates import (
    rate,
    rate_interval,
)
from common.claims.statistics.summary import (
    ALPHA,
    Array,
    Floats,
    angle,
    geometric_mean,
    logarithm,
    mean,
    rank_correlation,
    share,
    spread,
    tidy,
)
from common.claims.statistics.trends import (
    rising,
    rising_unblocked,
)

__all__ = [
    "ALPHA",
    "EXACT_SEEDS",
    "LEAST_ORDER",
    "SEED_NUMBERS",
    "Array",
    "Difference",
    "Evidence",
    "Floats",
    "Undefined",
    "above_gap",
    "above_gap_everywhere",
    "angle",
    "behrens_fisher",
    "defined",
    "geometric_mean",
    "half_band",
    "logarithm",
    "mean",
    "rank_correlation",
    "rate",
    "rate_interval",
    "rising",
    "rising_unblocked",
    "seeds_to_order",
    "seeds_to_settle",
    "share",
    "signs",
    "spread",
    "t_cdf",
    "t_quantile",
    "tidy",
    "welch",
    "wider",
    "within",
]
