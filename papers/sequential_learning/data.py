"""The data sets of the tasks: published ones, as they are or as small colour images, and few digits."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from common.datasets import load
from common.datasets.dataset import ImageData, in_unit

COLOUR = "-rgb32"
"""Ends the name of a data set whose images become 32x32 pixels of three channels (Frozen Weights, Table 2)."""
DIGITS = ("digits-250", "digits-1000")
PARITY = "-parity"
"""Ends the name of a data set whose labels become odd or even."""
_CHUNK = 10_000


@dataclass(frozen=True)
class Facts:
    """What is known of a data set without reading it: images to train on, their shape, classes."""

    images: int
    shape: tuple[int, int, int]
    classes: int


FACTS = {
    "digits-250": Facts(250, (1, 8, 8), 10),
    "digits-1000": Facts(1_000, (1, 8, 8), 10),
    "cifar10": Facts(50_000, (3, 32, 32), 10),
    "cifar100": Facts(50_000, (3, 32, 32), 100),
    "svhn": Facts(73_257, (3, 32, 32), 10),
    "mnist": Facts(60_000, (1, 28, 28), 10),
    "fashion_mnist": Facts(60_000, (1, 28, 28), 10),
    "kmnist": Facts(60_000, (1, 28, 28), 10),
    "emnist_letters": Facts(124_800, (1, 28, 28), 26),
    "resisc45": Facts(25_200, (3, 256, 256), 45),
    "patch_camelyon": Facts(262_144, (3, 96, 96), 2),
}


def facts_of(name: str) -> Facts:
    """Return what is known of a data set by the name that `data_of` takes."""
    if name.endswith(PARITY):
        return replace(facts_of(name.removesuffix(PARITY)), classes=2)
    if name.endswith(COLOUR):
        return replace(facts_of(name.removesuffix(COLOUR)), shape=(3, 32, 32))
    return FACTS[name]


def data_of(name: str, data_dir: Path) -> ImageData:
    """Return a data set by name.

    "digits-250" and "digits-1000" have so many digits to train on, as many of every class, and all others to test on.
    Other names are those of `common.datasets.load`, and "-parity" or "-rgb32" may follow a name. Raises UsageError as
    `load` does.
    """
    if name.endswith(PARITY):
        data = data_of(name.removesuffix(PARITY), data_dir)
        return replace(
            data, name=name, train_labels=data.train_labels % 2, test_labels=data.test_labels % 2, num_classes=2
        )
    if name.endswith(COLOUR):
        data = data_of(name.removesuffix(COLOUR), data_dir)
        return replace(data, name=name, train_images=_small(data.train_images), test_images=_small(data.test_images))
    return few_digits(name) if name in DIGITS else load(name, data_dir)


def few_digits(name: str) -> ImageData:
    """Return some digits to train on, a tenth of every class, and all others to test on."""
    digits = load("digits")
    images = torch.cat([digits.train_images, digits.test_images])
    labels = torch.cat([digits.train_labels, digits.test_labels])
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train = torch.cat([order[labels[order] == digit][: FACTS[name].images // 10] for digit in range(10)])
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[train] = False
    return ImageData(name, images[train], labels[train], images[rest], labels[rest], 10)


def _small(images: Tensor) -> Tensor:
    """Return images [N, 1 or 3, H, W] as float32 [N, 3, 32, 32] in [0, 1], resized bilinearly, grey repeated."""
    small = []
    for part in torch.split(images, _CHUNK):
        small.append(F.interpolate(in_unit(part), (32, 32), mode="bilinear", align_corners=False))
    return torch.cat(small).expand(-1, 3, -1, -1)
