import gzip
import hashlib
import pickle
import re
import shutil
import struct

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from torchvision import datasets

from common.datasets import cifar, load, published, torchvision_sets
from common.datasets.problems import CorruptError, MissingError
from common.errors import UsageError

MD5 = published.MD5  # those of the real files, which no test writes
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


@pytest.mark.parametrize("name", ["KMNIST", "EMNIST"])
def test_a_changed_pixel_of_a_file_without_a_sum_is_read_as_it_is(tmp_path, name):
    write_mnist(tmp_path / "KMNIST" / "raw")
    write_letters(tmp_path)
    file = "train-images-idx3-ubyte" if name == "KMNIST" else LETTERS.format("train", "images-idx3")
    path = tmp_path / name / "raw" / file
    load({"KMNIST": "kmnist", "EMNIST": "emnist_letters"}[name], tmp_path)
    content = bytearray(path.read_bytes())
    content[16] ^= 1  # the first pixel, after the header
    path.write_bytes(content)
    data = load({"KMNIST": "kmnist", "EMNIST": "emnist_letters"}[name], tmp_path)
    assert data.train_images[0, 0, 0, 0] == content[16]


IDX_FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def test_every_file_of_mnist_and_fashion_mnist_has_a_sum_of_its_own():
    expected = [f"{folder}/raw/{file}" for folder in ("MNIST", "FashionMNIST") for file in IDX_FILES]
    assert [*torchvision_sets.files("mnist"), *torchvision_sets.files("fashion_mnist")] == expected == list(MD5)
    assert len({*MD5.values()}) == 8
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in MD5.values())


@pytest.fixture(params=["mnist", "fashion_mnist"])
def summed(request, tmp_path, monkeypatch):
    """The name and the folder of a small set that has the sums which are expected of it."""
    folder = tmp_path / MNIST_LIKE[request.param] / "raw"
    write_mnist(folder)
    sums = {f"{folder.relative_to(tmp_path)}/{file.name}": md5_of(file) for file in folder.iterdir()}
    monkeypatch.setattr(published, "MD5", sums)
    return request.param, folder


def md5_of(file):
    return hashlib.md5(file.read_bytes()).hexdigest()


def pack(file):
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("file", IDX_FILES)
def test_a_flipped_bit_of_mnist_or_fashion_mnist_is_refused_by_its_file(tmp_path, summed, file, packed):
    name, folder = summed
    load(name, tmp_path)
    before = md5_of(folder / file)
    content = bytearray((folder / file).read_bytes())
    content[-1] ^= 1
    (folder / file).write_bytes(content)
    after = md5_of(folder / file)
    if packed:
        pack(folder / file)
    with pytest.raises(
        CorruptError, match=f"'{name}' is corrupt: {folder}: the MD5 sum of {file} is {after}, not {before}"
    ):
        load(name, tmp_path)


def test_the_files_of_fashion_mnist_are_no_mnist(tmp_path, summed):
    name, folder = summed
    other = {"mnist": "fashion_mnist", "fashion_mnist": "mnist"}[name]
    others = {key.replace(f"{MNIST_LIKE[name]}/", f"{MNIST_LIKE[other]}/"): "0" * 32 for key in published.MD5}
    published.MD5.update(others)
    shutil.copytree(folder, tmp_path / MNIST_LIKE[other] / "raw")
    load(name, tmp_path)
    with pytest.raises(CorruptError, match=f"'{other}' is corrupt: .*the MD5 sum of train-images-idx3-ubyte is"):
        load(other, tmp_path)


PACKED = ["mnist", "fashion_mnist", "kmnist", "emnist_letters"]


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("which", [slice(0, 4), slice(0, 1), slice(3, 4)])
def test_packed_files_are_read_as_they_are(tmp_path, name, which):
    folder = write_any_idx(tmp_path, name)
    unpacked = load(name, tmp_path)
    for file in sorted(folder.iterdir())[which]:
        pack(file)
    before = sorted(folder.iterdir())
    assert load(name, tmp_path).fingerprint == unpacked.fingerprint
    assert sorted(folder.iterdir()) == before, "reading leaves nothing behind"


def write_any_idx(root, name):
    if name == "emnist_letters":
        write_letters(root)
        return root / "EMNIST" / "raw"
    folder = root / MNIST_LIKE[name] / "raw"
    write_mnist(folder)
    return folder


