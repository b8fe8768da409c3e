import hashlib
import pickle
import struct

import numpy as np
import pytest
import torch
from torchvision import datasets

from common.datasets import load
from common.errors import UsageError

MNIST_LIKE = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}


def write_idx(path, array):
    """The IDX format: two zero bytes, type 8 (unsigned byte), dimensions, big-endian sizes, the bytes."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_mnist(folder, train=6, test=4):
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


def write_cifar(root, monkeypatch, reader, per_batch=3):
    """Write batches of rows of 3,072 bytes (red, green, blue planes) and let the reader expect their sums."""
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
            sums.append(write_pickle(folder / name, {"data": rows, key: list(range(per_batch))}))
        monkeypatch.setattr(reader, attribute, sums)
    file, md5 = write_pickle(folder / reader.meta["filename"], {reader.meta["key"]: ["some", "names"]})
    monkeypatch.setattr(reader, "meta", {**reader.meta, "filename": file, "md5": md5})
    return {attribute: np.concatenate(rows) for attribute, rows in images.items()}


@pytest.mark.parametrize("name", MNIST_LIKE)
def test_idx_files_are_read(tmp_path, name):
    written = write_mnist(tmp_path / MNIST_LIKE[name] / "raw")
    data = load(name, tmp_path)
    assert (data.name, data.num_classes) == (name, 10)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (6, 1, 28, 28)
    assert np.array_equal(data.train_images[:, 0], written["train"][0])
    assert np.array_equal(data.test_images[:, 0], written["t10k"][0])
    assert data.train_labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert data.test_labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "reader", "train", "classes"),
    [("cifar10", datasets.CIFAR10, 15, 10), ("cifar100", datasets.CIFAR100, 3, 100)],
)
def test_cifar_batches_are_read(tmp_path, monkeypatch, name, reader, train, classes):
    written = write_cifar(tmp_path, monkeypatch, reader)
    data = load(name, tmp_path)
    assert (data.name, data.num_classes) == (name, classes)
    assert data.train_images.shape == (train, 3, 32, 32)
    assert np.array_equal(data.train_images.flatten(1), written["train_list"])
    assert np.array_equal(data.test_images.flatten(1), written["test_list"])
    assert data.train_labels.tolist() == [0, 1, 2] * (train // 3)
    assert data.train_images.is_contiguous()


@pytest.mark.parametrize("name", [*MNIST_LIKE, "cifar10", "cifar100"])
def test_missing_folder_is_named_with_the_command_that_fills_it(tmp_path, name):
    with pytest.raises(UsageError) as caught:
        load(name, tmp_path)
    message = str(caught.value)
    assert f"{name!r} not found: there is no {tmp_path}" in message
    command = message.split("get it with: ")[1]
    statement = command.removeprefix('python -c "').removesuffix('"')
    called = {}
    fake = type("Fake", (), {"__init__": lambda self, root, download: called.update(root=root, download=download)})
    exec(statement.split("; ")[1], {"D": fake})
    assert called == {"root": str(tmp_path), "download": True}
    imported = {}
    exec(statement.split("; ")[0], imported)
    assert issubclass(imported["D"], datasets.VisionDataset)


def test_one_missing_file_is_named(tmp_path, monkeypatch):
    write_mnist(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UsageError, match=r"not found.*t10k-labels-idx1-ubyte"):
        load("mnist", tmp_path)
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(UsageError, match=r"not found.*data_batch_3"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("kept", [0, 3, 7, -1])
def test_truncated_idx_file_is_refused(tmp_path, file, kept):
    folder = tmp_path / "MNIST" / "raw"
    write_mnist(folder)
    (folder / file).write_bytes((folder / file).read_bytes()[:kept])
    with pytest.raises(UsageError, match=f"'mnist' is corrupt: {folder}: ."):
        load("mnist", tmp_path)


def test_idx_files_that_do_not_fit_together_are_refused(tmp_path):
    folder = tmp_path / "KMNIST" / "raw"
    write_mnist(folder)
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(5))
    with pytest.raises(UsageError, match="6 images need as many labels"):
        load("kmnist", tmp_path)
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(6) + 5)
    with pytest.raises(UsageError, match="labels reach from 5 to 10"):
        load("kmnist", tmp_path)


def test_damaged_cifar_batch_is_refused_before_it_is_unpickled(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(batch.read_bytes()[:-1])
    monkeypatch.setattr(pickle, "load", lambda *_, **__: pytest.fail("unpickled a file that failed its check"))
    with pytest.raises(UsageError, match=f"'cifar10' is corrupt: {batch.parent}"):
        load("cifar10", tmp_path)
