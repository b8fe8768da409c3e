import h5py
import numpy as np
import pytest
import torch
from torchvision import datasets

from common.datasets import load, patch_camelyon
from common.datasets.patch_camelyon import PATCH_CAMELYON
from common.errors import UsageError
from tests.common.datasets.writers import PATCHES, write_camelyon, write_hdf5


@pytest.mark.parametrize("slab", [2, 4096])
def test_patch_camelyon_is_read_over_one_slab_and_more(tmp_path, monkeypatch, slab):
    monkeypatch.setattr(patch_camelyon, "_SLAB", slab)
    written = write_camelyon(tmp_path)
    data = load(PATCH_CAMELYON, tmp_path)
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
    data = load(PATCH_CAMELYON, tmp_path)
    for index, (image, label) in enumerate(datasets.PCAM(tmp_path, split="train")):
        assert np.array_equal(data.train_images[index].permute(1, 2, 0), np.array(image))
        assert data.train_labels[index] == label
        if index == 4:  # torchvision's class knows no end
            break


@pytest.mark.parametrize("key", ["x", "y"])
@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(("kept", "why"), [(0, "file signature not found"), (100, "truncated"), (-1, "truncated file")])
def test_truncated_patches_are_refused(tmp_path, part, key, kept, why):
    write_camelyon(tmp_path)
    file = tmp_path / "pcam" / PATCHES.format(part, key)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UsageError, match=rf"'patch_camelyon' is corrupt: {file.parent}: Unable to .* \({why}"):
        load(PATCH_CAMELYON, tmp_path)


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
        load(PATCH_CAMELYON, tmp_path)


def test_patches_without_their_array_are_refused(tmp_path):
    write_camelyon(tmp_path)
    file = tmp_path / "pcam" / PATCHES.format("train", "x")
    with h5py.File(file, "w"):
        pass
    with pytest.raises(UsageError, match=r"'patch_camelyon' is corrupt.*'x' doesn't exist"):
        load(PATCH_CAMELYON, tmp_path)
    with h5py.File(file, "w") as opened:
        opened.create_group("x")
    with pytest.raises(UsageError, match=r"'patch_camelyon' is corrupt.*train_x\.h5 holds .*group"):
        load(PATCH_CAMELYON, tmp_path)
