"""Numbers that rise along a range: Page's test with seeds as blocks, Jonckheere's without."""

from functools import lru_cache

import numpy as np

from common.claims.statistics.evidence import Evidence, one_sided
from common.claims.statistics.summary import Array


def rising(values: Array) -> Evidence:
    """Test whether values [seeds, points] rise along the points, with seeds as blocks (Page 1963)."""
    from scipy import stats

    ranked = stats.rankdata(values, axis=1)  # ties share their rank
    holds, low = (float(stats.page_trend_test(r, ranked=True).pvalue) for r in (ranked, ranked[:, ::-1]))
    return one_sided(holds, low)


def rising_unblocked(values: Array) -> Evidence:
    """Test whether values [seeds, points] rise along the points where seeds pair nothing (Jonckheere 1954).

    Exact where no two values are equal. Elsewhere normal with the variance for ties: the statistic is Kendall's between
    point and value.
    """
    seeds, points = values.shape
    if len(np.unique(values)) == values.size:
        above = values[:, None, :, None] < values[None, :, None, :]  # [seed, seed, point, point]
        statistic = int(above[:, :, *np.triu_indices(points, 1)].sum())
        chance = _jonckheere(seeds, points)
        return one_sided(min(1.0, float(chance[statistic:].sum())), min(1.0, float(chance[: statistic + 1].sum())))
    if np.ptp(values) == 0.0:
        return one_sided(1.0, 1.0)
    from scipy import stats

    index = np.broadcast_to(np.arange(points), values.shape).ravel()
    holds, low = (
        float(stats.kendalltau(index, values.ravel(), alternative=side, method="asymptotic").pvalue)
        for side in ("greater", "less")
    )
    return one_sided(holds, low)


@lru_cache
def _jonckheere(seeds: int, points: int) -> Array:
    """Return the chance of each value of Jonckheere's statistic where all orders are equally likely.

    It is the sum of independent Mann-Whitney statistics of each point against all before it.
    """
    chance = np.ones(1)
    for before in range(seeds, seeds * points, seeds):
        counts = [1]  # whole numbers of any size, for the differences below would cancel in floats
        for i in range(1, seeds + 1):  # times (1 - x^(before + i)) / (1 - x^i): the Gaussian binomial coefficient
            longer = counts + [0] * before
            for k in range(i, len(longer)):
                longer[k] += longer[k - i] - (counts[k - before - i] if 0 <= k - before - i < len(counts) else 0)
            counts = longer
        chance = np.convolve(chance, np.array([count / sum(counts) for count in counts]))
    return chance
