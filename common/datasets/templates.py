"""Noisy grey images made from a seed: a class has a smooth part that often misleads and a texture that never does."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from common.datasets.dataset import DataSet, ImageData

CLASSES, SIDE = 10, 12
SMOOTH, TEXTURE = 0.7, 0.5  # weights of the two parts
SHIFT = 2  # pixels
NOISE = 0.5  # of the declared set


def templates(train_per_class: int, test_per_class: int, noise: float, seed: int = 0) -> ImageData:
    """Return ten classes of grey images, float32 [N, 1, 12, 12], equally many of every class.

    An image is a smooth template plus its class's fine texture, shifted together on a torus by up to two pixels each
    way, times a gain in [0.7, 1.3], plus normal noise. The template is the class's own for half of the images and that
    of a class drawn at random for the others. Templates and textures have mean square 1. Drawn from `seed`, classes
    first.
    """
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(CLASSES, 1, 3, 3, generator=generator, dtype=torch.float64)
    smooth = _unit(F.interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=False)[:, 0])
    fine = torch.randn(CLASSES, SIDE, SIDE, generator=generator, dtype=torch.float64)
    texture = _unit(fine - F.avg_pool2d(F.pad(fine[:, None], (1, 1, 1, 1), mode="circular"), 3, 1)[:, 0])
    train = _images(smooth, texture, train_per_class, noise, generator)
    test = _images(smooth, texture, test_per_class, noise, generator)
    return ImageData("templates", *train, *test, CLASSES)


def read(dataset: DataSet, root: Path) -> ImageData:
    """Make the declared set, from seed 0."""
    return templates(dataset.train // dataset.classes, dataset.test // dataset.classes, NOISE)


def _unit(maps: Tensor) -> Tensor:
    """Scale maps [K, H, W] to mean square 1 each."""
    return maps / maps.square().mean((1, 2), keepdim=True).sqrt()


def _images(
    smooth: Tensor, texture: Tensor, per_class: int, noise: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    labels = torch.arange(CLASSES).repeat(per_class)
    n = len(labels)
    own = torch.rand(n, generator=generator) < 0.5
    shown = torch.where(own, labels, torch.randint(CLASSES, (n,), generator=generator))
    signal = SMOOTH * smooth[shown] + TEXTURE * texture[labels]
    down, right = torch.randint(-SHIFT, SHIFT + 1, (2, n, 1), generator=generator)
    pixels = torch.arange(SIDE)
    rows, columns = (pixels - down) % SIDE, (pixels - right) % SIDE
    shifted = signal[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    gain = 0.7 + 0.6 * torch.rand(n, 1, 1, generator=generator, dtype=torch.float64)
    noises = noise * torch.randn(n, SIDE, SIDE, generator=generator, dtype=torch.float64)
    return (gain * shifted + noises).float().unsqueeze(1), labels


TEMPLATES = DataSet("templates", CLASSES, (1, SIDE, SIDE), 800, 600, read)
