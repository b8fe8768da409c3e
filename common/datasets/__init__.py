"""One door to every data set: `load`."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.datasets import (
    cache,
    caltech256,
    digits,
    procedural,
    published,
    resisc45,
    templates,
    tiny_imagenet,
    torchvision_sets,
)
from common.datasets.dataset import ImageData
from common.datasets.problems import failure, hindrance, mode_of, place_of, require_readable
from common.datasets.splits import stratified_split, train_validation_split
from common.errors import UsageError

__all__ = ["ON_DISK", "ImageData", "default_folder", "load", "stratified_split", "train_validation_split"]

_EMBEDDED: dict[str, Callable[[], ImageData]] = {
    "digits": digits.digits,
    "digits28": digits.digits_28,
    "procedural10": partial(procedural.procedural, 10, train_per_class=120, test_per_class=40),
    "procedural40": partial(procedural.procedural, 40, train_per_class=30, test_per_class=10),
    "templates": partial(templates.templates, train_per_class=80, test_per_class=60, noise=0.5),
}


@dataclass(frozen=True)
class OnDisk:
    """A published data set: what reads it, and the files and folders under the data folder that it is read from.

    `slow` ones take seconds to minutes to decode, and are cached.
    """

    read: Callable[[Path], ImageData]
    reader: str
    sources: Callable[[], Sequence[str]]
    slow: bool = True

    def made_from(self, root: Path) -> str:
        """Return what a cache must have been made from."""
        return cache.fingerprint(root, self.sources(), self.reader)

    def place(self, root: Path) -> Path:
        """Return the folder that holds the files, or a shell's pattern of them."""
        return place_of(root, self.sources())


def _from_torchvision(name: str) -> OnDisk:
    read, sources = partial(torchvision_sets.torchvision_set, name), partial(torchvision_sets.files, name)
    return OnDisk(read, torchvision_sets.__name__, sources, name not in torchvision_sets.QUICK)


ON_DISK: dict[str, OnDisk] = {
    **{name: _from_torchvision(name) for name in torchvision_sets.TORCHVISION_SETS},
    tiny_imagenet.TINY_IMAGENET: OnDisk(
        tiny_imagenet.tiny_imagenet, tiny_imagenet.__name__, lambda: tiny_imagenet.SOURCES
    ),
    caltech256.CALTECH256: OnDisk(caltech256.caltech256, caltech256.__name__, lambda: caltech256.SOURCES),
    resisc45.RESISC45: OnDisk(resisc45.resisc45, resisc45.__name__, lambda: resisc45.SOURCES),
}


def default_folder() -> Path:
    """Return where data sets are looked for: the environment variable PLASTICITY_BENCH_DATA, else ./data.

    An empty variable is as good as none.
    """
    return Path(os.environ.get("PLASTICITY_BENCH_DATA") or "data")


def load(name: str, data_dir: Path | None = None, *, cached: bool = True) -> ImageData:
    """Return a data set by name.

    "digits", "digits28", "procedural10", "procedural40" and "templates" need no files. The others are read from under
    `data_dir`, by default `default_folder()`, as uint8: "mnist", "fashion_mnist", "kmnist", "emnist_letters",
    "cifar10", "cifar100", "svhn" and "patch_camelyon" from the files that torchvision's own download leaves,
    "tiny_imagenet", "caltech256" and "resisc45" from their folders of image files. Nothing is downloaded. Those that
    are slow to decode are kept decoded in `data_dir`/cache, and read from there while their files stay as they are;
    without `cached` the files themselves are read.
    Raises UsageError for an unknown name, and where files are missing, cannot be read, or are not what was published:
    other sums or formats, or more or fewer images than `published` says.
    """
    if name in _EMBEDDED:
        return _EMBEDDED[name]()
    if name not in ON_DISK:
        raise UsageError(f"no data set {name!r}; there are {', '.join([*_EMBEDDED, *ON_DISK])}")
    root, found = data_dir or default_folder(), ON_DISK[name]
    place = found.place(root)

    def read(root: Path) -> ImageData:
        return published.whole(found.read(root), place)

    try:
        if mode_of(root):
            require_readable("the data folder", root)
        if cached and found.slow:
            return cache.through(name, root, found.sources(), found.reader, read)
        return read(root)
    except (OSError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and hindrance(error) is None:
            raise  # a fault of the code; torch has no other error where memory is short
        raise failure(name, place, root, error) from error
