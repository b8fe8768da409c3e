import numpy as np
import pytest
import torch

from common.datasets import load
from common.datasets.emnist import EMNIST_LETTERS
from common.errors import UsageError
from tests.common.datasets.writers import LETTERS, write_idx, write_letters


def test_emnist_letters_stand_upright_and_count_from_0(tmp_path):
    written = write_letters(tmp_path)
    data = load(EMNIST_LETTERS, tmp_path)
    assert (data.name, data.num_classes) == ("emnist_letters", 26)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (26, 1, 28, 28)
    assert np.array_equal(data.train_images[:, 0], written["train"][0].transpose(0, 2, 1))
    assert np.array_equal(data.test_images[:, 0], written["test"][0].transpose(0, 2, 1))
    assert data.train_labels.tolist() == list(range(25, -1, -1))
    assert data.test_labels.tolist() == [25, 24, 23, 22, 21]
    assert data.train_images.is_contiguous()


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("kept", [0, 5, -1])
def test_truncated_letters_are_refused(tmp_path, part, kind, kept):
    write_letters(tmp_path)
    file = tmp_path / "EMNIST" / "raw" / LETTERS.format(part, kind)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UsageError, match=f"'emnist_letters' is corrupt: {file.parent}: ."):
        load(EMNIST_LETTERS, tmp_path)


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
        load(EMNIST_LETTERS, tmp_path)
