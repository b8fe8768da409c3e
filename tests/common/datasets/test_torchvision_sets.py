import hashlib
import pickle
import re
import struct

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from torchvision import datasets

from common.datasets import cifar, load, torchvision_sets
from common.errors import UsageError

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


@pytest.mark.parametrize("name", MNIST_LIKE)
def test_idx_files_are_read(tmp_path, name):
    written = write_mnist(tmp_path / MNIST_LIKE[name] / "raw")
    data = load(name, tmp_path)
    assert (data.name, data.num_classes) == (name, 10)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (12, 1, 28, 28)
    assert np.array_equal(data.train_images[:, 0], written["train"][0])
    assert np.array_equal(data.test_images[:, 0], written["t10k"][0])
    assert data.train_labels.tolist() == [*range(10), 0, 1]
    assert data.test_labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "reader", "train", "classes"),
    [("cifar10", datasets.CIFAR10, 10, 10), ("cifar100", datasets.CIFAR100, 100, 100)],
)
def test_cifar_batches_are_read(tmp_path, monkeypatch, name, reader, train, classes):
    written = write_cifar(tmp_path, monkeypatch, reader)
    data = load(name, tmp_path)
    assert (data.name, data.num_classes) == (name, classes)
    assert data.train_images.shape == (train, 3, 32, 32)
    assert np.array_equal(data.train_images.flatten(1), written["train_list"])
    assert np.array_equal(data.test_images.flatten(1), written["test_list"])
    assert data.train_labels.tolist() == list(range(train))
    assert data.train_images.is_contiguous()


def test_emnist_letters_stand_upright_and_count_from_0(tmp_path):
    written = write_letters(tmp_path)
    data = load("emnist_letters", tmp_path)
    assert (data.name, data.num_classes) == ("emnist_letters", 26)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (26, 1, 28, 28)
    assert np.array_equal(data.train_images[:, 0], written["train"][0].transpose(0, 2, 1))
    assert np.array_equal(data.test_images[:, 0], written["test"][0].transpose(0, 2, 1))
    assert data.train_labels.tolist() == list(range(25, -1, -1))
    assert data.test_labels.tolist() == [25, 24, 23, 22, 21]
    assert data.train_images.is_contiguous()


def test_svhn_is_read_with_label_0_for_the_digit_0(tmp_path, monkeypatch):
    written = write_svhn(tmp_path, monkeypatch)
    data = load("svhn", tmp_path)
    assert (data.name, data.num_classes) == ("svhn", 10)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (12, 3, 32, 32)
    assert np.array_equal(data.train_images.permute(2, 3, 1, 0), written["train"]["X"])
    assert np.array_equal(data.test_images.permute(2, 3, 1, 0), written["test"]["X"])
    assert data.train_labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert data.test_labels.tolist() == [1, 2, 3]
    assert data.train_images.is_contiguous()


@pytest.mark.parametrize("slab", [2, 4096])
def test_patch_camelyon_is_read_over_one_slab_and_more(tmp_path, monkeypatch, slab):
    monkeypatch.setattr(torchvision_sets, "_SLAB", slab)
    written = write_camelyon(tmp_path)
    data = load("patch_camelyon", tmp_path)
    assert (data.name, data.num_classes) == ("patch_camelyon", 2)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (5, 3, 96, 96)
    assert np.array_equal(data.train_images.permute(0, 2, 3, 1), written["train"][0])
    assert np.array_equal(data.test_images.permute(0, 2, 3, 1), written["test"][0])
    assert data.train_labels.tolist() == [0, 1, 0, 1, 0]
    assert data.test_labels.tolist() == [0, 1, 0]
    assert data.train_images.is_contiguous()


def test_patch_camelyon_is_what_torchvision_gives_one_by_one(tmp_path):
    write_camelyon(tmp_path)
    data = load("patch_camelyon", tmp_path)
    for index, (image, label) in enumerate(datasets.PCAM(tmp_path, split="train")):
        assert np.array_equal(data.train_images[index].permute(1, 2, 0), np.array(image))
        assert data.train_labels[index] == label
        if index == 4:  # torchvision's class knows no end
            break


@pytest.mark.parametrize("name", torchvision_sets.TORCHVISION_SETS)
def test_missing_files_are_named_with_the_command_that_gets_them(tmp_path, name):
    root = tmp_path / "my data"
    with pytest.raises(UsageError) as caught:
        load(name, root)
    message, command = str(caught.value).split("get it with: ")
    assert f"{name!r} not found: there is no {root}" in message
    assert command == f"nox -s data -- {name} --data-dir '{root}'"


