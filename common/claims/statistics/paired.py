"""Differences paired by seed: sign flips, and which of two spreads is wider."""

from functools import lru_cache

import numpy as np

from common.claims.statistics.evidence import Evidence, one_sided, require_finite
from common.claims.statistics.means import SEED_NUMBERS, t_cdf, t_quantile
from common.claims.statistics.summary import ALPHA, Array, Floats

EXACT_SEEDS = 16  # the most seeds whose assignments of signs are all counted
LEAST_ORDER = 5  # seeds: with fewer, even a perfect order has a p-value above 5 %


def above_gap(differences: Array, gap: float = 0.0) -> Evidence:
    """Test exactly whether paired differences [..., n] have a mean above `gap` (Fisher's sign-flip test).

    Under the null each difference lies on either side of the gap with equal chance; all 2^n assignments of signs
    are counted (n <= 16), or Student's t is used (n > 16).
    """
    holds, low = _flip(differences - gap)
    return Evidence(holds, low, np.ones_like(low), low)


def above_gap_everywhere(differences: Array, gap: float = 0.0) -> Evidence:
    """Test whether paired differences [..., points, n] have means above `gap` at all points of a range.

    Shown where the worst point shows it (an intersection-union test). Against it speaks the most extreme of all
    points, judged by flipping a seed's signs at all points together (Westfall and Young's maximum), so that many
    points are no more likely than one to contradict a true claim.
    """
    shifted = differences - gap
    n = shifted.shape[-1]
    over, under = _flip(shifted)
    holds = over.max(-1)
    if n > EXACT_SEEDS:
        low = np.minimum(1.0, shifted.shape[-2] * under.min(-1))
    else:
        norm = np.sqrt((shifted**2).sum(-1, keepdims=True))
        require_finite(norm)
        sums = (shifted / np.where(norm > 0.0, norm, 1.0)) @ signs(n).T
        lowest = np.concatenate([sums, -sums], axis=-1).min(-2)
        low = np.mean(lowest <= sums[..., 0].min(-1, keepdims=True) + 1e-12, axis=-1)
    return one_sided(holds, low)


def _flip(shifted: Array) -> tuple[Floats, Floats]:
    """Return the p-values that the mean of [..., n] is above and below zero."""
    n = shifted.shape[-1]
    total, slack = shifted.sum(-1), 1e-12 * np.abs(shifted).sum(-1)  # sums that differ in the last bits only are ties
    require_finite(total, slack)
    if n > EXACT_SEEDS:
        error = np.sqrt(shifted.var(-1, ddof=1) / n)
        require_finite(error)
        below = t_cdf(total / n, error, n - 1.0)
        return 1.0 - below, below
    sums = shifted @ signs(n).T
    over = (sums >= (total - slack)[..., None]).sum(-1) + (-sums >= (total - slack)[..., None]).sum(-1)
    under = (sums <= (total + slack)[..., None]).sum(-1) + (-sums <= (total + slack)[..., None]).sum(-1)
    return over / 2.0**n, under / 2.0**n


@lru_cache
def signs(n: int) -> Array:
    """Return one half of all assignments of signs, [2^(n-1), n]; the other half is its negative. The first is all +."""
    negative: Array = ((np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1).astype(np.float64)
    return 1.0 - 2.0 * negative


def wider(a: Array, b: Array) -> Evidence:
    """Test whether a [n >= 3] spreads more than b [n], paired by seed (Pitman 1939, Morgan 1939; n - 2 degrees)."""
    total, gap = a + b - (a + b).mean(), a - b - (a - b).mean()
    norms = [float(np.sqrt((part**2).sum())) for part in (total, gap)]
    require_finite(norms)
    rounding = 1e-12 * float(np.abs(np.stack([a, b])).sum())
    r = float((total * gap).sum()) / (norms[0] * norms[1]) if min(norms) > rounding else 0.0
    r = min(1.0, max(-1.0, r))
    low = float(t_cdf(r * np.sqrt(len(a) - 2.0), np.sqrt(1.0 - r**2), len(a) - 2.0))
    return one_sided(1.0 - low, low)


def seeds_to_order(differences: Array) -> int | None:
    """Return how many seeds would decide whether differences [n] are above zero, by Student's t; None if very many."""
    if len(differences) < 2 or differences.mean() == 0.0:
        return None
    n = SEED_NUMBERS[SEED_NUMBERS >= LEAST_ORDER]
    error = differences.std(ddof=1) / np.sqrt(n)
    enough = n[t_quantile(1.0 - ALPHA, n - 1.0) * error <= abs(differences.mean())]
    return int(enough[0]) if len(enough) else None
