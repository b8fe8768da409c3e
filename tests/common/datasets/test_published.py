from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.datasets import ImageData
from common.datasets.mnist import MNIST
from common.datasets.problems import CorruptError
from common.datasets.published import whole
from common.datasets.svhn import SVHN
from common.tools.data import PUBLISHED


def images(train, test):
    tensors = [torch.zeros(count, *shape) for count in (train, test) for shape in ((1, 2, 2), ())]
    return ImageData("mnist", tensors[0], tensors[1].long(), tensors[2], tensors[3].long(), 10)


@pytest.mark.parametrize(
    ("found", "divided", "reason"),
    [
        ((1_200, 400), False, None),
        ((1_200, 400), True, None),
        ((1_201, 399), True, None),
        ((1_201, 399), False, "1,201 + 399 images, where 1,200 + 400 were published"),
        ((1_200, 401), False, "1,200 + 401 images, where 1,200 + 400 were published"),
        ((1_200, 401), True, "1,601 images, where 1,600 were published"),
    ],
)
def test_images_are_counted_by_part_or_together_where_the_reader_divides_them(found, divided, reason):
    dataset = replace(MNIST, train=1_200, test=400, divided=divided, read=lambda dataset, root: images(*found))
    assert dataset.wrong_number(images(*found)) == reason
    if reason is None:
        assert len(whole(dataset, Path("data")).train_labels) == found[0]
    else:
        with pytest.raises(CorruptError, match=r"^data set 'mnist' is corrupt: data/MNIST/raw: "):
            whole(dataset, Path("data"))


def test_the_place_is_the_folder_of_the_files_or_names_them():
    assert MNIST.place(Path("data")) == Path("data/MNIST/raw")
    assert SVHN.place(Path("data")) == Path("data/{train_32x32.mat,test_32x32.mat}")


def test_no_two_sets_share_a_name_or_a_file():
    sources = [source for dataset in PUBLISHED.values() for source in dataset.sources]
    assert len(sources) == len(set(sources))
    assert [name for name, dataset in PUBLISHED.items() if dataset.divided] == ["caltech256"]
