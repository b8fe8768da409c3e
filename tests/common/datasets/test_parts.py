import numpy as np
import pytest
from torchvision import datasets

from common.datasets import load
from common.datasets.cifar import CIFAR10, CIFAR100
from common.datasets.emnist import EMNIST_LETTERS
from common.datasets.mnist import FASHION_MNIST, KMNIST, MNIST
from common.datasets.patch_camelyon import PATCH_CAMELYON
from common.datasets.svhn import SVHN
from common.errors import UsageError
from common.tools.data import PUBLISHED
from tests.common.datasets.writers import (
    LETTERS,
    PATCHES,
    write_camelyon,
    write_cifar,
    write_hdf5,
    write_idx,
    write_letters,
    write_mnist,
    write_svhn,
)

IN_PARTS = [
    "mnist",
    "fashion_mnist",
    "kmnist",
    "emnist_letters",
    "cifar10",
    "cifar100",
    "svhn",
    "patch_camelyon",
]


@pytest.mark.parametrize("name", IN_PARTS)
def test_missing_files_are_named_with_the_command_that_gets_them(tmp_path, name):
    root = tmp_path / "my data"
    with pytest.raises(UsageError) as caught:
        load(PUBLISHED[name], root)
    message, command = str(caught.value).split("get it with: ")
    assert f"{name!r} not found: there is no {root}" in message
    assert command == f"nox -s data -- {name} --data-dir '{root}'"


def test_one_missing_file_is_named(tmp_path, monkeypatch):
    write_mnist(tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UsageError, match=r"not found.*t10k-labels-idx1-ubyte"):
        load(MNIST, tmp_path)
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(UsageError, match=r"not found.*data_batch_3"):
        load(CIFAR10, tmp_path)
    write_letters(tmp_path)
    (tmp_path / "EMNIST" / "raw" / LETTERS.format("test", "labels-idx1")).unlink()
    with pytest.raises(UsageError, match=r"not found.*emnist-letters-test-labels-idx1-ubyte;"):
        load(EMNIST_LETTERS, tmp_path)
    write_svhn(tmp_path, monkeypatch)
    (tmp_path / "test_32x32.mat").unlink()
    with pytest.raises(UsageError, match=r"not found.*test_32x32\.mat;"):
        load(SVHN, tmp_path)
    write_camelyon(tmp_path)
    (tmp_path / "pcam" / PATCHES.format("train", "y")).unlink()
    with pytest.raises(UsageError, match=r"not found.*split_train_y\.h5;"):
        load(PATCH_CAMELYON, tmp_path)


def test_a_class_without_a_training_image_is_named(tmp_path, monkeypatch):
    write_mnist(tmp_path / "MNIST" / "raw")
    write_idx(tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte", np.arange(12) % 9)
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR100, per_batch=99)
    write_letters(tmp_path, train=25)
    write_camelyon(tmp_path)
    write_hdf5(tmp_path / "pcam" / PATCHES.format("train", "y"), "y", np.ones((5, 1, 1, 1), np.uint8))
    for name, lost in (("mnist", 9), ("cifar100", 99), ("emnist_letters", 0), ("patch_camelyon", 0)):
        with pytest.raises(UsageError, match=f"{name!r} is corrupt.*: class {lost} has no image to train on"):
            load(PUBLISHED[name], tmp_path)


def test_the_files_are_those_that_torchvision_leaves():
    for dataset, known in ((MNIST, datasets.MNIST), (FASHION_MNIST, datasets.FashionMNIST), (KMNIST, datasets.KMNIST)):
        packed = [f"{known.__name__}/raw/{file}" for file, _ in known.resources]
        assert [f"{source}.gz" for source in dataset.sources] == packed
    for dataset, known in ((CIFAR10, datasets.CIFAR10), (CIFAR100, datasets.CIFAR100)):
        files = [file for file, _ in known.train_list + known.test_list] + [known.meta["filename"]]
        assert list(dataset.sources) == [f"{known.base_folder}/{file}" for file in files]
    assert list(SVHN.sources) == [datasets.SVHN.split_list[part][1] for part in ("train", "test")]
    patches = [file for part in ("train", "test") for file, *_ in datasets.PCAM._FILES[part].values()]
    assert set(PATCH_CAMELYON.sources) <= {f"pcam/{file}" for file in patches}
