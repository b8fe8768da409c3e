"""Random division of training images into those to train on and those to stop early by."""

from collections.abc import Sequence
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


def stratified_split(
    labels: Tensor, generator: torch.Generator, *, share: Fraction | None = None, per_class: int | None = None
) -> tuple[Tensor, Tensor]:
    """Split the indices of labels int64 [N] at random into (train, validation), int64, each in random order.

    Every class that occurs gives validation floor(share * its size) images, at least 1, counted with exact
    rationals; or exactly `per_class` images. The labels lie on the generator's device.
    Raises ValueError unless exactly one of the two is given, for a share outside (0, 1), for `per_class` below 1,
    and for a class that would keep no training image.
    """
    sizes = torch.bincount(labels).tolist()
    counts = _validation_counts(sizes, share, per_class)
    for label, (size, count) in enumerate(zip(sizes, counts, strict=True)):
        if 0 < size <= count:
            raise ValueError(f"class {label} has {size} images, of which {count} for validation leave none to train on")
    order = torch.randperm(len(labels), generator=generator, device=generator.device)
    ranks = torch.empty_like(order)  # how many images of its own class come before an image in `order`
    classes_in_turn = labels[order].argsort(stable=True)
    ranks[classes_in_turn] = torch.cat([torch.arange(size, device=order.device) for size in sizes])
    held_out = ranks < torch.tensor(counts, device=order.device)[labels[order]]
    return order[~held_out], order[held_out]


def _validation_counts(sizes: Sequence[int], share: Fraction | None, per_class: int | None) -> list[int]:
    """Return how many images classes of these sizes give validation."""
    if share is not None and per_class is None:
        if not 0 < share < 1:
            raise ValueError(f"the share of each class must be within (0, 1), not {share}")
        return [max(1, int(size * share)) for size in sizes]
    if per_class is not None and share is None:
        if per_class < 1:
            raise ValueError(f"each class must give at least 1 image, not {per_class}")
        return [per_class] * len(sizes)
    raise ValueError("give either the share or the number of images that each class loses to validation")
