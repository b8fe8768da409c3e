"""Small data sets in the true formats of the published ones, written by tests."""

import gzip
import hashlib
import pickle
import struct

import h5py
import numpy as np
import scipy.io
from torchvision import datasets

MNIST_LIKE = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}


def write_idx(path, array):
    """The IDX format: two zero bytes, type 8 (unsigned byte), dimensions, big-endian sizes, the bytes."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_mnist(folder, train=12, test=4):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    written = {}
    for part, n in (("train", train), ("t10k", test)):
        written[part] = rng.integers(0, 256, (n, 28, 28)), np.arange(n) % 10
        write_idx(folder / f"{part}-images-idx3-ubyte", written[part][0])
        write_idx(folder / f"{part}-labels-idx1-ubyte", written[part][1])
    return written


def write_pickle(path, content):
    path.write_bytes(pickle.dumps(content, protocol=2))
    return [path.name, hashlib.md5(path.read_bytes()).hexdigest()]


def write_cifar(root, monkeypatch, reader, per_batch=None):
    """Write batches of rows of 3,072 bytes (red, green, blue planes) and let the reader expect their sums.

    Labels count on from batch to batch, over all classes.
    """
    classes = 100 if reader is datasets.CIFAR100 else 10
    per_batch = per_batch or classes // len(reader.train_list)
    folder = root / reader.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    key = "fine_labels" if reader is datasets.CIFAR100 else "labels"
    images = {}
    for attribute in ("train_list", "test_list"):
        sums, images[attribute] = [], []
        for name, _ in getattr(reader, attribute):
            rows = rng.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
            images[attribute].append(rows)
            labels = [(per_batch * len(sums) + i) % classes for i in range(per_batch)]
            sums.append(write_pickle(folder / name, {"data": rows, key: labels}))
        monkeypatch.setattr(reader, attribute, sums)
    file, md5 = write_pickle(folder / reader.meta["filename"], {reader.meta["key"]: ["some", "names"]})
    monkeypatch.setattr(reader, "meta", {**reader.meta, "filename": file, "md5": md5})
    return {attribute: np.concatenate(rows) for attribute, rows in images.items()}


LETTERS = "emnist-letters-{}-{}-ubyte"


def write_letters(root, train=26, test=5):
    """As torchvision's download leaves them: labels from 1, the last of them 26."""
    folder = root / "EMNIST" / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    written = {}
    for part, n in (("train", train), ("test", test)):
        written[part] = rng.integers(0, 256, (n, 28, 28)), 26 - np.arange(n)
        write_idx(folder / LETTERS.format(part, "images-idx3"), written[part][0])
        write_idx(folder / LETTERS.format(part, "labels-idx1"), written[part][1])
    return written


def write_svhn(root, monkeypatch, **changes):
    """Write MATLAB files of images [32, 32, 3, N] and labels [N, 1], 10 for the digit 0; let the reader expect them."""
    rng = np.random.default_rng(0)
    written, expected = {}, {}
    for part, n in (("train", 12), ("test", 3)):
        images = rng.integers(0, 256, (32, 32, 3, n), dtype=np.uint8)
        written[part] = {"X": images, "y": np.arange(n, dtype=np.uint8)[:, None] % 10 + 1}
        url, name, _ = datasets.SVHN.split_list[part]
        scipy.io.savemat(root / name, {**written[part], **changes}, do_compression=True)
        expected[part] = [url, name, hashlib.md5((root / name).read_bytes()).hexdigest()]
    monkeypatch.setattr(datasets.SVHN, "split_list", expected)
    return written


PATCHES = "camelyonpatch_level_2_split_{}_{}.h5"


def write_camelyon(root):
    """Write HDF5 files of images [N, 96, 96, 3] and labels [N, 1, 1, 1], each alone in its file."""
    folder = root / "pcam"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    written = {}
    for part, n in (("train", 5), ("test", 3)):
        written[part] = rng.integers(0, 256, (n, 96, 96, 3), dtype=np.uint8), np.arange(n, dtype=np.uint8) % 2
        write_hdf5(folder / PATCHES.format(part, "x"), "x", written[part][0])
        write_hdf5(folder / PATCHES.format(part, "y"), "y", written[part][1].reshape(n, 1, 1, 1))
    return written


def write_hdf5(path, key, array):
    with h5py.File(path, "w") as file:
        file.create_dataset(key, data=array)


def md5_of(file):
    return hashlib.md5(file.read_bytes()).hexdigest()


def pack(file):
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()


def write_any_idx(root, name):
    if name == "emnist_letters":
        write_letters(root)
        return root / "EMNIST" / "raw"
    folder = root / MNIST_LIKE[name] / "raw"
    write_mnist(folder)
    return folder
