"""Many claims at once: error rates over a whole run of the gate, and variances that claims share."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from common.claims.statistics import Array, Floats, defined

LEAST_FAMILY = 5  # variances; fewer say too little about how much they differ
LEAST_DEGREES = 4.0  # of a claim's own; with fewer, small p-values come out too often for claims that vary most
MOST_SHARED = 2.0  # degrees of freedom taken from the family, for each one of a claim's own


def holm(p: Array) -> Array:
    """Return p-values [m] adjusted so that blocking at alpha holds a family-wise error rate of alpha (Holm 1979).

    Raises Undefined where one is not a number.
    """
    defined(p)
    order = np.argsort(p)
    steps = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    return _back(steps, order)


def benjamini_hochberg(p: Array) -> Array:
    """Return p-values [m] adjusted so that listing at q holds a false discovery rate of q (1995).

    Raises Undefined where one is not a number.
    """
    defined(p)
    order = np.argsort(p)
    raw = np.minimum(1.0, p[order] * len(p) / np.arange(1, len(p) + 1))
    return _back(np.minimum.accumulate(raw[::-1])[::-1], order)


def _back(values: Array, order: NDArray[np.intp]) -> Array:
    found = np.empty_like(values)
    found[order] = values
    return found


@dataclass(frozen=True)
class Prior:
    """What the variances of a family have in common: a variance and the degrees of freedom behind it."""

    variance: float
    degrees: float

    def moderate(self, variance: Floats, degrees: float) -> tuple[Floats, Floats]:
        """Return variances and their degrees of freedom, raised towards the prior where they lie below it.

        Few seeds that happen to agree look more certain than they are; the family knows better (Smyth 2004). A
        variance above the prior is left as it is. The degrees grow with how far a variance is raised, by two for
        each of its own at most: so the false-alarm rate also holds for claims that truly vary more, or less, than
        their family.
        """
        shared = min(self.degrees, MOST_SHARED * degrees) if degrees >= LEAST_DEGREES else 0.0
        own = np.minimum(variance, self.variance)
        raised = (shared * self.variance + degrees * own) / (shared + degrees)
        return np.maximum(raised, variance), degrees + shared * (1.0 - own / self.variance)


Family = tuple[str, str, str]
"""Numbers whose variances have something in common: those of one experiment and metric, on one scale."""

Priors = Mapping[Family, Prior]


def prior(variances: Array, degrees: float) -> Prior | None:
    """Return the prior of a family's sample variances [m], all positive, with equal degrees of freedom.

    None for families that are too small.

    Fits a scaled F distribution by the moments of the logarithms (Smyth 2004, section 6.2). The more the variances
    differ, the fewer degrees; infinitely many where they differ by chance alone.
    """
    if len(variances) < LEAST_FAMILY:
        return None
    logs = np.log(variances) - special.digamma(degrees / 2.0) + np.log(degrees / 2.0)
    excess = float(logs.var(ddof=1)) - float(special.polygamma(1, degrees / 2.0))
    if excess <= 0.0:
        return Prior(float(np.exp(logs.mean())), np.inf)
    half = _inverse_trigamma(excess)
    return Prior(float(np.exp(logs.mean() + special.digamma(half) - np.log(half))), 2.0 * half)


def _inverse_trigamma(value: float) -> float:
    """Return x with trigamma(x) = value, by Newton's method on 1 / trigamma."""
    x = 0.5 + 1.0 / value
    for _ in range(50):
        first = float(special.polygamma(1, x))
        step = first * (1.0 - first / value) / float(special.polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
