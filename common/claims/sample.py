"""Our side of a value check: the numbers of one point, and the spread of a run."""

from dataclasses import dataclass

import numpy as np

from common.claims.claim import Quantity
from common.claims.multiplicity import Family
from common.claims.reading import Numbers
from common.claims.statistics import Array, Floats, geometric_mean, logarithm, mean, spread


@dataclass(frozen=True)
class Sample:
    """Our side of a value check: numbers [..., seeds], leading axes being cases that are tested side by side.

    `chosen` [...] counts alone where the best run is meant.

    `scale` is "angle" for a share of images, "log" for what is compared by a factor, else "linear". `variance` is that
    of one run on that scale and `floor` the least it can be.
    """

    values: Array
    chosen: Floats | None
    scale: str
    images: int | None
    variance: Floats
    floor: Floats

    @property
    def mean(self) -> Floats:
        """Return the number that stands for the sample, a geometric mean on the scale of logarithms."""
        if self.chosen is not None:
            return self.chosen
        return geometric_mean(self.values) if self.scale == "log" else mean(self.values)

    @property
    def runs(self) -> int:
        """Return how many runs average their chance in the number."""
        return self.values.shape[-1] if self.chosen is None else 1


def family_of(quantity: Quantity, sample: Sample) -> Family:
    """Return the family that a quantity's numbers belong to."""
    parts = [q for q in (quantity, quantity.minus, quantity.divided_by) if q is not None]
    names = [f"curve {q.metric}" if q.curve else q.metric for q in parts]
    return quantity.experiment, "-".join(names), sample.scale


def sample_of(numbers: Numbers, images: int | None, by_factor: bool = False) -> Sample:
    """Return our side of a check from the numbers of one point; `images` is what they count over, as shares.

    With `by_factor` they are compared on the scale of logarithms, where the variance is NaN if one is zero or less.
    """
    values = numbers.values
    chosen = None if numbers.chosen is None else values[..., numbers.chosen]
    several = values.shape[-1] > 1
    if by_factor:
        apart = spread(logarithm(values)) ** 2 if several else 0.0
        return Sample(values, chosen, "log", None, apart, 0.0)
    linear = spread(values) ** 2 if several else 0.0
    if images is None:
        return Sample(values, chosen, "linear", None, linear, 0.0)
    if numbers.parts is not None:
        shares = [_off_the_ends(mean(part), images) for part in numbers.parts]
        floor = sum(share * (1.0 - share) / images for share in shares)
        return Sample(values, chosen, "linear", images, np.maximum(linear, floor), floor)
    floor = 0.25 / images
    variance = np.maximum(linear * stretch(values.mean(axis=-1), images), floor)
    return Sample(values, chosen, "angle", images, variance, floor)


def share_behind(spread: float, images: int) -> float:
    """Return a share whose chance in the images explains as much as it can of the spread of a difference of two.

    For where nobody says how large the two are.
    """
    product = min(0.25, images * spread**2 / 2.0)  # share * (1 - share)
    return float((1.0 + np.sqrt(1.0 - 4.0 * product)) / 2.0)


def _off_the_ends(share: Floats, images: int) -> Floats:
    """Return a share moved a little off 0 and 1 (Anscombe 1948), where a spread of zero would be a certainty."""
    return (share * images + 0.375) / (images + 0.75)


def stretch(share: Floats, images: int) -> Floats:
    """Return by how much the angle scale stretches a variance at this share."""
    moved = _off_the_ends(share, images)
    return 0.25 / (moved * (1.0 - moved))
