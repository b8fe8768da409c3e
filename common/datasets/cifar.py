"""CIFAR's batches, which are published as pickles, read without running what a pickle may ask for."""

import codecs
import hashlib
import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_BYTES = 3 * 32 * 32  # of an image: red, green and blue planes of 32 rows


def read_batches(folder: Path, batches: Sequence[tuple[str, str]]) -> tuple[Tensor, Tensor]:
    """Return images uint8 [N, 3, 32, 32] and labels int64 [N] of files named with their published MD5 sums, in order.

    Nothing is unpickled before its sum was found right. Raises OSError for a file that cannot be read, ValueError for
    a wrong sum or content, and UnpicklingError for a pickle that is damaged or asks for anything but arrays, plain
    containers, bytes, text and numbers.
    """
    parts = [_images_and_labels(name, verified(folder / name, md5)) for name, md5 in batches]
    return torch.cat([images for images, _ in parts]), torch.cat([labels for _, labels in parts])


def verified(path: Path, md5: str) -> bytes:
    """Return a file's bytes; raise ValueError where their MD5 sum is not the published one."""
    content = path.read_bytes()
    require_md5(path.name, content, md5)
    return content


def require_md5(name: str, content: bytes, md5: str) -> None:
    """Raise ValueError where the MD5 sum of a file's bytes is not the published one."""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(f"the MD5 sum of {name} is {found}, not {md5}")


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
