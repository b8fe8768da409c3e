"""How often something happens: exact binomial tests."""

import numpy as np
from scipy import special

from common.claims.statistics.evidence import Evidence
from common.claims.statistics.summary import ALPHA, Floats


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
