"""The IDX format of MNIST and of sets like it."""

import gzip
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from common.datasets.problems import is_file
from common.datasets.sums import require_md5

KINDS = ("images-idx3", "labels-idx1")


def read_idx(root: Path, names: Sequence[str], train: bool, md5: Mapping[str, str]) -> tuple[Tensor, Tensor]:
    """Read images uint8 [N, H, W] and labels int64 [N] of one part.

    `names` are training images and labels, test images and labels; `md5` has sums of some of them. Raises ValueError
    for another format, size or sum, and what gzip raises for a damaged file.
    """
    images, labels = names[:2] if train else names[2:]
    return _array(root, images, 3, md5), _array(root, labels, 1, md5).long()


def _array(root: Path, name: str, dimensions: int, md5: Mapping[str, str]) -> Tensor:
    """Read a file, packed by gzip or not: zeros, type 8 (unsigned byte), dimensions, sizes, the bytes."""
    file = root / name
    content = file.read_bytes() if is_file(file) else gzip.decompress((root / f"{name}.gz").read_bytes())
    if name in md5:
        require_md5(file.name, content, md5[name])
    head = 4 + 4 * dimensions
    if len(content) <= head or content[:4] != bytes([0, 0, 8, dimensions]):
        raise ValueError(f"{file.name} is no IDX file of bytes in {dimensions} dimensions")
    sizes = struct.unpack(f">{dimensions}I", content[4:head])
    if len(content) != head + math.prod(sizes):
        raise ValueError(f"{file.name} holds {len(content) - head} bytes, where its header tells of {list(sizes)}")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=head).copy()).view(sizes)
