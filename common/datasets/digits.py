"""scikit-learn's 1,797 handwritten digits: real images that need no download."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.datasets.dataset import ImageData

TEST_IMAGES_PER_CLASS = 36


def digits() -> ImageData:
    """Return the digits at their own 8x8, float32 [N, 1, 8, 8] in [0, 1] (grey values 0..16 over 16).

    360 test images, 36 of every class, drawn once and for all; 1,437 training images.
    """
    images, labels = _read()
    return _divided("digits", images.float(), labels)


def digits_28() -> ImageData:
    """Return the digits resized bilinearly to 28x28, float32 [N, 1, 28, 28], divided as in `digits`.

    At this size networks keep the parameter counts they have on MNIST.
    """
    images, labels = _read()
    # in double precision, so that the rounded values are the same on every machine
    resized = F.interpolate(images, (28, 28), mode="bilinear", align_corners=False)
    return _divided("digits28", resized.float(), labels)


def _read() -> tuple[Tensor, Tensor]:
    """Return images float64 [1797, 1, 8, 8] in [0, 1] and labels int64 [1797]."""
    from sklearn.datasets import load_digits  # slow to import: only who asks for digits waits

    bunch = load_digits()
    return torch.tensor(bunch.images).unsqueeze(1) / 16, torch.tensor(bunch.target, dtype=torch.int64)


def _divided(name: str, images: Tensor, labels: Tensor) -> ImageData:
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(labels), generator=generator)
    test = torch.cat([order[labels[order] == digit][:TEST_IMAGES_PER_CLASS] for digit in range(10)])
    is_train = torch.ones(len(labels), dtype=torch.bool)
    is_train[test] = False
    return ImageData(name, images[is_train], labels[is_train], images[test], labels[test], 10)