def test_one_missing_file_is_named(tmp_path, monkeypatch):
    write_mnist(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UsageError, match=r"not found.*t10k-labels-idx1-ubyte"):
        load("mnist", tmp_path)
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(UsageError, match=r"not found.*data_batch_3"):
        load("cifar10", tmp_path)
    write_letters(tmp_path)
    (tmp_path / "EMNIST" / "raw" / LETTERS.format("test", "labels-idx1")).unlink()
    with pytest.raises(UsageError, match=r"not found.*emnist-letters-test-labels-idx1-ubyte;"):
        load("emnist_letters", tmp_path)
    write_svhn(tmp_path, monkeypatch)
    (tmp_path / "test_32x32.mat").unlink()
    with pytest.raises(UsageError, match=r"not found.*test_32x32\.mat;"):
        load("svhn", tmp_path)
    write_camelyon(tmp_path)
    (tmp_path / "pcam" / PATCHES.format("train", "y")).unlink()
    with pytest.raises(UsageError, match=r"not found.*split_train_y\.h5;"):
        load("patch_camelyon", tmp_path)


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
    with pytest.raises(UsageError, match="12 images need as many labels"):
        load("kmnist", tmp_path)
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(12))
    with pytest.raises(UsageError, match="labels reach from 0 to 11"):
        load("kmnist", tmp_path)


def test_a_class_without_a_training_image_is_named(tmp_path, monkeypatch):
    write_mnist(tmp_path / "MNIST" / "raw")
    write_idx(tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte", np.arange(12) % 9)
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR100, per_batch=99)
    write_letters(tmp_path, train=25)
    write_camelyon(tmp_path)
    write_hdf5(tmp_path / "pcam" / PATCHES.format("train", "y"), "y", np.ones((5, 1, 1, 1), np.uint8))
    for name, lost in (("mnist", 9), ("cifar100", 99), ("emnist_letters", 0), ("patch_camelyon", 0)):
        with pytest.raises(UsageError, match=f"{name!r} is corrupt.*: class {lost} has no image to train on"):
            load(name, tmp_path)


def test_a_pickled_copy_of_mnist_from_old_times_is_not_read(tmp_path):
    write_mnist(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "processed").mkdir()
    for file in ("training.pt", "test.pt"):
        torch.save((torch.zeros(2, 28, 28), torch.zeros(2)), tmp_path / "MNIST" / "processed" / file)
    assert len(load("mnist", tmp_path).train_labels) == 12


@pytest.mark.parametrize("name", ["MNIST", "EMNIST"])
def test_a_changed_pixel_of_a_file_without_a_sum_is_read_as_it_is(tmp_path, name):
    write_mnist(tmp_path / "MNIST" / "raw")
    write_letters(tmp_path)
    file = "train-images-idx3-ubyte" if name == "MNIST" else LETTERS.format("train", "images-idx3")
    path = tmp_path / name / "raw" / file
    load({"MNIST": "mnist", "EMNIST": "emnist_letters"}[name], tmp_path)
    content = bytearray(path.read_bytes())
    content[16] ^= 1  # the first pixel, after the header
    path.write_bytes(content)
    data = load({"MNIST": "mnist", "EMNIST": "emnist_letters"}[name], tmp_path)
    assert data.train_images[0, 0, 0, 0] == content[16]


@pytest.mark.parametrize("file", ["data_batch_2", "test_batch", "batches.meta"])
@pytest.mark.parametrize("damage", [lambda old: old[:-1], lambda old: old[:40] + b"?" + old[41:], lambda _: b""])
def test_damaged_cifar_file_is_refused_before_it_is_unpickled(tmp_path, monkeypatch, file, damage):
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    path = tmp_path / "cifar-10-batches-py" / file
    bad = damage(path.read_bytes())
    path.write_bytes(bad)
    unpickle = cifar.unpickle
    monkeypatch.setattr(cifar, "unpickle", lambda content: pytest.fail("bad") if content == bad else unpickle(content))
    with pytest.raises(UsageError, match=f"'cifar10' is corrupt: {path.parent}: the MD5 sum of {file} is"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("kept", [0, 5, -1])
def test_truncated_letters_are_refused(tmp_path, part, kind, kept):
    write_letters(tmp_path)
    file = tmp_path / "EMNIST" / "raw" / LETTERS.format(part, kind)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UsageError, match=f"'emnist_letters' is corrupt: {file.parent}: ."):
        load("emnist_letters", tmp_path)


