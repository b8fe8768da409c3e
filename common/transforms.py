"""Batched random augmentation on the images' own device, one independent draw for every image."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Transform = Callable[[Tensor, torch.Generator], Tensor]
"""Maps images [..., B, C, H, W] to images of that shape; draws only from the generator, on their device."""


@dataclass(frozen=True)
class Flip:
    """Mirror each image left to right with probability `p`. Raises ValueError for p outside [0, 1]."""

    p: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"the flip probability must be within [0, 1], not {self.p}")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images [..., B, C, H, W], some mirrored."""
        draws = torch.rand(images.shape[:-3], generator=generator, device=images.device)
        return torch.where((draws < self.p)[..., None, None, None], images.flip(-1), images)


@dataclass(frozen=True)
class Translate:
    """Shift each image by whole pixels, drawn uniformly from [-pixels, pixels] in both directions.

    Uncovered pixels become zero in the units of the images: zero-padding by `pixels` on all sides and
    cropping at random. Raises ValueError for a negative number of pixels.
    """

    pixels: int = 4

    def __post_init__(self) -> None:
        if self.pixels < 0:
            raise ValueError(f"the largest shift must be at least 0 pixels, not {self.pixels}")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return the images [..., B, C, H, W], each shifted."""
        flat = images.flatten(0, -4)
        shape = (2, len(flat))
        down, right = torch.randint(-self.pixels, self.pixels + 1, shape, generator=generator, device=images.device)
        return shifted(flat, down, right, self.pixels).reshape(images.shape)


def shifted(images: Tensor, down: Tensor, right: Tensor, limit: int) -> Tensor:
    """Shift image n of [N, C, H, W] by down[n] and right[n] pixels, filling with zero.

    `down` and `right` are int64 [N] within [-limit, limit].
    """
    height, width = images.shape[-2:]
    # a view of all crops, [N, C, 2 limit + 1, 2 limit + 1, H, W]
    crops = F.pad(images, [limit] * 4).unfold(2, height, 1).unfold(3, width, 1)
    return crops[torch.arange(len(images), device=images.device), :, limit - down, limit - right]
