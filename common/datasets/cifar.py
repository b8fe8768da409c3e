"""CIFAR-10 and CIFAR-100: colour images of 32x32 pixels, from the files that torchvision's own download leaves.

They are published as pickles, which are read without running what a pickle may ask for.
"""

import codecs
import io
import pickle
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.datasets.archives import Archive
from common.datasets.dataset import ImageData
from common.datasets.parts import Part, from_parts
from common.datasets.published import Published
from common.datasets.sums import verified

_BYTES = 3 * 32 * 32  # of an image: red, green and blue planes of 32 rows


def read(dataset: Published, root: Path) -> ImageData:
    """Return one of the sets, uint8 [N, 3, 32, 32]; its files are checked by their MD5 sums.

    torchvision's own reader would run whatever a pickle asks for. Raises UsageError as `from_parts` does.
    """

    def part(train: bool) -> Part:
        known = _known(dataset.name)
        folder = root / known.base_folder
        verified(folder / known.meta["filename"], known.meta["md5"])
        return read_batches(folder, known.train_list if train else known.test_list)

    return from_parts(dataset, root, part)


def fetch(name: str, root: Path) -> None:
    """Fetch and unpack the archive of a set."""
    known = _known(name)
    Archive(known.url, "md5", known.tgz_md5, known.base_folder).fetch(root)


def _known(name: str) -> Any:
    """Return torchvision's class, which knows addresses and sums; its name is that of the set in capitals."""
    from torchvision import datasets  # slow to import

    return getattr(datasets, name.upper())


def read_batches(folder: Path, batches: Sequence[tuple[str, str]]) -> tuple[Tensor, Tensor]:
    """Return images uint8 [N, 3, 32, 32] and labels int64 [N] of files named with their published MD5 sums, in order.

    Nothing is unpickled before its sum was found right. Raises OSError for a file that cannot be read, ValueError for
    a wrong sum or content, and UnpicklingError for a pickle that is damaged or asks for anything but arrays, plain
    containers, bytes, text and numbers.
    """
    parts = [_images_and_labels(name, verified(folder / name, md5)) for name, md5 in batches]
    return torch.cat([images for images, _ in parts]), torch.cat([labels for _, labels in parts])


def unpickle(content: bytes) -> Any:
    """Return what a pickle of Python 2 or 3 holds; raise UnpicklingError where it is more than a CIFAR batch needs."""
    try:
        return _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except (MemoryError, pickle.UnpicklingError):
        raise
    except Exception as error:  # damaged bytes can fail in any way, and none of them matters
        raise pickle.UnpicklingError(f"it is no pickle: {str(error) or type(error).__name__}") from error


def _latin1(text: str, encoding: str) -> bytes:
    """Stand in for codecs.encode, by which Python 3 writes bytes where Python 2 is to read them."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}, which no CIFAR batch needs")
    return codecs.latin_1_encode(text)[0]


_RECONSTRUCT = np.empty(0).__reduce__()[0]  # numpy's own function, which has moved between its versions
_KNOWN: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
}


class _Unpickler(pickle.Unpickler):
    """Knows the few names of _KNOWN; to look up any other, which could then be called, is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR batch needs")
        return _KNOWN[module, name]


def _images_and_labels(name: str, content: bytes) -> tuple[Tensor, Tensor]:
    """Return images and labels of one batch; raise ValueError for other content than "data" and (fine) "labels"."""
    try:
        batch = unpickle(content)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"{name}: {error}") from error
    if not isinstance(batch, dict):
        raise ValueError(f"{name} holds a {type(batch).__name__}, not a dictionary")
    rows = batch.get("data")
    labels = batch.get("labels", batch.get("fine_labels"))
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.shape[1:] != (_BYTES,):
        raise ValueError(f"the data of {name} are no rows of {_BYTES} bytes")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError(f"the labels of {name} are no list of whole numbers")
    return torch.from_numpy(rows.copy()).view(-1, 3, 32, 32), torch.tensor(labels, dtype=torch.int64)


def _declared(name: str, classes: int, *files: str) -> Published:
    return Published(name, classes, (3, 32, 32), 50_000, 10_000, read, sources=files, fetch=partial(fetch, name))


_TEN = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
CIFAR10 = _declared("cifar10", 10, *(f"cifar-10-batches-py/{file}" for file in _TEN))
CIFAR100 = _declared("cifar100", 100, *(f"cifar-100-python/{file}" for file in ("train", "test", "meta")))
