"""Random division of training images into those to train on and those to stop early by."""

from fractions import Fraction

import torch
from torch import Tensor


def train_validation_split(n: int, validation_fraction: Fraction, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Split 0..n-1 at random into (train, validation) indices, int64, each in random order.

    Validation gets floor(n * validation_fraction) of them, counted with exact rationals: the papers' "9/1"
    is Fraction(1, 10). Raises ValueError for a fraction outside [0, 1).
    """
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"the validation share must be within [0, 1), not {validation_fraction}")
    order = torch.randperm(n, generator=generator, device=generator.device)
    validation = int(n * validation_fraction)
    return order[validation:], order[:validation]
