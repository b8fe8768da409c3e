"""The small data sets that models come from and are adapted to: digits, and gratings (the suite's own)."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from common.datasets import load
from common.datasets.dataset import DataSet, ImageData
from common.datasets.digits import DIGITS

GRATING_NOISE = 1.5


def digits(data_dir: Path) -> ImageData:
    """Return all digits as networks are shown them, standardised by the moments of their training images."""
    data = load(DIGITS, data_dir)
    train, test = data.standardised()
    return replace(data, train_images=train, test_images=test)


def rotated(dataset: DataSet, data_dir: Path) -> ImageData:
    """Turn every digit by 90 degrees."""
    data = digits(data_dir)
    train, test = (images.rot90(1, (-2, -1)) for images in (data.train_images, data.test_images))
    return replace(data, name=dataset.name, train_images=train, test_images=test)


def digits_only(first: int, last: int, dataset: DataSet, data_dir: Path) -> ImageData:
    """Keep the digits from `first` to `last`, as classes 0, 1, ..."""
    data = digits(data_dir)
    train, test = ((labels >= first) & (labels <= last) for labels in (data.train_labels, data.test_labels))
    return ImageData(
        dataset.name,
        data.train_images[train],
        data.train_labels[train] - first,
        data.test_images[test],
        data.test_labels[test] - first,
        dataset.classes,
    )


def gratings(dataset: DataSet, data_dir: Path) -> ImageData:
    """Make ten classes of 8x8 waves with noise: a class is a direction and a wavelength, an image has its own phase."""
    generator = torch.Generator().manual_seed(0)
    train, test = (_waves(images // dataset.classes, generator) for images in (dataset.train, dataset.test))
    return ImageData(dataset.name, *train, *test, dataset.classes)


def _waves(per_class: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = torch.arange(10).repeat(per_class)
    angle, turns = (labels % 5) * math.pi / 5.0, 1.5 + labels // 5  # periods an image
    pixels = torch.arange(8, dtype=torch.float64) / 8.0
    across = angle.cos()[:, None, None] * pixels + angle.sin()[:, None, None] * pixels[:, None]
    phase = torch.rand(len(labels), generator=generator, dtype=torch.float64)
    waves = torch.cos(2.0 * math.pi * (turns[:, None, None] * across + phase[:, None, None]))
    noise = torch.randn(waves.shape, generator=generator, dtype=torch.float64)
    standardised = (waves + GRATING_NOISE * noise) / math.sqrt(0.5 + GRATING_NOISE**2)
    return standardised.float().unsqueeze(1), labels


DIGITS_ROTATED = replace(DIGITS, name="digits-rotated", read=rotated)
DIGITS_0_4 = DataSet("digits-0-4", 5, (1, 8, 8), 721, 180, partial(digits_only, 0, 4))
DIGITS_5_9 = DataSet("digits-5-9", 5, (1, 8, 8), 716, 180, partial(digits_only, 5, 9))
GRATINGS = DataSet("gratings", 10, (1, 8, 8), 1_440, 360, gratings)
"""As many gratings as there are digits, and equally many of every class."""
