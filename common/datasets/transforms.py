"""Batched image transforms on the images' own device; random ones draw for every image on its own."""

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


def blurred(images: Tensor, share: float, antialias: bool = True) -> Tensor:
    """Return float images [..., C, H, W] resized to a share of their sides and back, bilinearly.

    Sides are rounded to whole pixels; at full size nothing changes (Negative Pretraining Effect, Sections 4 and 5).
    With `antialias` a pixel of the small image is the mean, by a triangle, of all that it covers, as image libraries
    have it; without, of the two nearest in each direction, so that fine stripes come through as coarse ones.
    Raises ValueError for a share outside (0, 1], one that leaves no pixel, and images of another shape.
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"a blur keeps a share of the resolution in (0, 1], not {share}")
    _require_images(images)
    height, width = images.shape[-2:]
    small = round(share * height), round(share * width)
    if min(small) < 1:
        raise ValueError(f"a share of {share} leaves no pixel of images of {height} x {width}")
    if small == (height, width):
        return images
    flat = images.reshape(-1, *images.shape[-3:])
    down = F.interpolate(flat, small, mode="bilinear", align_corners=False, antialias=antialias)
    return F.interpolate(down, (height, width), mode="bilinear", align_corners=False).view(images.shape)


GREY = (0.2989, 0.587, 0.114)  # weights of red, green and blue in a grey image (ITU-R BT.601)


def contrasted(images: Tensor, factor: float) -> Tensor:
    """Return float images [..., C, H, W], C = 1 or 3, drawn towards the mean of their own grey image.

    x' = factor x + (1 - factor) grey; 0 leaves a uniform image, 1 changes nothing (Negative Pretraining Effect,
    Section 5). Raises ValueError for a factor outside [0, 1] and images of another shape.
    """
    if not 0.0 <= factor <= 1.0:
        raise ValueError(f"a contrast lies in [0, 1], not {factor}")
    _require_images(images)
    channels = images.shape[-3]
    if channels not in (1, 3):
        raise ValueError(f"contrast is defined for 1 or 3 channels, not {channels}")
    if factor == 1.0:
        return images
    weights = torch.tensor(GREY if channels == 3 else (1.0,), dtype=images.dtype, device=images.device)
    grey = (images * weights.view(-1, 1, 1)).sum(-3, keepdim=True).mean((-2, -1), keepdim=True)
    return factor * images + (1.0 - factor) * grey


def _require_images(images: Tensor) -> None:
    if images.dim() < 3 or not images.is_floating_point():
        raise ValueError(f"images are floats [..., C, H, W], not {images.dtype} {list(images.shape)}")
