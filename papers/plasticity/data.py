"""The images of every setting, on the device (Section A; the small ones are the suite's own)."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from common.datasets import load
from common.datasets.dataset import DataSet, ImageData
from common.datasets.digits import DIGITS
from common.train.stages import Data

RELABELLED = 0.4  # share of the training labels drawn again


@lru_cache(maxsize=2)
def data_of(dataset: DataSet, data_dir: Path, device: torch.device) -> Data:
    """Return a data set on the device."""
    data = load(dataset, data_dir)
    train, test = data.resident(device)
    return Data(train, data.train_labels.to(device), test, data.test_labels.to(device))


def relabelled(dataset: DataSet, data_dir: Path) -> ImageData:
    """Return digits to train on, as many of every class, four in ten with a label drawn at random; and all to test on.

    They are drawn once and for all.
    """
    digits = load(DIGITS, data_dir)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(digits.train_labels), generator=generator)
    per_class = dataset.train // dataset.classes
    picked = torch.cat([order[digits.train_labels[order] == digit][:per_class] for digit in range(10)])
    labels = digits.train_labels[picked]
    again = torch.randperm(len(picked), generator=generator)[: int(RELABELLED * len(picked))]
    labels[again] = torch.randint(10, (len(again),), generator=generator)
    return replace(digits, name=dataset.name, train_images=digits.train_images[picked], train_labels=labels)


DIGITS_RELABELLED = replace(DIGITS, name="digits-relabelled", train=400, read=relabelled)
