"""Fetch published data sets, and say which are there and whole.

`nox -s data -- cifar10 mnist` fetches what is not there yet, with torchvision's own downloaders where it has them,
reads it and makes its cache; `nox -s data -- --check` reads what is there and fetches nothing.
"""

import os
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from common.command import Parser, exit_code, to_path
from common.datasets import ON_DISK, ImageData, cache, default_folder, load
from common.datasets.archives import Archive
from common.datasets.problems import UNREADABLE, CorruptError, MissingError, corrupt, require_readable
from common.errors import UsageError


def _by_torchvision(name: str, *parts: Mapping[str, Any]) -> Callable[[Path], None]:
    """Return what fetches a data set by torchvision's class of that name, one call a part."""

    def fetch(root: Path) -> None:
        from torchvision import datasets  # slow to import

        for part in parts or ({},):
            getattr(datasets, name)(root, download=True, **part)

    return fetch


def _cifar(name: str) -> Callable[[Path], None]:
    """Return what fetches CIFAR as torchvision does, without its class, which would unpickle the batches."""

    def fetch(root: Path) -> None:
        from torchvision import datasets
        from torchvision.datasets.utils import download_and_extract_archive

        found = getattr(datasets, name)
        download_and_extract_archive(found.url, root, filename=found.filename, md5=found.tgz_md5)

    return fetch


TINY_IMAGENET = Archive(
    "http://cs231n.stanford.edu/tiny-imagenet-200.zip", "md5", "90528d7ca1a48142e341f4ef8d21d0de", "tiny-imagenet-200"
)
RESISC45 = Archive(
    "https://hf.co/datasets/isaaccorley/resisc45/resolve/883edc0eee77b2c84225472f10f126e3ed83fa6e/NWPU-RESISC45.zip",
    "sha256",
    "beeecd0b63656290ae6d65cf7763185b0c1c4c54a753ef8088d6fba3faaf1f53",
    "NWPU-RESISC45",
)

