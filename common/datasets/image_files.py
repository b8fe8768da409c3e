"""Many image files on disk as one tensor in memory."""

import struct
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from common.datasets.problems import hindrance, one_line

_UNDECODABLE = (
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    Image.DecompressionBombError,
    struct.error,
    zlib.error,
)
"""What Pillow raises where a file is no image or a damaged one."""


def read_rgb(file: Path) -> Image.Image:
    """Decode one image; grey and palette images get three channels.

    Raises ValueError where it cannot be decoded, OSError or MemoryError where it cannot be read.
    """
    try:
        with Image.open(file) as image:
            return image.convert("RGB")
    except _UNDECODABLE as error:
        if hindrance(error) is not None:
            raise
        raise ValueError(one_line(error)) from error


def stacked(read: Callable[[Path], Image.Image], files: Sequence[Path], side: int) -> Tensor:
    """Read all files with `read`, in threads, into uint8 [N, 3, side, side], in the order of `files`.

    An error of `read` is raised for the first file, in that order, that has one.
    """
    images = torch.empty((len(files), 3, side, side), dtype=torch.uint8)

    def load(index: int) -> None:
        images[index] = torch.from_numpy(np.array(read(files[index]))).permute(2, 0, 1)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(load, range(len(files))):
            pass
    return images
