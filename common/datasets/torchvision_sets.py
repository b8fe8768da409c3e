"""Published data sets from the files that torchvision's own download leaves, held in memory as uint8."""

import gzip
import io
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.datasets import published
from common.datasets.cifar import read_batches, require_md5, verified
from common.datasets.dataset import ImageData
from common.datasets.problems import FAILURES, failure, is_file, missing, place_of

_SLAB = 4096  # images of PatchCamelyon that are read at a time, 113 MB


@dataclass(frozen=True)
class _Source:
    """A class of torchvision, how many classes its images have, and their shape [C, H, W].

    `files` names the files under the root that are read, given torchvision's class; `read` returns images and
    labels, given that class, the root, and whether the training part is wanted. `packed` files may lie there as gzip
    left them, under their names and ".gz".
    """

    torchvision_class: str
    num_classes: int
    shape: tuple[int, int, int]
    files: Callable[[Any], list[str]]
    read: Callable[[Any, Path, bool], tuple[Tensor, Tensor]]
    packed: bool = False


def torchvision_set(name: str, root: Path) -> ImageData:
    """Return one of TORCHVISION_SETS from the files that torchvision's own download leaves under `root`.

    Images are uint8 [N, 1, 28, 28] (MNIST and its like), [N, 3, 32, 32] (CIFAR, SVHN) or [N, 3, 96, 96]
    (PatchCamelyon, 7.2 GB for training). SVHN's training images are without the "extra" ones, its label of the digit 0
    is 0. EMNIST letters a to z have the labels 0 to 25 and stand upright. Nothing is downloaded. The files of MNIST,
    FashionMNIST, CIFAR and SVHN are checked by their MD5 sums. No sums are published of the others once they are
    unpacked: headers, sizes, labels and the presence of every class are checked, and a changed pixel is not noticed.
    Raises UsageError where files are missing, cannot be read, or are damaged.
    """
    source, reader = TORCHVISION_SETS[name], _reader(name)
    own = source.files(reader)
    for file in own:
        if not is_file(root / file) and not (source.packed and is_file(root / f"{file}.gz")):
            raise missing(name, root / file, root)
    try:
        train, test = (_checked(*source.read(reader, root, part), source.shape) for part in (True, False))
        data = ImageData(name, *train, *test, source.num_classes)
        counts = torch.bincount(data.train_labels, minlength=source.num_classes)
        if not counts.all():
            raise ValueError(f"class {int(counts.argmin())} has no image to train on")
        return data
    except FAILURES as error:
        raise failure(name, place_of(root, own), root, error) from error


def files(name: str) -> list[str]:
    """Return the files that one of TORCHVISION_SETS is read from, by their names under the data folder."""
    return TORCHVISION_SETS[name].files(_reader(name))


def _reader(name: str) -> Any:
    """Return torchvision's class, which knows names and sums of the files."""
    from torchvision import datasets  # slow to import: only who asks for these waits

    return getattr(datasets, TORCHVISION_SETS[name].torchvision_class)