def test_an_unpacked_file_goes_before_a_packed_one(tmp_path):
    folder = write_any_idx(tmp_path, "mnist")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip file")
    load("mnist", tmp_path)


@pytest.mark.parametrize("name", ["kmnist", "emnist_letters"])
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda old: old[:-9], "Compressed file ended"),
        (lambda old: b"", "is no IDX file"),
        (lambda old: b"no gzip file", "Not a gzipped file"),
        (lambda old: old[:200] + bytes(200) + old[400:], "."),
        (lambda old: old[:-8] + bytes(8), "CRC check failed"),
    ],
)
def test_a_damaged_packed_file_is_refused(tmp_path, name, damage, why):
    folder = write_any_idx(tmp_path, name)
    for file in list(folder.iterdir()):
        pack(file)
    (file,) = folder.glob("*train-images*")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CorruptError, match=f"'{name}' is corrupt: {folder}: .*{why}"):
        load(name, tmp_path)


def test_a_file_that_is_there_in_neither_form_is_named_unpacked(tmp_path):
    folder = write_any_idx(tmp_path, "kmnist")
    for file in list(folder.iterdir()):
        pack(file)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(MissingError, match=f"there is no {folder / 't10k-labels-idx1-ubyte'};"):
        load("kmnist", tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 28, 28) + bytes(2 * 784 - 1), r"1567 bytes, where .* \[2, 28, 28\]"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 28, 28) + bytes(2 * 784 + 1), r"1569 bytes, where .* \[2, 28, 28\]"),
        (b"\0\0\x08\x01" + struct.pack(">I", 784) + bytes(784), "no IDX file of bytes in 3 dimensions"),
        (b"\0\0\x09\x03" + struct.pack(">3I", 1, 28, 28) + bytes(784), "no IDX file of bytes in 3 dimensions"),
        (b"\1\0\x08\x03" + struct.pack(">3I", 1, 28, 28) + bytes(784), "no IDX file of bytes in 3 dimensions"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 0, 28, 28), "no IDX file of bytes in 3 dimensions"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 1 << 31, 1 << 31, 1 << 31) + bytes(9), "9 bytes, where"),
    ],
)
def test_an_idx_file_of_another_format_or_length_is_refused(tmp_path, content, why):
    folder = write_any_idx(tmp_path, "kmnist")
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(CorruptError, match=f"train-images-idx3-ubyte .*{why}"):
        load("kmnist", tmp_path)


@pytest.mark.parametrize("name", MNIST_LIKE)
def test_idx_files_are_what_torchvision_reads(tmp_path, name):
    write_mnist(tmp_path / MNIST_LIKE[name] / "raw")
    data = load(name, tmp_path)
    for images, labels, train in (
        (data.train_images, data.train_labels, True),
        (data.test_images, data.test_labels, False),
    ):
        theirs = getattr(datasets, MNIST_LIKE[name])(tmp_path, train=train)
        assert torch.equal(images[:, 0], theirs.data)
        assert torch.equal(labels, theirs.targets)


def test_svhn_is_what_torchvision_reads(tmp_path, monkeypatch):
    write_svhn(tmp_path, monkeypatch)
    data = load("svhn", tmp_path)
    for images, labels, split in (
        (data.train_images, data.train_labels, "train"),
        (data.test_images, data.test_labels, "test"),
    ):
        theirs = datasets.SVHN(tmp_path, split=split)
        assert np.array_equal(images, theirs.data)
        assert labels.tolist() == theirs.labels.tolist()


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
    bad = damage((tmp_path / file).read_bytes())
    (tmp_path / file).write_bytes(bad)
    read = scipy.io.loadmat
    monkeypatch.setattr(scipy.io, "loadmat", lambda at: pytest.fail("bad") if at.getvalue() == bad else read(at))
    place = re.escape(f"{tmp_path}/{{train_32x32.mat,test_32x32.mat}}")  # never the root, which holds other data sets
    with pytest.raises(UsageError, match=f"'svhn' is corrupt: {place}: the MD5 sum of {file} is"):
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
@pytest.mark.parametrize(("kept", "why"), [(0, "file signature not found"), (100, "truncated"), (-1, "truncated file")])
def test_truncated_patches_are_refused(tmp_path, part, key, kept, why):
    write_camelyon(tmp_path)
    file = tmp_path / "pcam" / PATCHES.format(part, key)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UsageError, match=rf"'patch_camelyon' is corrupt: {file.parent}: Unable to .* \({why}"):
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
