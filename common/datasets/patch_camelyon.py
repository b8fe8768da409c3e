"""PatchCamelyon: colour patches of tissue, 96x96 pixels, from the files that torchvision's own download leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.datasets.dataset import ImageData
from common.datasets.parts import Part, from_parts
from common.datasets.published import Published

_SLAB = 4096  # images that are read at a time, 113 MB
_STEM = "pcam/camelyonpatch_level_2_split_"


def read(dataset: Published, root: Path) -> ImageData:
    """Return PatchCamelyon, uint8 [N, 3, 96, 96]: 7.2 GB for training.

    No sums are published of the unpacked files: formats, sizes, labels and the presence of both classes are checked,
    and a changed pixel is not noticed. Raises UsageError as `from_parts` does.
    """

    def part(train: bool) -> Part:
        return _read(f"{root / _STEM}{'train' if train else 'test'}")

    return from_parts(dataset, root, part)


def _read(stem: str) -> Part:
    """Read the arrays of a part in slabs, where torchvision's class would open the files anew for every image."""
    import h5py  # type: ignore[import-untyped]  # slow to import

    with _hdf5(f"{stem}_x.h5") as x_file, _hdf5(f"{stem}_y.h5") as y_file:
        for file, key, shape in ((x_file, "x", (96, 96, 3)), (y_file, "y", (1, 1, 1))):
            array = file[key]
            if not isinstance(array, h5py.Dataset) or array.dtype != np.uint8 or array.shape[1:] != shape:
                raise ValueError(f"{Path(file.filename).name} holds {array}, not uint8 {['N', *shape]}")
        images = torch.empty((len(x_file["x"]), 3, 96, 96), dtype=torch.uint8)
        for start in range(0, len(images), _SLAB):
            slab = torch.from_numpy(x_file["x"][start : start + _SLAB])
            images[start : start + _SLAB] = slab.permute(0, 3, 1, 2)
        return images, torch.from_numpy(y_file["y"][:]).flatten().long()


def _hdf5(path: str) -> Any:
    """Open a file; an error of the operating system names it, which h5py's own does not."""
    import h5py

    try:
        return h5py.File(path)
    except OSError as error:
        if error.errno:
            error.filename = path
        raise


def fetch(root: Path) -> None:
    """Fetch the files by torchvision's class, which knows how to ask Google Drive."""
    from torchvision.datasets import PCAM  # slow to import

    for split in ("train", "test"):
        PCAM(root, split=split, download=True)


PATCH_CAMELYON = Published(
    "patch_camelyon",
    2,
    (3, 96, 96),
    262_144,
    32_768,
    read,
    sources=tuple(f"{_STEM}{part}_{key}.h5" for part in ("train", "test") for key in "xy"),
    fetch=fetch,
)
