"""The tests behind a verdict: pure functions over arrays.

The last axis of an array holds one number a seed; leading axes are cases that are tested side by side. P-values are
one-sided and returned for both sides, since too good is as wrong as too bad.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

ALPHA = 0.05
EXACT_SEEDS = 16  # the most seeds whose assignments of signs are all counted

Array = NDArray[np.float64]
Floats = Any  # a float or an array of floats: the functions below take both


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


def mean(values: Array) -> float:
    """Return the mean of values [n]; of equal ones it is that value, which a sum may miss in the last bit."""
    return float(values[0]) if np.ptp(values) == 0.0 else float(values.mean())


def spread(values: Array) -> float:
    """Return the standard deviation of values [n >= 2]; of equal ones it is 0, which a sum may miss."""
    return 0.0 if np.ptp(values) == 0.0 else float(values.std(ddof=1))


def tidy(value: float) -> float:
    """Return a number without what the rounding of sums left in its last digits, to be read by people."""
    return float(f"{value:.14g}")


def half_band(values: Floats) -> float:
    """Return half the width of the 95 % confidence band of a mean over seeds, from values [seeds] (Student)."""
    values = np.asarray(values, dtype=float)
    error = spread(values) / np.sqrt(len(values))
    return float(special.stdtrit(len(values) - 1, 0.975) * error)


def t_cdf(difference: Floats, error: Floats, degrees: Floats) -> Floats:
    """Return Student's probability below difference / error; without error, 0, 1/2 or 1."""
    difference, error = np.asarray(difference, dtype=float), np.asarray(error, dtype=float)
    exact = np.where(difference > 0.0, np.inf, np.where(difference < 0.0, -np.inf, 0.0))
    t = np.where(error > 0.0, difference / np.where(error > 0.0, error, 1.0), exact)
    return special.stdtr(degrees, t)


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


def t_quantile(probability: Floats, degrees: Floats) -> Floats:
    """Return Student's quantile."""
    return special.stdtrit(degrees, probability)


class Undefined(ArithmeticError):  # noqa: N818
    """A test gives no p-value; whoever compares NaN with a level would take it for a claim that holds."""


def defined(*p_values: Floats) -> None:
    """Raise Undefined where a p-value is not a number."""
    if any(np.isnan(p).any() for p in p_values):
        raise Undefined("the p-value of its test is not a number")


def _require_finite(*values: Floats) -> None:
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


def within(difference: Difference, low: Floats, high: Floats) -> Evidence:
    """Test three-sided whether a difference lies between two bounds (Goeman, Solari and Stijnen 2010).

    `holds` is that of two one-sided tests (Schuirmann 1987). At a bound the p-value against the claim also counts
    the chance of ending as far beyond the other one, so it is right for narrow bands as well.
    """
    _require_finite(difference.estimate, difference.error, difference.blur)
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


LEAST_ORDER = 5  # seeds: with fewer, even a perfect order has a p-value above 5 %


def seeds_to_order(differences: Array) -> int | None:
    """Return how many seeds would decide whether differences [n] are above zero, by Student's t; None if very many."""
    if len(differences) < 2 or differences.mean() == 0.0:
        return None
    n = SEED_NUMBERS[SEED_NUMBERS >= LEAST_ORDER]
    error = differences.std(ddof=1) / np.sqrt(n)
    enough = n[t_quantile(1.0 - ALPHA, n - 1.0) * error <= abs(differences.mean())]
    return int(enough[0]) if len(enough) else None


def above_gap(differences: Array, gap: float = 0.0) -> Evidence:
    """Test exactly whether paired differences [..., n] have a mean above `gap` (Fisher's sign-flip test).

    Under the null each difference lies on either side of the gap with equal chance; all 2^n assignments of signs
    are counted (n <= 16), or Student's t is used (n > 16).
    """
    holds, low = _flip(differences - gap)
    return Evidence(holds, low, np.ones_like(low), low)


