"""What the spreads of many value checks have in common.

A family is the numbers of one experiment and metric, on one scale. Seeds that happen to agree look more certain than
they are; what their family's spreads have in common says by how much.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from common.claims.claim import Check
from common.claims.kinds import Value
from common.claims.multiplicity import Family, Prior, prior
from common.claims.reading import Reading
from common.claims.sample import Sample, family_of


def priors(checks: Iterable[tuple[Check, Reading]]) -> dict[Family, Prior]:
    """Return what the variances of each family of numbers in these checks have in common."""
    families: dict[Family, dict[str, Sample]] = defaultdict(dict)
    for check, reading in checks:
        if not isinstance(check, Value):
            continue
        for at in reading.points:
            sample = check.sample(at)
            if len(sample.values) > 1 and 0.0 < sample.variance < np.inf:
                cell = dict(sorted({**at.point, **check.quantity.cell}.items()))
                same = str(replace(check.quantity, cell=cell, statistic="values"))
                families[family_of(check.quantity, sample)][same] = sample
    found = {}
    for family, members in families.items():
        variances = np.array([sample.variance for sample in members.values()])
        found[family] = prior(variances, next(iter(members.values())).values.size - 1.0)
    return {family: shared for family, shared in found.items() if shared is not None}
