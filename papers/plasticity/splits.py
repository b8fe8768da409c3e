"""Which images each stage trains on: uniform and class-incremental subsets that only ever grow (Section A.3)."""

from itertools import pairwise

import torch
from torch import Tensor


def stage_sets(
    labels: Tensor, num_classes: int, stages: int, uniform: float, generator: torch.Generator
) -> list[Tensor]:
    """Return the sets D_1, ..., D_{n+1} for n pretraining stages, indices int64; the last holds all images.

    A share `uniform` of the images, drawn at random, is dealt out evenly over the stages. The others come with their
    class, and the classes are dealt out evenly at random too. D_i holds all that came up to stage i. Without
    pretraining stages there is one set. Where everything is uniform, one stage gets half of the images.
    Raises ValueError for a share outside [0, 1], for half of an odd number of images, and where a stage would bring
    nothing new.
    """
    if not 0.0 <= uniform <= 1.0:
        raise ValueError(f"the uniform share is a fraction between 0 and 1, not {uniform}")
    if stages < 0:
        raise ValueError(f"{stages} pretraining stages: there are none or more")
    count = stages + 1
    if uniform == 0.0 and count > num_classes:
        raise ValueError(
            f"{stages} pretraining stages need {count} classes to tell apart, and there are {num_classes}: "
            "take fewer stages or a uniform share above 0"
        )
    if stages == 1 and uniform == 1.0 and len(labels) % 2:
        raise ValueError(f"{len(labels)} images have no half: leave one out")
    order = torch.randperm(len(labels), generator=generator)
    classes = torch.randperm(num_classes, generator=generator)
    dealt = round(uniform * len(labels))
    stage_of_class = torch.empty_like(classes)
    stage_of_class[classes] = _dealt(num_classes, count)
    stage_of_image = stage_of_class[labels.cpu()]
    stage_of_image[order[:dealt]] = _dealt(dealt, count)
    sets = [order[stage_of_image[order] <= stage] for stage in range(count)]
    sizes = [0, *(len(own) for own in sets)]
    if any(after <= before for before, after in pairwise(sizes)):
        raise ValueError(f"{len(labels)} images leave a stage of {count} without anything new")
    return sets


def _dealt(things: int, hands: int) -> Tensor:
    """Return the hand that each thing goes to, in blocks whose sizes differ by at most one."""
    return torch.arange(things) * hands // max(things, 1)