@pytest.mark.parametrize(
    ("kind", "array", "message"),
    [
        ("labels-idx1", np.arange(26), "labels reach from -1 to 24"),
        ("labels-idx1", np.arange(26) + 2, "labels reach from 1 to 26"),
        ("labels-idx1", np.arange(25) + 1, "26 images need as many labels"),
        ("images-idx3", np.zeros((26, 32, 28)), r"\[26, 1, 28, 32\], not torch.uint8 \['N', 1, 28, 28\]"),
    ],
)
def test_letters_that_are_not_what_was_published_are_refused(tmp_path, kind, array, message):
    write_letters(tmp_path)
    write_idx(tmp_path / "EMNIST" / "raw" / LETTERS.format("train", kind), array)
    with pytest.raises(UsageError, match=message):
        load("emnist_letters", tmp_path)


@pytest.mark.parametrize("file", ["train_32x32.mat", "test_32x32.mat"])
@pytest.mark.parametrize("damage", [lambda old: old[:-1], lambda old: old[:200] + b"?" + old[201:], lambda _: b""])
def test_damaged_svhn_file_is_refused_before_it_is_read(tmp_path, monkeypatch, file, damage):
    write_svhn(tmp_path, monkeypatch)
    (tmp_path / file).write_bytes(damage((tmp_path / file).read_bytes()))
    read = scipy.io.loadmat
    monkeypatch.setattr(scipy.io, "loadmat", lambda at: pytest.fail("read a damaged file") if file in at else read(at))
    place = re.escape(f"{tmp_path}/{{train_32x32.mat,test_32x32.mat}}")  # never the root, which holds other data sets
    with pytest.raises(UsageError, match=f"'svhn' is corrupt: {place}: ."):
        load("svhn", tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.full((12, 1), 11, np.uint8)}, "labels reach from 11 to 11"),
        ({"y": np.ones((7, 1), np.uint8)}, "12 images need as many labels"),
        ({"X": np.zeros((32, 28, 3, 12), np.uint8)}, r"torch.uint8 \[12, 3, 32, 28\], not"),
        ({"X": np.zeros((32, 32, 3, 12), np.float32)}, r"torch.float32 \[12, 3, 32, 32\], not"),
    ],
)
def test_svhn_that_is_not_what_was_published_is_refused(tmp_path, monkeypatch, changes, message):
    write_svhn(tmp_path, monkeypatch, **changes)
    with pytest.raises(UsageError, match=rf"'svhn' is corrupt: .*test_32x32\.mat}}: .*{message}"):
        load("svhn", tmp_path)


@pytest.mark.parametrize("key", ["x", "y"])
@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("kept", [0, 100, -1])
def test_truncated_patches_are_refused(tmp_path, part, key, kept):
    write_camelyon(tmp_path)
    file = tmp_path / "pcam" / PATCHES.format(part, key)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UsageError, match=f"'patch_camelyon' is corrupt: {file.parent}: ."):
        load("patch_camelyon", tmp_path)


@pytest.mark.parametrize(
    ("part", "key", "array", "message"),
    [
        ("train", "y", np.full((5, 1, 1, 1), 2, np.uint8), "training: labels reach from 2 to 2, outside 2 classes"),
        ("test", "y", np.zeros((2, 1, 1, 1), np.uint8), "test: 3 images need as many labels"),
        ("test", "y", np.zeros((3, 2, 1, 1), np.uint8), r"split_test_y\.h5 holds .*not uint8 \['N', 1, 1, 1\]"),
        ("test", "y", np.zeros((3, 1, 1, 1), np.float32), r"split_test_y\.h5 holds .*not uint8"),
        ("train", "x", np.zeros((5, 3, 96, 96), np.uint8), r"split_train_x\.h5 holds .*not uint8 \['N', 96, 96, 3\]"),
        ("train", "x", np.zeros((5, 96, 96, 3), np.int16), r"split_train_x\.h5 holds .*not uint8"),
        ("train", "x", h5py.Empty("u1"), "."),
    ],
)
def test_patches_that_are_not_what_was_published_are_refused(tmp_path, part, key, array, message):
    write_camelyon(tmp_path)
    write_hdf5(tmp_path / "pcam" / PATCHES.format(part, key), key, array)
    with pytest.raises(UsageError, match=f"'patch_camelyon' is corrupt: {tmp_path / 'pcam'}: .*{message}"):
        load("patch_camelyon", tmp_path)


def test_patches_without_their_array_are_refused(tmp_path):
    write_camelyon(tmp_path)
    file = tmp_path / "pcam" / PATCHES.format("train", "x")
    with h5py.File(file, "w"):
        pass
    with pytest.raises(UsageError, match=r"'patch_camelyon' is corrupt.*'x' doesn't exist"):
        load("patch_camelyon", tmp_path)
    with h5py.File(file, "w") as opened:
        opened.create_group("x")
    with pytest.raises(UsageError, match=r"'patch_camelyon' is corrupt.*train_x\.h5 holds .*group"):
        load("patch_camelyon", tmp_path)
