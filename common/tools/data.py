"""Fetch published data sets, and say which are there and whole.

`nox -s data -- cifar10 mnist` fetches what is not there yet, from the addresses and by the sums that torchvision knows
where it has them, reads it and makes its cache; `nox -s data -- --check` reads what is there and fetches nothing.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from common.command import Parser, exit_code, to_path
from common.datasets import ImageData, Published, cache, default_folder, load
from common.datasets.caltech256 import CALTECH256
from common.datasets.cifar import CIFAR10, CIFAR100
from common.datasets.emnist import EMNIST_LETTERS
from common.datasets.mnist import FASHION_MNIST, KMNIST, MNIST
from common.datasets.patch_camelyon import PATCH_CAMELYON
from common.datasets.problems import MissingError, UnusableError, one_line, require_readable
from common.datasets.resisc45 import RESISC45
from common.datasets.svhn import SVHN
from common.datasets.tiny_imagenet import TINY_IMAGENET
from common.errors import UsageError

PUBLISHED = {
    dataset.name: dataset
    for dataset in (
        MNIST,
        FASHION_MNIST,
        KMNIST,
        EMNIST_LETTERS,
        CIFAR10,
        CIFAR100,
        SVHN,
        PATCH_CAMELYON,
        TINY_IMAGENET,
        CALTECH256,
        RESISC45,
    )
}
"""All that can be fetched."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks and return the exit code.

    2: a name is unknown, a data set cannot be used, or one that was named is not there. 130: interrupted.
    """
    return exit_code(lambda: _run(arguments), ": what was fetched is kept; the same command goes on from there")


def _run(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="nox -s data --", description="Fetch and check the full tier's data sets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PUBLISHED)}")
    parser.add_argument("--check", action="store_true", help="fetch nothing; say what is there and whole")
    parser.add_argument("--data-dir", type=to_path, help="default $PLASTICITY_BENCH_DATA, else ./data")
    options = parser.parse_args(arguments)
    try:
        chosen, root = _chosen(options.names, options.check), options.data_dir or default_folder()
        if options.check:
            if options.data_dir:
                require_readable("--data-dir", root)
            problems = check(chosen, root, named=bool(options.names))
        else:
            problems = fetch_all(chosen, root)
    except UsageError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 2 if problems else 0


def _chosen(given: Sequence[str], check: bool) -> list[Published]:
    unknown = [name for name in given if name not in PUBLISHED]
    if unknown:
        raise UsageError(f"no data set {', '.join(unknown)} to fetch; there are: {', '.join(PUBLISHED)}")
    if not given and not check:
        raise UsageError(f"name the data sets to fetch, of: {', '.join(PUBLISHED)}; or ask for --check")
    return [PUBLISHED[name] for name in dict.fromkeys(given or PUBLISHED)]


def fetch_all(datasets: Sequence[Published], root: Path) -> list[str]:
    """Fetch data sets, print a line for each that is whole, and return the problems of the others.

    Neither images nor errors, which hold on to images, are kept for longer than a line.
    """
    problems = []
    _make(root)
    for dataset in datasets:
        try:
            print(_line(fetch(dataset, root), dataset.place(root)))
        except UsageError as error:
            problems.append(str(error))
    return problems


def _line(data: ImageData, place: Path) -> str:
    train, test = len(data.train_labels), len(data.test_labels)
    found = f"{train:,} training and {test:,} test images of {data.num_classes} classes"
    return f"{data.name}: {found} in {_printable(place)}"


def _printable(path: Path) -> str:
    return str(path).encode(errors="backslashreplace").decode()


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


def fetch(dataset: Published, root: Path) -> ImageData:
    """Fetch a data set unless its files are there, and read it; raise UsageError where either fails."""
    try:
        return load(dataset, root)
    except MissingError:
        pass
    try:
        dataset.fetch(root)
    except Exception as error:  # hosts, libraries and disks fail in ways that nobody can list, and other sets go on
        raise UsageError(f"data set {dataset.name!r} could not be fetched: {one_line(error)}") from error
    return load(dataset, root)


MISSING = "missing"


@dataclass(frozen=True)
class Found:
    """What is there of a data set: its state, in words, and, where it is whole, its images, classes and cache."""

    name: str
    state: str
    place: Path
    images: str = "-"
    classes: str = "-"
    cache: str = "-"
    problem: str = ""

    def row(self) -> list[str]:
        """Return a row of the table."""
        return [self.name, self.state, self.images, self.classes, _printable(self.place), self.cache]


def check(datasets: Sequence[Published], root: Path, named: bool) -> list[str]:
    """Print what is there of each data set; return the problems of unusable ones, and of `named` ones not there."""
    found = [inspect(dataset, root) for dataset in datasets]
    headers = ("data set", "state", "images", "classes", "place", "cache")
    widths = [None, 50, None, None, None, None]
    print(tabulate([each.row() for each in found], headers, maxcolwidths=widths, disable_numparse=True))
    return [each.problem for each in found if each.problem and (named or each.state != MISSING)]


def inspect(dataset: Published, root: Path) -> Found:
    """Read the files of a data set, whatever its cache holds, and say what they are."""
    name, place = dataset.name, dataset.place(root)
    try:
        data = load(dataset, root, cached=False)
    except MissingError as error:
        return Found(name, MISSING, place, problem=str(error))
    except UnusableError as error:
        return Found(name, f"{error.state}: {error.reason}", place, problem=str(error))
    images = f"{len(data.train_labels):,} + {len(data.test_labels):,}"
    state = _cache_of(dataset, data, root) if dataset.slow else "not needed"
    return Found(name, "present", place, images, f"{data.num_classes}", state)


def _cache_of(dataset: Published, data: ImageData, root: Path) -> str:
    """Say whether the cache of a data set is there and holds what its files do."""
    try:
        held = cache.read_cache(dataset, cache.file_of(dataset.name, root), cache.origin(dataset, root))
    except (cache.HinderedError, cache.UnfitError) as error:
        return str(error)
    return "whole" if held.fingerprint == data.fingerprint else "damaged"


if __name__ == "__main__":
    sys.exit(main())
