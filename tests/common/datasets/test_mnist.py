import re
import shutil

import numpy as np
import pytest
import torch
from torchvision import datasets

from common.datasets import load, mnist
from common.datasets.mnist import FASHION_MNIST, KMNIST, MNIST
from common.datasets.problems import CorruptError
from common.errors import UsageError
from tests.common.datasets.writers import MNIST_LIKE, md5_of, pack, write_idx, write_mnist

SETS = {"mnist": MNIST, "fashion_mnist": FASHION_MNIST, "kmnist": KMNIST}
MD5 = mnist.MD5  # those of the real files, which no test writes


@pytest.mark.parametrize("name", MNIST_LIKE)
def test_idx_files_are_read(tmp_path, name):
    written = write_mnist(tmp_path / MNIST_LIKE[name] / "raw")
    data = load(SETS[name], tmp_path)
    assert (data.name, data.num_classes) == (name, 10)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (12, 1, 28, 28)
    assert np.array_equal(data.train_images[:, 0], written["train"][0])
    assert np.array_equal(data.test_images[:, 0], written["t10k"][0])
    assert data.train_labels.tolist() == [*range(10), 0, 1]
    assert data.test_labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("kept", [0, 3, 7, -1])
def test_truncated_idx_file_is_refused(tmp_path, file, kept):
    folder = tmp_path / "MNIST" / "raw"
    write_mnist(folder)
    (folder / file).write_bytes((folder / file).read_bytes()[:kept])
    with pytest.raises(UsageError, match=f"'mnist' is corrupt: {folder}: ."):
        load(MNIST, tmp_path)


def test_idx_files_that_do_not_fit_together_are_refused(tmp_path):
    folder = tmp_path / "KMNIST" / "raw"
    write_mnist(folder)
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(5))
    with pytest.raises(UsageError, match="12 images need as many labels"):
        load(KMNIST, tmp_path)
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(12))
    with pytest.raises(UsageError, match="labels reach from 0 to 11"):
        load(KMNIST, tmp_path)


def test_a_pickled_copy_of_mnist_from_old_times_is_not_read(tmp_path):
    write_mnist(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "processed").mkdir()
    for file in ("training.pt", "test.pt"):
        torch.save((torch.zeros(2, 28, 28), torch.zeros(2)), tmp_path / "MNIST" / "processed" / file)
    assert len(load(MNIST, tmp_path).train_labels) == 12


IDX_FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def test_every_file_of_mnist_and_fashion_mnist_has_a_sum_of_its_own():
    expected = [f"{folder}/raw/{file}" for folder in ("MNIST", "FashionMNIST") for file in IDX_FILES]
    assert [*MNIST.sources, *FASHION_MNIST.sources] == expected == list(MD5)
    assert len({*MD5.values()}) == 8
    assert all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in MD5.values())


@pytest.fixture(params=["mnist", "fashion_mnist"])
def summed(request, tmp_path, monkeypatch):
    """The name and the folder of a small set that has the sums which are expected of it."""
    folder = tmp_path / MNIST_LIKE[request.param] / "raw"
    write_mnist(folder)
    sums = {f"{folder.relative_to(tmp_path)}/{file.name}": md5_of(file) for file in folder.iterdir()}
    monkeypatch.setattr(mnist, "MD5", sums)
    return request.param, folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("file", IDX_FILES)
def test_a_flipped_bit_of_mnist_or_fashion_mnist_is_refused_by_its_file(tmp_path, summed, file, packed):
    name, folder = summed
    load(SETS[name], tmp_path)
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
        load(SETS[name], tmp_path)


def test_the_files_of_fashion_mnist_are_no_mnist(tmp_path, summed):
    name, folder = summed
    other = {"mnist": "fashion_mnist", "fashion_mnist": "mnist"}[name]
    others = {key.replace(f"{MNIST_LIKE[name]}/", f"{MNIST_LIKE[other]}/"): "0" * 32 for key in mnist.MD5}
    mnist.MD5.update(others)
    shutil.copytree(folder, tmp_path / MNIST_LIKE[other] / "raw")
    load(SETS[name], tmp_path)
    with pytest.raises(CorruptError, match=f"'{other}' is corrupt: .*the MD5 sum of train-images-idx3-ubyte is"):
        load(SETS[other], tmp_path)


@pytest.mark.parametrize("name", MNIST_LIKE)
def test_idx_files_are_what_torchvision_reads(tmp_path, name):
    write_mnist(tmp_path / MNIST_LIKE[name] / "raw")
    data = load(SETS[name], tmp_path)
    for images, labels, train in (
        (data.train_images, data.train_labels, True),
        (data.test_images, data.test_labels, False),
    ):
        theirs = getattr(datasets, MNIST_LIKE[name])(tmp_path, train=train)
        assert torch.equal(images[:, 0], theirs.data)
        assert torch.equal(labels, theirs.targets)
