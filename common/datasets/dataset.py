"""An image classification data set: as it is declared, and in memory."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.datasets.resident import Resident


@dataclass(frozen=True, eq=False)
class ImageData:
    """Training and test images [N, C, H, W] (uint8 in 0..255 or float32) with labels int64 [N].

    Raises ValueError where the tensors do not fit together or a label is not in 0..num_classes - 1.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    num_classes: int

    def __post_init__(self) -> None:
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(f"{self.name}: training and test images differ in shape")
        _check(f"{self.name}, training", self.train_images, self.train_labels, self.num_classes)
        _check(f"{self.name}, test", self.test_images, self.test_labels, self.num_classes)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over types, shapes and bytes of images and labels, in hexadecimal."""
        digest = hashlib.sha256()
        for tensor in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and (population) standard deviation of all training images, float32 [C, 1, 1] each.

        They are those of images in [0, 1]: uint8 images count as divided by 255. Raises ValueError where a channel is
        constant.
        """
        unit = 255 if self.train_images.dtype == torch.uint8 else 1
        mean, std = _moments(self.train_images)
        if not (std > 0).all():
            raise ValueError(f"{self.name}: a channel of the training images is constant")
        return mean.float().view(-1, 1, 1) / unit, std.float().view(-1, 1, 1) / unit

    def resident(self, device: torch.device) -> tuple[Resident, Resident]:
        """Return training and test images on a device, where they come scaled by the `moments` of the training images.

        Raises ValueError where a channel is constant.
        """
        mean, std = (moment.to(device) for moment in self.moments())
        train, test = (images.to(device) for images in (self.train_images, self.test_images))
        return Resident(train, mean, std), Resident(test, mean, std)

    def standardised(self) -> tuple[Tensor, Tensor]:
        """Return all training and all test images as float32, as `resident` shows them, where they are."""
        train, test = self.resident(self.train_images.device)
        return train[:], test[:]


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set without reading it, declared beside its reader.

    `shape` is that of an image, (C, H, W); `train` and `test` are the numbers of images. `read` is given the
    declaration and the data folder. It is a function of a module, or a `partial` of one, which other processes find; a
    partial from another process equals none here, so declarations are equal without it.
    """

    name: str
    classes: int
    shape: tuple[int, int, int]
    train: int
    test: int
    read: Callable[[Any, Path], ImageData] = field(compare=False)

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    @property
    def plain(self) -> str:
        """What stands for the data set in a job's key."""
        return self.name


def in_unit(images: Tensor) -> Tensor:
    """Return a copy of images as float32 in [0, 1]; uint8 images are divided by 255."""
    return images / 255 if images.dtype == torch.uint8 else images.clone()


def _check(what: str, images: Tensor, labels: Tensor, num_classes: int) -> None:
    if images.ndim != 4 or images.dtype not in (torch.uint8, torch.float32):
        raise ValueError(f"{what}: images must be uint8 or float32 of shape [N, C, H, W]")
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1] or len(labels) == 0:
        raise ValueError(f"{what}: {len(images)} images need as many labels (int64), and at least one")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(f"{what}: labels reach from {labels.min()} to {labels.max()}, outside {num_classes} classes")


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and population standard deviation of each channel, float64 [C].

    The sums run in double precision over chunks of images, and are exact for uint8.
    """
    channels = images.shape[1]
    total = torch.zeros(channels, dtype=torch.float64, device=images.device)
    squares = torch.zeros_like(total)
    for chunk in torch.split(images, 1000):
        values = chunk.double()
        total += values.sum((0, 2, 3))
        squares += values.square().sum((0, 2, 3))
    count = images.numel() // channels
    mean = total / count
    return mean, (squares / count - mean.square()).clamp(min=0).sqrt()
