"""Our side of a value check: the numbers of one point, the spread of a run, and what families of numbers share.

A family is the numbers of one experiment and metric, on one scale. Seeds that happen to agree look more certain than
they are; what their family's spreads have in common says by how much.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from common.claims.claim import Check, Claim, Quantity
from common.claims.multiplicity import Prior, prior
from common.claims.reading import Point, best_seed, measured, points, require_paired, where
from common.claims.results import Array, Failed, Results
from common.claims.statistics import mean, spread

Family = tuple[str, str, str]  # experiment, metric, scale
Priors = Mapping[Family, Prior]


@dataclass(frozen=True)
class Sample:
    """Our side of a value check: one number a seed, of which `chosen` counts alone where the best run is meant.

    `scale` is "angle", or "linear" where the number is not a share of images. `variance` is that of one run on
    that scale and `floor` the least it can be.
    """

    values: Array
    chosen: float | None
    scale: str
    images: int | None
    variance: float
    floor: float

    @property
    def mean(self) -> float:
        """Return the number that stands for the sample."""
        return mean(self.values) if self.chosen is None else self.chosen

    @property
    def runs(self) -> int:
        """Return how many runs average their chance in the number."""
        return len(self.values) if self.chosen is None else 1


def priors(claims: Sequence[Claim], results: Results) -> dict[Family, Prior]:
    """Return what the variances of each family of numbers in these claims have in common."""
    families: dict[Family, dict[str, Sample]] = defaultdict(dict)
    for check, unit in _checks(claims, results):
        for point in points(check):
            try:
                require_paired(check, results)
                sample = sample_of(check, point, results, unit)
            except Failed:
                continue
            if len(sample.values) > 1 and 0.0 < sample.variance < np.inf:
                quantity = cast(Quantity, check.quantity)
                cell = dict(sorted(where(quantity, point).items()))
                families[family_of(check, sample)][str(replace(quantity, cell=cell, statistic="values"))] = sample
    found = {}
    for key, members in families.items():
        variances = np.array([sample.variance for sample in members.values()])
        found[key] = prior(variances, next(iter(members.values())).values.size - 1.0)
    return {key: shared for key, shared in found.items() if shared is not None}


def _checks(claims: Sequence[Claim], results: Results) -> Iterator[tuple[Check, str]]:
    for claim in claims:
        check = claim.checks.get(results.tier)
        if (
            check is not None
            and check.kind == "value"
            and all(q.experiment in results.experiments for q in check.quantities)
        ):
            yield check, claim.unit


def family_of(check: Check, sample: Sample) -> Family:
    """Return the family that a check's numbers belong to."""
    quantity = cast(Quantity, check.quantity)
    relation = "".join(f"-{q.metric}" for q in (quantity.minus, quantity.divided_by) if q is not None)
    return quantity.experiment, quantity.metric + relation, sample.scale


def sample_of(check: Check, point: Point, results: Results, unit: str) -> Sample:
    """Return the numbers of a check at one point; raise Failed where there are none to trust."""
    quantity = cast(Quantity, check.quantity)
    every = replace(quantity, statistic="values")
    values = measured(every, point, results, unit)
    chosen = float(values[best_seed(quantity, point, results)]) if quantity.statistic == "best" else None
    images = check.images
    linear = spread(values) ** 2 if len(values) > 1 else 0.0
    if images is None:
        return Sample(values, chosen, "linear", None, linear, 0.0)
    if quantity.minus is not None:
        parts = (replace(every, minus=None), quantity.minus)
        shares = [_off_the_ends(mean(measured(part, point, results, unit)), images) for part in parts]
        floor = sum(share * (1.0 - share) / images for share in shares)
        return Sample(values, chosen, "linear", images, max(linear, floor), floor)
    floor = 0.25 / images
    return Sample(values, chosen, "angle", images, max(linear * stretch(values.mean(), images), floor), floor)


def _off_the_ends(share: float, images: int) -> float:
    """Return a share moved a little off 0 and 1 (Anscombe 1948), where a spread of zero would be a certainty."""
    return (share * images + 0.375) / (images + 0.75)


def stretch(share: float, images: int) -> float:
    """Return by how much the angle scale stretches a variance at this share."""
    moved = _off_the_ends(float(share), images)
    return 0.25 / (moved * (1.0 - moved))