def above_gap_everywhere(differences: Array, gap: float = 0.0) -> Evidence:
    """Test whether paired differences [points, n] have means above `gap` at all points of a range.

    Shown where the worst point shows it (an intersection-union test). Against it speaks the most extreme of all
    points, judged by flipping a seed's signs at all points together (Westfall and Young's maximum), so that many
    points are no more likely than one to contradict a true claim.
    """
    shifted = differences - gap
    n = shifted.shape[-1]
    holds = float(np.max(_flip(shifted)[0]))
    if n > EXACT_SEEDS:
        low = min(1.0, len(shifted) * float(np.min(_flip(shifted)[1])))
    else:
        norm = np.sqrt((shifted**2).sum(-1, keepdims=True))
        _require_finite(norm)
        sums = (shifted / np.where(norm > 0.0, norm, 1.0)) @ signs(n).T
        lowest = np.concatenate([sums, -sums], axis=-1).min(0)
        low = float(np.mean(lowest <= sums[:, 0].min() + 1e-12))
    return _one_sided(holds, low)


def _flip(shifted: Array) -> tuple[Floats, Floats]:
    """Return the p-values that the mean of [..., n] is above and below zero."""
    n = shifted.shape[-1]
    total, slack = shifted.sum(-1), 1e-12 * np.abs(shifted).sum(-1)  # sums that differ in the last bits only are ties
    _require_finite(total, slack)
    if n > EXACT_SEEDS:
        error = np.sqrt(shifted.var(-1, ddof=1) / n)
        _require_finite(error)
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
    _require_finite(norms)
    rounding = 1e-12 * float(np.abs(np.stack([a, b])).sum())
    r = float((total * gap).sum()) / (norms[0] * norms[1]) if min(norms) > rounding else 0.0
    r = min(1.0, max(-1.0, r))
    low = float(t_cdf(r * np.sqrt(len(a) - 2.0), np.sqrt(1.0 - r**2), len(a) - 2.0))
    return _one_sided(1.0 - low, low)


def rising(values: Array) -> Evidence:
    """Test whether values [seeds, points] rise along the points, with seeds as blocks (Page 1963)."""
    from scipy import stats

    ranked = stats.rankdata(values, axis=1)  # ties share their rank
    holds, low = (float(stats.page_trend_test(r, ranked=True).pvalue) for r in (ranked, ranked[:, ::-1]))
    return _one_sided(holds, low)


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
        return _one_sided(min(1.0, float(chance[statistic:].sum())), min(1.0, float(chance[: statistic + 1].sum())))
    if np.ptp(values) == 0.0:
        return _one_sided(1.0, 1.0)
    from scipy import stats

    index = np.broadcast_to(np.arange(points), values.shape).ravel()
    holds, low = (
        float(stats.kendalltau(index, values.ravel(), alternative=side, method="asymptotic").pvalue)
        for side in ("greater", "less")
    )
    return _one_sided(holds, low)


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


def _one_sided(holds: float, low: float) -> Evidence:
    return Evidence(holds, low, 1.0, low)


def rate(events: Floats, n: Floats, least: float | None, most: float | None) -> Evidence:
    """Test exactly whether events happen in at least `least`, or at most `most`, of all runs (binomial)."""
    if least is not None:
        holds, low = special.bdtrc(events - 1.0, n, least), special.bdtr(events, n, least)
        holds = np.where(np.asarray(events) == 0, 1.0, holds)
        return Evidence(holds, low, np.ones_like(low), low)
    holds, high = special.bdtr(events, n, most), special.bdtrc(events - 1.0, n, most)
    high = np.where(np.asarray(events) == 0, 1.0, high)
    return Evidence(holds, np.ones_like(high), high, high)


def rate_interval(events: int, n: int) -> tuple[float, float]:
    """Return Clopper and Pearson's 90 % interval for a rate with `events` of `n`."""
    low = float(special.betaincinv(events, n - events + 1, ALPHA)) if events else 0.0
    high = float(special.betaincinv(events + 1, n - events, 1.0 - ALPHA)) if events < n else 1.0
    return low, high


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
