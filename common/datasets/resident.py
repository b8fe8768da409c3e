"""Images that stay on a device as they were decoded, and are standardised where they are looked at."""

import torch
from torch import Tensor


class Resident:
    """Images [N, C, H, W] on a device, indexed like a tensor: what comes out is float32, (x - mean) / std.

    Bytes stay bytes, a quarter of the memory of floats, and are divided by 255 at every look; floats are standardised
    once. The numbers are the same to the bit either way and on every device. Looking reads nothing back to the host.
    """

    def __init__(self, images: Tensor, mean: Tensor, std: Tensor) -> None:
        """Keep images, uint8 or float32, and moments [C, 1, 1] of images in [0, 1], all on the same device."""
        self._mean, self._std = mean, std
        # by a number, a GPU would multiply with the reciprocal, which rounds otherwise
        self._white = torch.full((), 255.0, device=images.device)
        self._images = images if images.dtype == torch.uint8 else (images - mean).div_(std)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """Return the images of a slice, or of an index int64 [...] on their device, standardised: [..., C, H, W]."""
        seen = self._images[index] if isinstance(index, slice) else self._picked(index)
        if seen.dtype != torch.uint8:
            return seen
        return (seen / self._white).sub_(self._mean).div_(self._std)

    def _picked(self, index: Tensor) -> Tensor:
        """Return the images of an index as they are kept; a CPU copies whole images, `images[index]` single values."""
        return self._images.index_select(0, index.flatten()).view(*index.shape, *self.shape[1:])

    def __len__(self) -> int:
        return len(self._images)

    @property
    def shape(self) -> torch.Size:
        """The shape of all images, [N, C, H, W]."""
        return self._images.shape

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self._images.device


Stored = Tensor | Resident
"""Images [N, C, H, W] on a device, from which an index or a slice takes what networks are shown."""
