"""The tests behind a verdict: pure functions over arrays with one number a seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate with the two ends of its 90 % confidence interval, in the metric's unit."""

    estimate: float
    low: float
    high: float
    standard_error: float


def difference(ours: Array, mean: float, spread: float | None, seeds: int | None, resolution: float) -> Interval:
    """Return ours minus reported, with Welch's interval.

    `ours` [n >= 2]. The reported mean carries its own error: spread over seeds (where the spread is not
    printed, ours stands in for it) and rounding, uniform over one unit of the last printed digit. A
    reported value without seeds is exact.
    """
    n = len(ours)
    own = float(ours.var(ddof=1)) / n
    theirs = 0.0
    if seeds is not None:
        theirs = (spread**2 if spread is not None else float(ours.var(ddof=1))) / seeds
    rounding = resolution**2 / 12.0
    error = float(np.sqrt(own + theirs + rounding))
    degrees = _welch_degrees(own, n - 1, theirs, (seeds or 2) - 1)
    width = float(stats.t.ppf(0.95, degrees)) * error
    estimate = float(ours.mean()) - mean
    return Interval(estimate, estimate - width, estimate + width, error)


def _welch_degrees(a: float, degrees_a: int, b: float, degrees_b: int) -> float:
    """Return the Welch-Satterthwaite degrees of freedom of a + b."""
    larger = max(a, b)
    if larger == 0.0:
        return float(degrees_a)
    a, b = a / larger, b / larger  # squares of tiny variances would be zero
    return (a + b) ** 2 / (a**2 / max(degrees_a, 1) + b**2 / max(degrees_b, 1))


def sign_flip(differences: Array, gap: float = 0.0) -> float:
    """Return the exact one-sided p-value that paired differences [n] have a mean above `gap`.

    Under the null each difference lies on either side of the gap with equal chance; all 2^n
    assignments of signs are counted (n <= 16), or Student's t is used (n > 16).
    """
    shifted = differences - gap
    n = len(shifted)
    if n > 16 and np.ptp(shifted) > 0.0:
        return float(stats.ttest_1samp(shifted, 0.0, alternative="greater").pvalue)
    if n > 16:  # equal differences have no spread for Student's t
        return 0.5**n if shifted[0] > 0.0 else 1.0
    signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    sums = signs @ shifted
    return float(np.mean(sums >= shifted.sum() - 1e-12 * np.abs(shifted).sum()))


def page_trend(values: Array) -> float:
    """Return the p-value of Page's test that values [seeds, points] rise along the points."""
    return float(stats.page_trend_test(values).pvalue)


def binomial_bounds(events: int, n: int) -> tuple[float, float]:
    """Return Clopper-Pearson's 90 % interval for a rate with `events` of `n`."""
    interval = stats.binomtest(events, n).proportion_ci(0.90, method="exact")
    return float(interval.low), float(interval.high)