def _checked(images: Tensor, labels: Tensor, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Return the pair; raise ValueError unless the images are uint8 [N, *shape]."""
    if images.dtype != torch.uint8 or images.shape[1:] != shape:
        raise ValueError(f"images are {images.dtype} {list(images.shape)}, not torch.uint8 {['N', *shape]}")
    return images, labels


def _mnist_files(reader: Any) -> list[str]:
    return [f"{reader.__name__}/raw/{file.removesuffix('.gz')}" for file, _ in reader.resources]


def _read_mnist(reader: Any, root: Path, train: bool) -> tuple[Tensor, Tensor]:
    images, labels = _read_idx(root, _mnist_files(reader), train)
    return images.unsqueeze(1), labels


def _letters_files(_: Any) -> list[str]:
    parts = [f"EMNIST/raw/emnist-letters-{part}" for part in ("train", "test")]
    return [f"{part}-{kind}-ubyte" for part in parts for kind in ("images-idx3", "labels-idx1")]


def _read_letters(reader: Any, root: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Stand images upright, which are published transposed and left so by torchvision, and count labels from 0."""
    images, labels = _read_idx(root, _letters_files(reader), train)
    return images.transpose(1, 2).contiguous().unsqueeze(1), labels - 1


def _read_idx(root: Path, names: list[str], train: bool) -> tuple[Tensor, Tensor]:
    """Read images uint8 [N, H, W] and labels int64 [N] from training images and labels, test images and labels."""
    images, labels = names[:2] if train else names[2:]
    return _idx(root, images, 3), _idx(root, labels, 1).long()


def _idx(root: Path, name: str, dimensions: int) -> Tensor:
    """Read a file of the IDX format, packed or not: zeros, type 8 (unsigned byte), dimensions, sizes, the bytes.

    Raises ValueError for another format, size or sum, and what gzip raises for a damaged file.
    """
    file = root / name
    content = file.read_bytes() if is_file(file) else gzip.decompress((root / f"{name}.gz").read_bytes())
    if name in published.MD5:
        require_md5(file.name, content, published.MD5[name])
    head = 4 + 4 * dimensions
    if len(content) <= head or content[:4] != bytes([0, 0, 8, dimensions]):
        raise ValueError(f"{file.name} is no IDX file of bytes in {dimensions} dimensions")
    sizes = struct.unpack(f">{dimensions}I", content[4:head])
    if len(content) != head + math.prod(sizes):
        raise ValueError(f"{file.name} holds {len(content) - head} bytes, where its header tells of {list(sizes)}")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=head).copy()).view(sizes)


def _cifar_files(reader: Any) -> list[str]:
    batches = [file for file, _ in reader.train_list + reader.test_list]
    return [f"{reader.base_folder}/{file}" for file in [*batches, reader.meta["filename"]]]


def _read_cifar(reader: Any, root: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Read by our own reader, for torchvision's would run whatever a pickle asks for."""
    folder = root / reader.base_folder
    verified(folder / reader.meta["filename"], reader.meta["md5"])
    return read_batches(folder, reader.train_list if train else reader.test_list)


def _svhn_files(reader: Any) -> list[str]:
    return [reader.split_list[part][1] for part in ("train", "test")]


def _read_svhn(reader: Any, root: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Read a MATLAB file of images [H, W, C, N] and labels [N, 1], where the digit 0 has the label 10."""
    import scipy.io  # slow to import

    _, file, md5 = reader.split_list["train" if train else "test"]
    part = scipy.io.loadmat(io.BytesIO(verified(root / file, md5)))
    labels = torch.from_numpy(part["y"]).flatten().long()
    return torch.from_numpy(part["X"]).permute(3, 2, 0, 1).contiguous(), torch.where(labels == 10, 0, labels)


def _camelyon_files(_: Any) -> list[str]:
    return [f"pcam/camelyonpatch_level_2_split_{part}_{key}.h5" for part in ("train", "test") for key in "xy"]


def _read_camelyon(_: Any, root: Path, train: bool) -> tuple[Tensor, Tensor]:
    """Read the arrays in slabs, where torchvision's class would open the files anew for every image."""
    import h5py  # type: ignore[import-untyped]  # slow to import, as torchvision

    stem = root / "pcam" / f"camelyonpatch_level_2_split_{'train' if train else 'test'}"
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


TORCHVISION_SETS = {
    "mnist": _Source("MNIST", 10, (1, 28, 28), _mnist_files, _read_mnist, packed=True),
    "fashion_mnist": _Source("FashionMNIST", 10, (1, 28, 28), _mnist_files, _read_mnist, packed=True),
    "kmnist": _Source("KMNIST", 10, (1, 28, 28), _mnist_files, _read_mnist, packed=True),
    "emnist_letters": _Source("EMNIST", 26, (1, 28, 28), _letters_files, _read_letters, packed=True),
    "cifar10": _Source("CIFAR10", 10, (3, 32, 32), _cifar_files, _read_cifar),
    "cifar100": _Source("CIFAR100", 100, (3, 32, 32), _cifar_files, _read_cifar),
    "svhn": _Source("SVHN", 10, (3, 32, 32), _svhn_files, _read_svhn),
    "patch_camelyon": _Source("PCAM", 2, (3, 96, 96), _camelyon_files, _read_camelyon),
}
QUICK = ("mnist", "fashion_mnist", "kmnist", "emnist_letters")  # plain bytes, read in less than a second