FETCH: dict[str, Callable[[Path], None]] = {
    "mnist": _by_torchvision("MNIST"),
    "fashion_mnist": _by_torchvision("FashionMNIST"),
    "kmnist": _by_torchvision("KMNIST"),
    "emnist_letters": _by_torchvision(
        "EMNIST", {"split": "letters", "train": True}, {"split": "letters", "train": False}
    ),
    "cifar10": _cifar("CIFAR10"),
    "cifar100": _cifar("CIFAR100"),
    "svhn": _by_torchvision("SVHN", {"split": "train"}, {"split": "test"}),
    "patch_camelyon": _by_torchvision("PCAM", {"split": "train"}, {"split": "test"}),
    "tiny_imagenet": TINY_IMAGENET.fetch,
    "caltech256": _by_torchvision("Caltech256"),
    "resisc45": RESISC45.fetch,
}
PUBLISHED = {  # training and test images; of Caltech-256, which is divided by us, those that are no clutter
    "mnist": (60_000, 10_000),
    "fashion_mnist": (60_000, 10_000),
    "kmnist": (60_000, 10_000),
    "emnist_letters": (124_800, 20_800),
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
    "svhn": (73_257, 26_032),
    "patch_camelyon": (262_144, 32_768),
    "tiny_imagenet": (100_000, 10_000),
    "caltech256": (29_780,),
    "resisc45": (25_200, 6_300),
}
_FAILURES = (*UNREADABLE, tarfile.TarError, zipfile.BadZipFile, zlib.error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; return 2 where a name is unknown or a named data set is not there and whole."""
    return exit_code(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="nox -s data --", description="Fetch and check the full tier's data sets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ON_DISK)}")
    parser.add_argument("--check", action="store_true", help="fetch nothing; say what is there and whole")
    parser.add_argument("--data-dir", type=to_path, help="default $PLASTICITY_BENCH_DATA, else ./data")
    options = parser.parse_args(arguments)
    try:
        names, root = _names(options.names, options.check), options.data_dir or default_folder()
        if options.check:
            if options.data_dir:
                require_readable("--data-dir", root)
            problems = check(names, root, named=bool(options.names))
        else:
            problems = fetch_all(names, root)
    except UsageError as error:
        problems = [error]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 2 if problems else 0


def _names(given: Sequence[str], check: bool) -> list[str]:
    unknown = [name for name in given if name not in ON_DISK]
    if unknown:
        raise UsageError(f"no data set {', '.join(unknown)} to fetch; there are: {', '.join(ON_DISK)}")
    if not given and not check:
        raise UsageError(f"name the data sets to fetch, of: {', '.join(ON_DISK)}; or ask for --check")
    return list(dict.fromkeys(given)) or list(ON_DISK)


def fetch_all(names: Sequence[str], root: Path) -> list[UsageError]:
    """Fetch data sets, print a line for each that is whole, and return the problems of the others."""
    problems = []
    _make(root)
    for name in names:
        try:
            data = fetch(name, root)
        except UsageError as error:
            problems.append(error)
        else:
            train, test = len(data.train_labels), len(data.test_labels)
            found = f"{train:,} training and {test:,} test images of {data.num_classes} classes"
            print(f"{name}: {found} in {_place(name, root)}")
    return problems


def _make(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"the data folder {root} is not a folder") from None
    except OSError as error:
        raise UsageError(f"the data folder {root} cannot be made: {error.strerror}") from error
    require_readable("the data folder", root)
    if not os.access(root, os.W_OK):
        raise UsageError(f"the data folder {root} may not be written: permission denied")


def fetch(name: str, root: Path) -> ImageData:
    """Fetch a data set unless its files are there, and read it; raise UsageError where either fails."""
    try:
        if not all((root / source).exists() for source in ON_DISK[name].sources()):
            FETCH[name](root)
    except _FAILURES as error:
        raise UsageError(f"data set {name!r} could not be fetched: {' '.join(str(error).split())}") from error
    return _whole(load(name, root), root)


def _whole(data: ImageData, root: Path) -> ImageData:
    """Return the data; raise CorruptError unless they are as many as were published."""
    published = PUBLISHED[data.name]
    found: tuple[int, ...] = (len(data.train_labels), len(data.test_labels))
    if len(published) == 1:
        found = (sum(found),)
    if found != published:
        counts = (" + ".join(f"{count:,}" for count in counts) for counts in (found, published))
        raise corrupt(data.name, _place(data.name, root), "{} images, where {} were published".format(*counts))
    return data


def _place(name: str, root: Path) -> Path:
    """Return the folder that holds the files of a data set."""
    return Path(os.path.commonpath([root / source for source in ON_DISK[name].sources()]))


@dataclass(frozen=True)
class Found:
    """What is there of a data set: its state, in words, its images, if they are whole, and the state of its cache."""

    name: str
    state: str
    place: Path
    data: ImageData | None = None
    cache: str = "-"
    problem: UsageError | None = None

    def row(self) -> list[str]:
        """Return a row of the table."""
        images = f"{len(self.data.train_labels):,} + {len(self.data.test_labels):,}" if self.data else "-"
        classes = f"{self.data.num_classes}" if self.data else "-"
        return [self.name, self.state, images, classes, str(self.place), self.cache]


def check(names: Sequence[str], root: Path, named: bool) -> list[UsageError]:
    """Print what is there of each data set; return the problems of the damaged ones, and of `named` ones not there."""
    found = [inspect(name, root) for name in names]
    headers = ("data set", "state", "images", "classes", "place", "cache")
    widths = [None, 50, None, None, None, None]
    print(tabulate([each.row() for each in found], headers, maxcolwidths=widths, disable_numparse=True))
    problems = [each.problem for each in found if each.problem is not None]
    return [problem for problem in problems if named or not isinstance(problem, MissingError)]


def inspect(name: str, root: Path) -> Found:
    """Read the files of a data set, whatever its cache holds, and say what they are."""
    place = _place(name, root)
    try:
        data = _whole(load(name, root, cached=False), root)
    except MissingError as error:
        return Found(name, "missing", place, problem=error)
    except UsageError as error:
        reason = error.reason if isinstance(error, CorruptError) else str(error)
        return Found(name, f"damaged: {reason}", place, problem=error)
    return Found(name, "present", place, data, _cache_of(data, root) if ON_DISK[name].slow else "not needed")


def _cache_of(data: ImageData, root: Path) -> str:
    """Say whether the cache of a data set is there and holds what its files do."""
    try:
        held = cache.read_cache(data.name, cache.file_of(data.name, root), ON_DISK[data.name].made_from(root))
    except cache.UnfitError as error:
        return str(error)
    return "whole" if held.fingerprint == data.fingerprint else "damaged"


if __name__ == "__main__":
    sys.exit(main())
