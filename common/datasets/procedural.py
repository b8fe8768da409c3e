"""Colour images made from a seed: no files, any number of classes, and something to learn at each frequency."""

import math
from pathlib import Path

import torch
from torch import Tensor

from common.datasets.dataset import DataSet, ImageData

NOISE = 0.15


def procedural(num_classes: int, train_per_class: int, test_per_class: int, size: int = 16, seed: int = 0) -> ImageData:
    """Return a colour image set, uint8 [N, 3, size, size], equally many images of every class.

    A class is a pair of waves on a torus: a slow one (one period an image) that lays out its colours, and a
    fast one (a sixth to two fifths of `size` periods), its texture, each along a colour of its own. An image
    is its class's pair under a circular shift, with its own contrast of both waves, brightness, gain and
    pixel noise. No class is another one's mirror image, so flips keep the labels. Everything is drawn from
    `seed`, classes first.
    """
    generator = torch.Generator().manual_seed(seed)
    waves = _class_waves(num_classes, size, generator)
    train = _images(waves, train_per_class, size, generator)
    test = _images(waves, test_per_class, size, generator)
    return ImageData(f"procedural{num_classes}", *train, *test, num_classes)


def read(dataset: DataSet, root: Path) -> ImageData:
    """Make a declared set, from seed 0."""
    train, test = dataset.train // dataset.classes, dataset.test // dataset.classes
    return procedural(dataset.classes, train, test, dataset.shape[-1])


def _class_waves(num_classes: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw wave vectors [2, K, 2] (periods an image down and across; slow, fast) and unit colours [2, K, 3]."""
    grid = torch.cartesian_prod(torch.arange(size // 2), torch.arange(size // 2))
    slow = grid[(grid.amax(1) == 1)]
    norm = grid.double().norm(dim=1)
    fast = grid[(norm >= size / 6) & (norm <= size / 2.5)]
    vectors = torch.stack([_cycled(slow, num_classes, generator), _cycled(fast, num_classes, generator)])
    colours = torch.randn(2, num_classes, 3, generator=generator, dtype=torch.float64)
    return vectors.double(), colours / colours.norm(dim=-1, keepdim=True)


def _cycled(rows: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n rows: all of them in a random order, again and again."""
    return rows[torch.randperm(len(rows), generator=generator)][torch.arange(n) % len(rows)]


def _images(
    waves: tuple[Tensor, Tensor], per_class: int, size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw images uint8 [N, 3, size, size] and labels int64 [N], classes in turn."""
    vectors, colours = waves
    labels = torch.arange(vectors.shape[1]).repeat(per_class)
    n = len(labels)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    shift = torch.randint(size, (n, 2), generator=generator)
    pixels = torch.arange(size) + shift[..., None]  # [n, 2, size]
    turns = torch.einsum("wna,nas->wnas", vectors[:, labels], pixels.double()) / size
    wave = torch.cos(2 * math.pi * (turns[:, :, 0, :, None] + turns[:, :, 1, None, :]))  # [2, n, size, size]
    contrast = uniform(0.1, 0.3, 2, n, 1)
    signal = torch.einsum("wnc,wnyx->ncyx", contrast * colours[:, labels], wave)
    gain, brightness = uniform(0.7, 1.3, n, 1, 1, 1), uniform(0.35, 0.65, n, 1, 1, 1)
    noise = NOISE * torch.randn(signal.shape, generator=generator, dtype=torch.float64)
    images = (gain * signal + brightness + noise).clamp(0, 1)
    return (255 * images).round().to(torch.uint8), labels


PROCEDURAL_10 = DataSet("procedural10", 10, (3, 16, 16), 1_200, 400, read)
PROCEDURAL_40 = DataSet("procedural40", 40, (3, 16, 16), 1_200, 400, read)
