"""What many numbers have in common: mean, spread, ranks, and the scale of shares."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.05
Array = NDArray[np.float64]
Floats = Any  # a float or an array of floats: the functions below take both


def mean(values: Array) -> Floats:
    """Return the mean of values [..., n]; of equal ones it is that value, which a sum may miss in the last bit."""
    return np.where(np.ptp(values, axis=-1) == 0.0, values[..., 0], values.mean(axis=-1))[()]


def spread(values: Array) -> Floats:
    """Return the standard deviation of values [..., n >= 2]; of equal ones it is 0, which a sum may miss."""
    return np.where(np.ptp(values, axis=-1) == 0.0, 0.0, values.std(axis=-1, ddof=1))[()]


def logarithm(values: Floats) -> Floats:
    """Return natural logarithms, NaN where a value is zero or less."""
    positive = np.asarray(values, dtype=float) > 0.0
    return np.where(positive, np.log(np.where(positive, values, 1.0)), np.nan)[()]


def geometric_mean(values: Array) -> Floats:
    """Return the geometric mean of values [..., n], NaN where one is zero or less; of equal ones it is that value."""
    equal = np.ptp(values, axis=-1) == 0.0
    return np.where(equal, values[..., 0], np.exp(logarithm(values).mean(axis=-1)))[()]


def tidy(value: float) -> float:
    """Return a number without what the rounding of sums left in its last digits, to be read by people."""
    return float(f"{value:.14g}")


def angle(share: Floats) -> Floats:
    """Return the arcsine of the root of a share, a scale on which its binomial spread is the same everywhere."""
    return np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0)))


def share(angle: Floats) -> Floats:
    """Return the share of an angle; beyond the ends of the scale, 0 or 1."""
    return np.sin(np.clip(angle, 0.0, np.pi / 2.0)) ** 2


def rank_correlation(first: Array, second: Array) -> float:
    """Return Spearman's correlation of two arrays [n], that of their ranks; neither is constant."""
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Array) -> Array:
    """Return ranks [n] from 0 on; equal values share the mean of theirs."""
    ordered = np.sort(values)
    below, not_above = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    ranks: Array = (below + not_above - 1) / 2.0
    return ranks
