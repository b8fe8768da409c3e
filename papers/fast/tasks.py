"""The tasks that models come from and are adapted to: images, labels, stratified split (Sections 6.2 and 6.7)."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from common.datasets import load
from common.datasets.caltech256 import CALTECH256
from common.datasets.dataset import DataSet
from common.datasets.digits import DIGITS
from common.datasets.published import Published
from common.datasets.splits import stratified_split
from common.datasets.transforms import Flip, Transform

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


@lru_cache(maxsize=4)
def task(dataset: DataSet, data_dir: Path, device: torch.device) -> Task:
    """Return a task, split into training and validation once and for all.

    Of the published data sets, images stay uint8, training images are mirrored at random, and 5 % of every class
    validate, or five images of each class of Caltech-256. The small ones are shown as they are, but for the plain
    digits, which are standardised.
    """
    data = load(dataset, data_dir)
    train, test = data.standardised() if dataset == DIGITS else (data.train_images, data.test_images)
    per_class = CALTECH_PER_CLASS if dataset == CALTECH256 else None
    share = None if per_class else share_of(dataset)
    index = stratified_split(data.train_labels, torch.Generator().manual_seed(0), share=share, per_class=per_class)
    parts = (tensor.to(device) for tensor in (train, data.train_labels, test, data.test_labels))
    images, labels, test_images, test_labels = parts
    augment = (Flip(),) if isinstance(dataset, Published) else ()
    return Task(images, labels, *index, test_images, test_labels, data.num_classes, augment)


def share_of(dataset: DataSet) -> Fraction:
    """Return the share of every class that validates."""
    return SHARE if isinstance(dataset, Published) else SMALL_SHARE


def validating(dataset: DataSet) -> int:
    """Return how many images validate if all classes are equally large, for the plan."""
    if dataset == CALTECH256:
        return CALTECH_PER_CLASS * dataset.classes
    return dataset.classes * int(share_of(dataset) * dataset.train / dataset.classes)
