"""Two means: the interval of their difference (Welch), and whether it lies within bounds (Student; Behrens, Fisher)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from common.claims.statistics.evidence import Evidence, require_finite
from common.claims.statistics.summary import ALPHA, Array, Floats, spread


def t_cdf(difference: Floats, error: Floats, degrees: Floats) -> Floats:
    """Return Student's probability below difference / error; without error, 0, 1/2 or 1."""
    difference, error = np.asarray(difference, dtype=float), np.asarray(error, dtype=float)
    exact = np.where(difference > 0.0, np.inf, np.where(difference < 0.0, -np.inf, 0.0))
    t = np.where(error > 0.0, difference / np.where(error > 0.0, error, 1.0), exact)
    return special.stdtr(degrees, t)


def t_quantile(probability: Floats, degrees: Floats) -> Floats:
    """Return Student's quantile."""
    return special.stdtrit(degrees, probability)


def half_band(values: Floats) -> float:
    """Return half the width of the 95 % confidence band of a mean over seeds, from values [seeds] (Student)."""
    values = np.asarray(values, dtype=float)
    error = spread(values) / np.sqrt(len(values))
    return float(special.stdtrit(len(values) - 1, 0.975) * error)


@dataclass(frozen=True)
class Difference:
    """A difference of two means, its standard error and the degrees of freedom behind that.

    `blur` bounds an error that is not random, such as that of a rounded number: it is never averaged away. `parts`
    holds the variance and the degrees of freedom of each mean where both are uncertain.
    """

    estimate: Floats
    error: Floats
    degrees: Floats
    blur: Floats = 0.0
    parts: tuple[Floats, Floats, Floats, Floats] | None = None

    def interval(self, confidence: float = 1.0 - 2.0 * ALPHA) -> tuple[Floats, Floats]:
        """Return the two ends of the confidence interval."""
        width = t_quantile(0.5 + confidence / 2.0, self.degrees) * self.error + self.blur
        return self.estimate - width, self.estimate + width


def welch(mean: Floats, own: Floats, degrees: Floats, theirs: Floats, their_degrees: Floats) -> Difference:
    """Return a difference whose two means have the variances `own` and `theirs` (Welch 1947; Satterthwaite 1946)."""
    own, theirs = np.asarray(own, dtype=float), np.asarray(theirs, dtype=float)
    larger = np.maximum(own, theirs)
    scale = np.where(larger > 0.0, larger, 1.0)  # squares of tiny variances would be zero
    a, b = own / scale, theirs / scale
    parts = a**2 / degrees + b**2 / their_degrees
    known = np.where(larger > 0.0, np.inf, degrees)
    joint = np.where(parts > 0.0, (a + b) ** 2 / np.where(parts > 0.0, parts, 1.0), known)
    return Difference(mean, np.sqrt(own + theirs), joint, parts=(own, degrees, theirs, their_degrees))


def behrens_fisher(difference: Floats, parts: tuple[Floats, Floats, Floats, Floats]) -> Floats:
    """Return the probability below a difference whose two parts scatter as Student's t, each with its own degrees.

    Welch's approximation serves an interval of 90 %, but far out its p-values come too often where one mean has few
    degrees and most of the variance. Those of this test by Behrens and Fisher do not, so it decides wherever many
    claims are read at once.
    """
    return _behrens_fisher(difference, *parts)[()]


def _behrens_fisher_of_one(difference: float, a: float, df_a: float, b: float, df_b: float) -> float:
    if a < b:
        a, df_a, b, df_b = b, df_b, a, df_a
    if b <= 0.0:
        return float(t_cdf(difference, np.sqrt(a), df_a))
    nodes, weights = _t_nodes(df_b)
    return float(weights @ special.stdtr(df_a, (difference - np.sqrt(b) * nodes) / np.sqrt(a)))


_behrens_fisher = np.vectorize(_behrens_fisher_of_one, otypes=[np.float64])


@lru_cache(maxsize=4096)
def _t_nodes(degrees: float) -> tuple[Array, Array]:
    """Return points and weights that integrate over Student's t: its quantiles at those of the normal distribution."""
    x = np.linspace(-9.0, 9.0, 181)
    density = np.exp(-(x**2) / 2.0)
    lower = special.stdtrit(degrees, special.ndtr(-np.abs(x)))  # near 1 a probability has no digits left for its tail
    return np.copysign(lower, x), density / density.sum()


def within(difference: Difference, low: Floats, high: Floats) -> Evidence:
    """Test three-sided whether a difference lies between two bounds (Goeman, Solari and Stijnen 2010).

    `holds` is that of two one-sided tests (Schuirmann 1987). At a bound the p-value against the claim also counts
    the chance of ending as far beyond the other one, so it is right for narrow bands as well.
    """
    require_finite(difference.estimate, difference.error, difference.blur)
    below = t_cdf(difference.estimate + difference.blur - low, difference.error, difference.degrees)
    above = t_cdf(high - difference.estimate + difference.blur, difference.error, difference.degrees)
    over_low = t_cdf(low - difference.estimate + difference.blur, difference.error, difference.degrees)
    under_high = t_cdf(difference.estimate + difference.blur - high, difference.error, difference.degrees)
    beyond = np.maximum(low - difference.estimate, difference.estimate - high) - difference.blur
    tails = (-beyond, low - high - beyond)
    if difference.parts is None:
        nearer, other = (t_cdf(tail, difference.error, difference.degrees) for tail in tails)
    else:
        nearer, other = (behrens_fisher(tail, difference.parts) for tail in tails)
    against = np.where(beyond > 0.0, np.minimum(1.0, nearer + other), 1.0)
    return Evidence(np.maximum(over_low, under_high), below, above, against)


SEED_NUMBERS = np.unique(np.geomspace(2, 10_000, 200).astype(int))  # more than 10,000 nobody can run


def seeds_to_settle(
    difference: Difference, bounds: tuple[float, float], variance: float, theirs: float, their_degrees: float | None
) -> tuple[int | None, str]:
    """Return how many of our seeds would decide on which side of the bounds a difference lies, if it stays as it is.

    `variance` is that of one run and `theirs` that of the other mean; without `their_degrees`, it is ours that stands
    in. Where even many more seeds would not decide, the number is None, and the second value says what is in the way.
    """
    inside = min(difference.estimate - bounds[0], bounds[1] - difference.estimate)
    room = abs(inside) - difference.blur
    if room <= 0.0:
        return None, "the difference lies on the edge of the margin"
    limit = np.inf if their_degrees is None else their_degrees
    if float(t_quantile(1.0 - ALPHA, limit)) * np.sqrt(theirs) > room:
        return None, "the paper had too few seeds"
    n = SEED_NUMBERS
    errors = welch(0.0, variance / n, n - 1.0, theirs, limit)
    if their_degrees is None:
        errors = Difference(0.0, errors.error, n - 1.0)
    enough = n[t_quantile(1.0 - ALPHA, errors.degrees) * errors.error <= room]
    return (int(enough[0]), "") if len(enough) else (None, "the difference lies on the edge of the margin")
