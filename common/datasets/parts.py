"""Published data sets whose files hold training images and test images apart."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from common.datasets.dataset import ImageData
from common.datasets.problems import FAILURES, failure, is_file, missing
from common.datasets.published import Published

Part = tuple[Tensor, Tensor]
"""Images [N, C, H, W] and labels [N]."""


def from_parts(dataset: Published, root: Path, read: Callable[[bool], Part], *, packed: bool = False) -> ImageData:
    """Return a data set whose training part is `read(True)` and whose test part is `read(False)`.

    Files that may lie there `packed` lie as gzip left them, under their names and ".gz". Raises UsageError where files
    are missing or cannot be read, where images are not uint8 of the declared shape, and where a class has no image to
    train on.
    """
    for file in dataset.sources:
        if not is_file(root / file) and not (packed and is_file(root / f"{file}.gz")):
            raise missing(dataset.name, root / file, root)
    try:
        train, test = (_checked(*read(part), dataset.shape) for part in (True, False))
        data = ImageData(dataset.name, *train, *test, dataset.classes)
        counts = torch.bincount(data.train_labels, minlength=dataset.classes)
        if not counts.all():
            raise ValueError(f"class {int(counts.argmin())} has no image to train on")
        return data
    except FAILURES as error:
        raise failure(dataset.name, dataset.place(root), root, error) from error


def _checked(images: Tensor, labels: Tensor, shape: tuple[int, int, int]) -> Part:
    """Return the pair; raise ValueError unless the images are uint8 [N, *shape]."""
    if images.dtype != torch.uint8 or images.shape[1:] != shape:
        raise ValueError(f"images are {images.dtype} {list(images.shape)}, not torch.uint8 {['N', *shape]}")
    return images, labels
