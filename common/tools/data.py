"""Fetch published data sets, and say which are there and whole.

`nox -s data -- cifar10 mnist` fetches what is not there yet, from the addresses and by the sums that torchvision knows
where it has them, reads it and makes its cache; `nox -s data -- --check` reads what is there and fetches nothing.
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from common.command import Parser, exit_code, to_path
from common.datasets import ON_DISK, ImageData, cache, default_folder, load
from common.datasets.archives import Archive
from common.datasets.downloads import download
from common.datasets.problems import MissingError, UnusableError, is_file, one_line, require_readable
from common.errors import UsageError


def _idx_files(name: str) -> Callable[[Path], None]:
    """Return what fetches the four packed files of MNIST, or of a set like it, that are not there."""

    def fetch(root: Path) -> None:
        from torchvision import datasets  # slow to import

        reader = getattr(datasets, name)
        for packed, md5 in reader.resources:
            file = root / name / "raw" / packed
            if not is_file(file) and not is_file(file.with_suffix("")):
                download([f"{mirror}{packed}" for mirror in reader.mirrors], file, "md5", md5)

    return fetch


def _letters(root: Path) -> None:
    """Fetch EMNIST's archive and keep the packed files of its letters."""
    from torchvision.datasets import EMNIST

    raw = "EMNIST/raw"
    Archive(EMNIST.url, "md5", EMNIST.md5, "gzip", raw).fetch(root)
    for source in ON_DISK["emnist_letters"].sources():
        packed = f"{Path(source).name}.gz"
        (root / raw / "gzip" / packed).replace(root / raw / packed)
    shutil.rmtree(root / raw / "gzip")


def _cifar(name: str) -> Callable[[Path], None]:
    """Return what fetches CIFAR's archive."""

    def fetch(root: Path) -> None:
        from torchvision import datasets

        found = getattr(datasets, name)
        Archive(found.url, "md5", found.tgz_md5, found.base_folder).fetch(root)

    return fetch


def _svhn(root: Path) -> None:
    """Fetch the files of SVHN that are not there."""
    from torchvision.datasets import SVHN

    for url, name, md5 in (SVHN.split_list[part] for part in ("train", "test")):
        if not is_file(root / name):
            download([url], root / name, "md5", md5)


def _camelyon(root: Path) -> None:
    """Fetch PatchCamelyon by torchvision's class, which knows how to ask Google Drive."""
    from torchvision.datasets import PCAM

    for split in ("train", "test"):
        PCAM(root, split=split, download=True)


TINY_IMAGENET = Archive(
    "http://cs231n.stanford.edu/tiny-imagenet-200.zip", "md5", "90528d7ca1a48142e341f4ef8d21d0de", "tiny-imagenet-200"
)
CALTECH256 = Archive(
    "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar",
    "md5",
    "67b4f42ca05d46448c6bb8ecd2220f6d",
    "256_ObjectCategories",
    below="caltech256",
)
RESISC45 = Archive(
    "https://hf.co/datasets/isaaccorley/resisc45/resolve/883edc0eee77b2c84225472f10f126e3ed83fa6e/NWPU-RESISC45.zip",
    "sha256",
    "beeecd0b63656290ae6d65cf7763185b0c1c4c54a753ef8088d6fba3faaf1f53",
    "NWPU-RESISC45",
)

FETCH: dict[str, Callable[[Path], None]] = {
    "mnist": _idx_files("MNIST"),
    "fashion_mnist": _idx_files("FashionMNIST"),
    "kmnist": _idx_files("KMNIST"),
    "emnist_letters": _letters,
    "cifar10": _cifar("CIFAR10"),
    "cifar100": _cifar("CIFAR100"),
    "svhn": _svhn,
    "patch_camelyon": _camelyon,
    "tiny_imagenet": TINY_IMAGENET.fetch,
    "caltech256": CALTECH256.fetch,
    "resisc45": RESISC45.fetch,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks and return the exit code.

    2: a name is unknown, a data set cannot be used, or one that was named is not there. 130: interrupted.
    """
    return exit_code(lambda: _run(arguments), ": what was fetched is kept; the same command goes on from there")


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
        problems = [str(error)]
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


def fetch_all(names: Sequence[str], root: Path) -> list[str]:
    """Fetch data sets, print a line for each that is whole, and return the problems of the others.

    Neither images nor errors, which hold on to images, are kept for longer than a line.
    """
    problems = []
    _make(root)
    for name in names:
        try:
            print(_line(fetch(name, root), root))
        except UsageError as error:
            problems.append(str(error))
    return problems


def _line(data: ImageData, root: Path) -> str:
    train, test = len(data.train_labels), len(data.test_labels)
    found = f"{train:,} training and {test:,} test images of {data.num_classes} classes"
    return f"{data.name}: {found} in {_printable(ON_DISK[data.name].place(root))}"


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


def fetch(name: str, root: Path) -> ImageData:
    """Fetch a data set unless its files are there, and read it; raise UsageError where either fails."""
    try:
        return load(name, root)
    except MissingError:
        pass
    try:
        FETCH[name](root)
    except Exception as error:  # hosts, libraries and disks fail in ways that nobody can list, and other sets go on
        raise UsageError(f"data set {name!r} could not be fetched: {one_line(error)}") from error
    return load(name, root)


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


def check(names: Sequence[str], root: Path, named: bool) -> list[str]:
    """Print what is there of each data set; return the problems of unusable ones, and of `named` ones not there."""
    found = [inspect(name, root) for name in names]
    headers = ("data set", "state", "images", "classes", "place", "cache")
    widths = [None, 50, None, None, None, None]
    print(tabulate([each.row() for each in found], headers, maxcolwidths=widths, disable_numparse=True))
    return [each.problem for each in found if each.problem and (named or each.state != MISSING)]


def inspect(name: str, root: Path) -> Found:
    """Read the files of a data set, whatever its cache holds, and say what they are."""
    place = ON_DISK[name].place(root)
    try:
        data = load(name, root, cached=False)
    except MissingError as error:
        return Found(name, MISSING, place, problem=str(error))
    except UnusableError as error:
        return Found(name, f"{error.state}: {error.reason}", place, problem=str(error))
    images = f"{len(data.train_labels):,} + {len(data.test_labels):,}"
    state = _cache_of(data, root) if ON_DISK[name].slow else "not needed"
    return Found(name, "present", place, images, f"{data.num_classes}", state)


def _cache_of(data: ImageData, root: Path) -> str:
    """Say whether the cache of a data set is there and holds what its files do."""
    try:
        held = cache.read_cache(data.name, cache.file_of(data.name, root), ON_DISK[data.name].made_from(root))
    except (cache.HinderedError, cache.UnfitError) as error:
        return str(error)
    return "whole" if held.fingerprint == data.fingerprint else "damaged"


if __name__ == "__main__":
    sys.exit(main())
