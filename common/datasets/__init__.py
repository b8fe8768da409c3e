"""One door to every data set: `load`."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from common.datasets import caltech256, digits, folder_sets, procedural, resisc45, templates, torchvision_sets
from common.datasets.dataset import ImageData
from common.datasets.splits import stratified_split, train_validation_split
from common.errors import UsageError

__all__ = ["ImageData", "default_folder", "load", "stratified_split", "train_validation_split"]

_EMBEDDED: dict[str, Callable[[], ImageData]] = {
    "digits": digits.digits,
    "digits28": digits.digits_28,
    "procedural10": partial(procedural.procedural, 10, train_per_class=120, test_per_class=40),
    "procedural40": partial(procedural.procedural, 40, train_per_class=30, test_per_class=10),
    "templates": partial(templates.templates, train_per_class=80, test_per_class=60, noise=0.5),
}
_ON_DISK: dict[str, Callable[[Path], ImageData]] = {
    **{name: partial(torchvision_sets.torchvision_set, name) for name in torchvision_sets.TORCHVISION_SETS},
    folder_sets.TINY_IMAGENET: folder_sets.tiny_imagenet,
    caltech256.CALTECH256: caltech256.caltech256,
    resisc45.RESISC45: resisc45.resisc45,
}


def default_folder() -> Path:
    """Return where data sets are looked for: the environment variable PLASTICITY_BENCH_DATA, else ./data."""
    return Path(os.environ.get("PLASTICITY_BENCH_DATA", "data"))


def load(name: str, data_dir: Path | None = None) -> ImageData:
    """Return a data set by name.

    "digits", "digits28", "procedural10", "procedural40" and "templates" need no files. The others are read from under
    `data_dir`, by default `default_folder()`, as uint8: "mnist", "fashion_mnist", "kmnist", "emnist_letters",
    "cifar10", "cifar100", "svhn" and "patch_camelyon" from the files that torchvision's own download leaves,
    "tiny_imagenet", "caltech256" and "resisc45" from their folders of image files. Nothing is downloaded.
    Raises UsageError for an unknown name, and where files are missing or damaged.
    """
    if name in _EMBEDDED:
        return _EMBEDDED[name]()
    if name in _ON_DISK:
        return _ON_DISK[name](data_dir or default_folder())
    raise UsageError(f"no data set {name!r}; there are {', '.join([*_EMBEDDED, *_ON_DISK])}")
