"""scikit-learn's 1,797 handwritten digits: real images that need no download."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from common.datasets.dataset import DataSet, ImageData


def read(dataset: DataSet, root: Path) -> ImageData:
    """Return the digits at their own 8x8, float32 [N, 1, 8, 8] in [0, 1] (grey values 0..16 over 16).

    The test images, equally many of every class, are drawn once and for all; all others are training images.
    """
    images, labels = _read()
    return _divided(dataset, images.float(), labels)


def read_resized(dataset: DataSet, root: Path) -> ImageData:
    """Return the digits resized bilinearly to 28x28, float32 [N, 1, 28, 28], divided as in `read`.

    At this size networks keep the parameter counts they have on MNIST.
    """
    images, labels = _read()
    # in double precision, so that the rounded values are the same on every machine
    resized = F.interpolate(images, dataset.shape[1:], mode="bilinear", align_corners=False)
    return _divided(dataset, resized.float(), labels)


def _read() -> tuple[Tensor, Tensor]:
    """Return images float64 [1797, 1, 8, 8] in [0, 1] and labels int64 [1797]."""
    from sklearn.datasets import load_digits  # slow to import: only who asks for digits waits

    bunch = load_digits()
    return torch.tensor(bunch.images).unsqueeze(1) / 16, torch.tensor(bunch.target, dtype=torch.int64)


def _divided(dataset: DataSet, images: Tensor, labels: Tensor) -> ImageData:
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(labels), generator=generator)
    per_class = dataset.test // dataset.classes
    test = torch.cat([order[labels[order] == digit][:per_class] for digit in range(dataset.classes)])
    is_train = torch.ones(len(labels), dtype=torch.bool)
    is_train[test] = False
    return ImageData(dataset.name, images[is_train], labels[is_train], images[test], labels[test], dataset.classes)


DIGITS = DataSet("digits", 10, (1, 8, 8), 1_437, 360, read)
DIGITS_28 = DataSet("digits28", 10, (1, 28, 28), 1_437, 360, read_resized)
