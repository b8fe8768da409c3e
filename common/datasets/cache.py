"""Decoded data sets kept beside their source files, one safetensors file each, so that only the first run decodes."""

import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from common.datasets.dataset import ImageData
from common.datasets.problems import hindrance, mode_of, one_line
from common.datasets.published import Published, whole
from common.imports import code_fingerprint

FORMAT = "1"  # of the file; another number makes all caches old
FOLDER = "cache"
_ABANDONED = 3600.0  # seconds since the last byte of a file that nobody will finish
_TENSORS = ("train_images", "train_labels", "test_images", "test_labels")


class UnfitError(Exception):
    """A cache that is to be made, or made anew; the message says in a word why."""


class HinderedError(Exception):
    """A cache that cannot be read, whatever it holds; the message says why in a few words."""


def file_of(name: str, root: Path) -> Path:
    """Return the file of a data set's cache."""
    return root / FOLDER / f"{name}.safetensors"


def through(dataset: Published, root: Path) -> ImageData:
    """Return a data set from its cache where one fits, else read from its files and cached for the next time.

    A cache fits while names, sizes and modification times of the source files, and the code of the reader's module, are
    what it was made from, and while its tensors have their checksum and are as many as were published. Where it cannot
    be read or written, that is said on stderr and the data are returned all the same. One that cannot be read may be
    good, so it is left as it is.
    """
    name, made_from, file = dataset.name, origin(dataset, root), file_of(dataset.name, root)
    try:
        return read_cache(dataset, file, made_from)
    except HinderedError as error:
        print(f"data set {name!r} goes without a cache: {file} {error}", file=sys.stderr)
        return whole(dataset, root)
    except UnfitError as error:
        if mode_of(file):
            print(f"data set {name!r}: its cache is {error}; it is made anew", file=sys.stderr)
    data = whole(dataset, root)
    try:
        _write(data, file, made_from)
    except (MemoryError, OSError, SafetensorError) as error:
        print(f"data set {name!r} goes without a cache: {file} cannot be written: {one_line(error)}", file=sys.stderr)
    return data


def origin(dataset: Published, root: Path) -> str:
    """Return what a cache of the data set must have been made from."""
    return fingerprint(root, dataset.sources, dataset.read.__module__)


def fingerprint(root: Path, sources: Sequence[str], reader: str) -> str:
    """Return a SHA-256 of the source files' names, sizes and times, and of the code of the module that reads them.

    `sources` are files, and folders with all that lies in them, under `root`; what is not there counts as nothing.
    """
    digest = hashlib.sha256(f"{FORMAT} {code_fingerprint(reader)}\n".encode())
    for source in sources:
        for fact in _facts(root, source):
            digest.update(f"{fact}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _facts(root: Path, source: str) -> Iterator[str]:
    """Yield folders and files of a source, named from `root` on, in an order that does not depend on the disk."""
    if (root / source).is_file():
        yield _of_file(root, source)
    for folder, inner, files in os.walk(root / source):
        inner.sort()
        name = os.path.relpath(folder, root)
        yield f"{name}/"
        for file in sorted(files):
            yield _of_file(root, os.path.join(name, file))


def _of_file(root: Path, name: str) -> str:
    found = os.stat(os.path.join(root, name))
    return f"{name}\0{found.st_size}\0{found.st_mtime_ns}"


def read_cache(dataset: Published, file: Path, made_from: str) -> ImageData:
    """Return a cached data set, its tensors mapped from the file.

    Raises UnfitError where there is none, where it is old, and where it is damaged; HinderedError where it cannot be
    read.
    """
    _require_readable(file)
    try:
        with safe_open(file, framework="pt") as opened:
            facts = opened.metadata() or {}
            if facts.get("made_from") != made_from:
                raise UnfitError("old")
            tensors = {key: opened.get_tensor(key) for key in _TENSORS}
        data = ImageData(dataset.name, **tensors, num_classes=int(facts["num_classes"]))
    except (MemoryError, OSError) as error:
        raise HinderedError(f"cannot be read: {hindrance(error) or one_line(error)}") from error
    except (SafetensorError, ValueError, KeyError) as error:
        raise UnfitError("damaged") from error
    if (facts.get("name"), facts.get("sha256")) != (dataset.name, data.fingerprint) or dataset.wrong_number(data):
        raise UnfitError("damaged")
    return data


def _require_readable(file: Path) -> None:
    """Raise UnfitError where there is no file, and HinderedError where safetensors would not say why it reads none."""
    try:
        str(file).encode()
        mode = mode_of(file)
        if not mode:
            raise UnfitError("none")
        if not stat.S_ISREG(mode):
            raise HinderedError("is no regular file")
        file.open("rb").close()
    except OSError as error:
        raise HinderedError(f"cannot be read: {hindrance(error) or one_line(error)}") from error
    except UnicodeEncodeError as error:
        raise HinderedError("cannot be read: its name is not UTF-8") from error


def _write(data: ImageData, file: Path, made_from: str) -> None:
    """Write a cache under another name first, so that under its own there is never half of one."""
    facts = {
        "format": FORMAT,
        "name": data.name,
        "num_classes": str(data.num_classes),
        "made_from": made_from,
        "sha256": data.fingerprint,
    }
    file.parent.mkdir(exist_ok=True)
    for part in file.parent.glob(f"{file.name}.*.part"):  # of processes that were killed
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink()
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        part.touch()
        mode = part.stat().st_mode  # as this user makes files; safetensors makes its own, which nobody else may read
        save_file({key: getattr(data, key) for key in _TENSORS}, part, facts)
        part.chmod(mode)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
