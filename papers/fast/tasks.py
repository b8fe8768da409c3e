"""The tasks that models come from and are adapted to: images, labels, stratified split (Sections 6.2 and 6.7)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from common.datasets import load
from common.datasets.splits import stratified_split
from common.datasets.transforms import Flip, Transform

Images = tuple[Tensor, Tensor, Tensor, Tensor]
"""Training images and labels, test images and labels."""

GRATINGS_PER_CLASS = 144, 36  # for training and for testing, as many as there are digits
GRATING_NOISE = 1.5
SMALL_SHARE = Fraction(8, 100)  # 5 % of the small digits would be 72 images
SHARE = Fraction(5, 100)
CALTECH_PER_CLASS = 5


@dataclass(frozen=True, eq=False)
class Task:
    """One classification problem on the device.

    `images` [n, C, H, W] and `labels` [n] hold what `train` and `validation` index; images are float32 and
    standardised, or uint8 that the network itself resizes and normalises.
    """

    images: Tensor
    labels: Tensor
    train: Tensor
    validation: Tensor
    test_images: Tensor
    test_labels: Tensor
    num_classes: int
    augment: tuple[Transform, ...]


def rotated(images: Images) -> Images:
    """Turn every image by 90 degrees."""
    train, labels, test, test_labels = images
    return train.rot90(1, (-2, -1)), labels, test.rot90(1, (-2, -1)), test_labels


def digits_only(images: Images, first: int, last: int) -> Images:
    """Keep the digits from `first` to `last`, as classes 0, 1, ..."""
    train, labels, test, test_labels = images
    here, there = ((of >= first) & (of <= last) for of in (labels, test_labels))
    return train[here], labels[here] - first, test[there], test_labels[there] - first


def gratings() -> Images:
    """Make ten classes of 8x8 waves with noise: a class is a direction and a wavelength, an image has its own phase."""
    generator = torch.Generator().manual_seed(0)
    return *_waves(GRATINGS_PER_CLASS[0], generator), *_waves(GRATINGS_PER_CLASS[1], generator)


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


def _digits() -> Images:
    data = load("digits")
    train, test = data.standardised()
    return train, data.train_labels, test, data.test_labels


_SMALL: dict[str, Callable[[], Images]] = {
    "digits": _digits,
    "digits-rotated": lambda: rotated(_digits()),
    "digits-0-4": lambda: digits_only(_digits(), 0, 4),
    "digits-5-9": lambda: digits_only(_digits(), 5, 9),
    "gratings": gratings,
}


@lru_cache(maxsize=4)
def task(name: str, data_dir: Path, device: torch.device) -> Task:
    """Return a task by name, split into training and validation once and for all.

    The small ones need no files. Of the published ones, images stay uint8, training images are mirrored at random, and
    5 % of every class validate, or five images of each class of Caltech-256.
    """
    split = torch.Generator().manual_seed(0)
    if name in _SMALL:
        train, labels, test, test_labels = _SMALL[name]()
        index = stratified_split(labels, split, share=SMALL_SHARE)
        return _on(device, (train, labels, test, test_labels), index, int(labels.max()) + 1, ())
    data = load(name, data_dir)
    few = {"per_class": CALTECH_PER_CLASS} if name == "caltech256" else {}
    index = stratified_split(data.train_labels, split, share=None if few else SHARE, **few)
    images = data.train_images, data.train_labels, data.test_images, data.test_labels
    return _on(device, images, index, data.num_classes, (Flip(),))


def _on(
    device: torch.device,
    images: Images,
    index: tuple[Tensor, Tensor],
    num_classes: int,
    augment: tuple[Transform, ...],
) -> Task:
    train, labels, test, test_labels = (tensor.to(device) for tensor in images)
    return Task(train, labels, *index, test, test_labels, num_classes, augment)
