"""The images of every setting, on the device (Section A; the small ones are the suite's own)."""

from functools import lru_cache
from pathlib import Path

import torch

from common.datasets import load
from common.datasets.dataset import ImageData
from common.train.stages import Data

PER_CLASS = 40  # of the digits
RELABELLED = 0.4  # share of the training labels drawn again


@lru_cache(maxsize=2)
def data_of(name: str, data_dir: Path, device: torch.device) -> Data:
    """Return a data set by name, on the device; "digits-relabelled" and "templates" need no files."""
    data = relabelled_digits() if name == "digits-relabelled" else load(name, data_dir)
    train, test = data.resident(device)
    return Data(train, data.train_labels.to(device), test, data.test_labels.to(device))


def relabelled_digits() -> ImageData:
    """Return 400 digits to train on, 40 of every class, four in ten with a label drawn at random; 360 to test on."""
    digits = load("digits")
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(digits.train_labels), generator=generator)
    picked = torch.cat([order[digits.train_labels[order] == digit][:PER_CLASS] for digit in range(10)])
    labels = digits.train_labels[picked]
    again = torch.randperm(len(picked), generator=generator)[: int(RELABELLED * len(picked))]
    labels[again] = torch.randint(10, (len(again),), generator=generator)
    return ImageData(
        "digits-relabelled", digits.train_images[picked], labels, digits.test_images, digits.test_labels, 10
    )
