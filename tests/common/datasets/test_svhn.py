import re

import numpy as np
import pytest
import scipy.io
import torch
from torchvision import datasets

from common.datasets import load
from common.datasets.svhn import SVHN
from common.errors import UsageError
from tests.common.datasets.writers import write_svhn


def test_svhn_is_read_with_label_0_for_the_digit_0(tmp_path, monkeypatch):
    written = write_svhn(tmp_path, monkeypatch)
    data = load(SVHN, tmp_path)
    assert (data.name, data.num_classes) == ("svhn", 10)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (12, 3, 32, 32)
    assert np.array_equal(data.train_images.permute(2, 3, 1, 0), written["train"]["X"])
    assert np.array_equal(data.test_images.permute(2, 3, 1, 0), written["test"]["X"])
    assert data.train_labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert data.test_labels.tolist() == [1, 2, 3]
    assert data.train_images.is_contiguous()


def test_svhn_is_what_torchvision_reads(tmp_path, monkeypatch):
    write_svhn(tmp_path, monkeypatch)
    data = load(SVHN, tmp_path)
    for images, labels, split in (
        (data.train_images, data.train_labels, "train"),
        (data.test_images, data.test_labels, "test"),
    ):
        theirs = datasets.SVHN(tmp_path, split=split)
        assert np.array_equal(images, theirs.data)
        assert labels.tolist() == theirs.labels.tolist()


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
        load(SVHN, tmp_path)


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
        load(SVHN, tmp_path)
