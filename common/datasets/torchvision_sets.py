"""Published data sets that torchvision reads, held in memory as uint8."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from common.datasets.dataset import ImageData
from common.datasets.problems import corrupt, missing


@dataclass(frozen=True)
class _Source:
    torchvision_class: str
    num_classes: int


TORCHVISION_SETS = {
    "mnist": _Source("MNIST", 10),
    "fashion_mnist": _Source("FashionMNIST", 10),
    "kmnist": _Source("KMNIST", 10),
    "cifar10": _Source("CIFAR10", 10),
    "cifar100": _Source("CIFAR100", 100),
}

_UNREADABLE = (
    AssertionError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)


def torchvision_set(name: str, root: Path) -> ImageData:
    """Return one of TORCHVISION_SETS from the files that torchvision's own download leaves under `root`.

    Images are uint8 [N, 1, 28, 28] or [N, 3, 32, 32]. Nothing is downloaded. CIFAR's files are checked by
    their published MD5 sums; the others have none, so their headers, sizes and labels are checked.
    Raises UsageError where files are missing or damaged.
    """
    from torchvision import datasets  # slow to import: only who asks for these waits

    source = TORCHVISION_SETS[name]
    reader = getattr(datasets, source.torchvision_class)
    command = (
        f'python -c "from torchvision.datasets import {source.torchvision_class} as D; D({str(root)!r}, download=True)"'
    )
    folder, files = _published_files(reader, root)
    for file in files:
        if not (folder / file).is_file():
            raise missing(name, folder / file, command)
    try:
        train, test = reader(root, train=True), reader(root, train=False)
        return ImageData(name, *_tensors(train), *_tensors(test), source.num_classes)
    except _UNREADABLE as error:
        raise corrupt(name, folder, str(error) or type(error).__name__) from error


def _published_files(reader: Any, root: Path) -> tuple[Path, list[str]]:
    """Return the folder that a torchvision class reads and the names of the files in it."""
    if hasattr(reader, "base_folder"):
        batches = [file for file, _ in reader.train_list + reader.test_list]
        return root / reader.base_folder, [*batches, reader.meta["filename"]]
    return root / reader.__name__ / "raw", [file.removesuffix(".gz") for file, _ in reader.resources]


def _tensors(split: Any) -> tuple[Tensor, Tensor]:
    """Return images uint8 [N, C, H, W] and labels int64 [N] of a torchvision data set."""
    images, labels = torch.as_tensor(split.data), torch.as_tensor(split.targets, dtype=torch.int64)
    if images.ndim == 3:
        return images.unsqueeze(1), labels
    return images.permute(0, 3, 1, 2).contiguous(), labels
