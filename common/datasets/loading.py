"""One door to every data set: `load`, and what this process loaded through it."""

import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from common.datasets import cache
from common.datasets.dataset import DataSet, ImageData
from common.datasets.problems import failure, hindrance, mode_of, require_readable
from common.datasets.published import Published, whole

_DIGITS = 16  # of a fingerprint, that stand in a record
_loaded: dict[str, str] = {}


def default_folder() -> Path:
    """Return where data sets are looked for: the environment variable PLASTICITY_BENCH_DATA, else ./data.

    An empty variable is as good as none.
    """
    return Path(os.environ.get("PLASTICITY_BENCH_DATA") or "data")


def load(dataset: DataSet, data_dir: Path | None = None, *, cached: bool = True) -> ImageData:
    """Return the images of a data set, in memory.

    Published ones are read from under `data_dir`, by default `default_folder()`; others need no files of their own.
    Nothing is downloaded. Those that are slow to decode are kept decoded in `data_dir`/cache, and read from there while
    their files stay as they are; without `cached` the files themselves are read.
    Raises UsageError where files are missing, cannot be read, or are not what was published: other sums or formats, or
    more or fewer images than are declared.
    """
    root = data_dir or default_folder()
    data = _from_files(dataset, root, cached) if isinstance(dataset, Published) else dataset.read(dataset, root)
    _loaded[dataset.name] = data.fingerprint[:_DIGITS]
    return data


def _from_files(dataset: Published, root: Path, cached: bool) -> ImageData:
    place = dataset.place(root)
    try:
        if mode_of(root):
            require_readable("the data folder", root)
        return cache.through(dataset, root) if cached and dataset.slow else whole(dataset, root)
    except (OSError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and hindrance(error) is None:
            raise  # a fault of the code; torch has no other error where memory is short
        raise failure(dataset.name, place, root, error) from error


def hashes_of(cell: Any) -> dict[str, str]:
    """Return, by name, the data sets that a cell or its setting names, each with 16 digits of its fingerprint.

    It is that of the images which this process loaded last under the name; what it never loaded is left out.
    """
    return {dataset.name: _loaded[dataset.name] for dataset in _named(cell) if dataset.name in _loaded}


def _named(value: Any) -> Iterator[DataSet]:
    if isinstance(value, DataSet):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _named(item)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _named(getattr(value, each.name))
