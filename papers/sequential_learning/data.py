"""The data sets of the tasks: published ones, as they are or as small colour images, and few digits."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from common.datasets import load
from common.datasets.dataset import DataSet, ImageData, in_unit
from common.datasets.digits import DIGITS

_CHUNK = 10_000


def few_digits(dataset: DataSet, data_dir: Path) -> ImageData:
    """Return some digits to train on, as many of every class, and all others to test on."""
    digits = load(DIGITS, data_dir)
    images = torch.cat([digits.train_images, digits.test_images])
    labels = torch.cat([digits.train_labels, digits.test_labels])
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train = torch.cat([order[labels[order] == digit][: dataset.train // 10] for digit in range(10)])
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[train] = False
    return ImageData(dataset.name, images[train], labels[train], images[rest], labels[rest], 10)


DIGITS_250 = replace(DIGITS, name="digits-250", train=250, test=1_547, read=few_digits)
DIGITS_1000 = replace(DIGITS, name="digits-1000", train=1_000, test=797, read=few_digits)


def parity(dataset: DataSet) -> DataSet:
    """Return a data set whose labels become odd or even."""
    return DataSet(f"{dataset}-parity", 2, dataset.shape, dataset.train, dataset.test, partial(_parity, dataset))


def _parity(plain: DataSet, dataset: DataSet, data_dir: Path) -> ImageData:
    data = load(plain, data_dir)
    train, test = data.train_labels % 2, data.test_labels % 2
    return replace(data, name=dataset.name, train_labels=train, test_labels=test, num_classes=2)


def in_colour(dataset: DataSet) -> DataSet:
    """Return a data set whose images become 32x32 pixels of three channels (Frozen Weights, Table 2)."""
    read = partial(_in_colour, dataset)
    return DataSet(f"{dataset}-rgb32", dataset.classes, (3, 32, 32), dataset.train, dataset.test, read)


def _in_colour(plain: DataSet, dataset: DataSet, data_dir: Path) -> ImageData:
    data = load(plain, data_dir)
    train, test = _small(data.train_images), _small(data.test_images)
    return replace(data, name=dataset.name, train_images=train, test_images=test)


def _small(images: Tensor) -> Tensor:
    """Return images [N, 1 or 3, H, W] as float32 [N, 3, 32, 32] in [0, 1], resized bilinearly, grey repeated."""
    small = []
    for part in torch.split(images, _CHUNK):
        small.append(F.interpolate(in_unit(part), (32, 32), mode="bilinear", align_corners=False))
    return torch.cat(small).expand(-1, 3, -1, -1)
