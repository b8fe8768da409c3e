import pickle
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import pytest
import torch

from common.cell import plain
from common.datasets import DataSet, ImageData
from common.datasets.dataset import _moments, in_unit
from common.datasets.digits import DIGITS, read
from common.tools.data import PUBLISHED


def data(train, test=None, classes=2):
    test = train[:1] if test is None else test
    labels = torch.zeros(len(train), dtype=torch.int64), torch.zeros(len(test), dtype=torch.int64)
    return ImageData("toy", train, labels[0], test, labels[1], classes)


def random_images(*shape, seed=0):
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def test_standardised_by_hand():
    # 0, 0, 255, 255 become 0, 0, 1, 1: mean 1/2, standard deviation 1/2
    train = torch.tensor([0, 0, 255, 255], dtype=torch.uint8).reshape(2, 1, 1, 2)
    test = torch.tensor([51, 204], dtype=torch.uint8).reshape(1, 1, 1, 2)
    standardised = data(train, test).standardised()
    assert standardised[0].flatten().tolist() == [-1, -1, 1, 1]
    assert standardised[1].flatten().tolist() == pytest.approx([-0.6, 0.6])


def test_colour_is_standardised_by_channel_over_more_than_one_chunk():
    train = random_images(2300, 3, 2, 2)
    train[:, 1] //= 4
    out, _ = data(train).standardised()
    channels = out.double().transpose(0, 1).flatten(1)
    assert torch.allclose(channels.mean(1), torch.zeros(3).double(), atol=1e-6)
    assert torch.allclose(channels.std(1, correction=0), torch.ones(3).double(), atol=1e-6)
    assert out.dtype == torch.float32


def test_float_images_are_not_divided_and_stay_as_they_are():
    train = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
    toy = data(train)
    assert toy.standardised()[0].flatten().tolist() == [-1, 1]
    assert toy.train_images.flatten().tolist() == [1, 3]


def test_constant_channel_is_refused():
    with pytest.raises(ValueError, match="constant"):
        data(torch.ones(4, 1, 2, 2)).standardised()


def test_fingerprint_sees_every_part():
    toy = data(random_images(4, 1, 2, 2))
    changed = [
        replace(toy, train_images=toy.train_images.flip(0)),
        replace(toy, train_images=toy.train_images.view(4, 1, 4, 1), test_images=toy.test_images.view(1, 1, 4, 1)),
        replace(toy, train_labels=torch.tensor([0, 0, 0, 1])),
        replace(toy, test_images=toy.test_images + 1),
        replace(toy, test_labels=torch.tensor([1])),
    ]
    assert len({toy.fingerprint, *(other.fingerprint for other in changed)}) == 6
    assert toy.fingerprint == data(toy.train_images.clone()).fingerprint
    assert len(toy.fingerprint) == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": torch.tensor([0, 1, 2, 0])}, "labels reach from 0 to 2"),
        ({"test_labels": torch.tensor([-1])}, "labels reach from -1"),
        ({"train_labels": torch.zeros(3, dtype=torch.int64)}, "4 images need as many labels"),
        ({"train_labels": torch.zeros(4)}, "int64"),
        ({"test_images": torch.zeros(1, 1, 3, 2)}, "differ in shape"),
        ({"train_images": torch.zeros(4, 1, 2, 2).double()}, "uint8 or float32"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    toy = data(random_images(4, 1, 2, 2))
    with pytest.raises(ValueError, match=message):
        replace(toy, **change)


def test_moments_of_bytes_are_exact():
    train = random_images(2300, 1, 30, 30)
    values = train.numpy().astype(object)  # Python integers
    mean, std = _moments(train)
    assert mean.item() == values.sum() / values.size
    variance = Fraction((values**2).sum(), values.size) - Fraction(values.sum(), values.size) ** 2
    assert std.item() == pytest.approx(float(variance) ** 0.5, rel=1e-14)


def test_moments_are_those_of_images_in_the_unit_interval_by_channel():
    train = torch.tensor([[[0, 0], [255, 255]], [[51, 0], [51, 0]]], dtype=torch.uint8).view(1, 2, 2, 2)
    mean, std = data(train).moments()
    assert mean.shape == std.shape == (2, 1, 1)
    assert mean.dtype == std.dtype == torch.float32
    assert mean.flatten().tolist() == pytest.approx([0.5, 0.1])
    assert std.flatten().tolist() == pytest.approx([0.5, 0.1])  # population: divided by the number, not one less


def test_moments_see_training_images_alone_and_floats_as_they_are():
    train = torch.tensor([1.0, 5.0]).view(2, 1, 1, 1)
    mean, std = data(train, torch.full((3, 1, 1, 1), 100.0)).moments()
    assert (mean.item(), std.item()) == (3.0, 2.0)


def test_standardising_is_by_the_moments():
    toy = data(random_images(9, 3, 4, 4), random_images(5, 3, 4, 4, seed=1))
    mean, std = toy.moments()
    for found, images in zip(toy.standardised(), (toy.train_images, toy.test_images), strict=True):
        torch.testing.assert_close(found, (images.float() / 255 - mean) / std)


def test_moments_of_a_constant_channel_are_refused_by_name():
    train = random_images(4, 2, 3, 3)
    train[:, 1] = 7
    with pytest.raises(ValueError, match="toy: a channel of the training images is constant"):
        data(train).moments()


def test_bytes_become_floats_in_the_unit_interval():
    source = torch.tensor([0, 51, 255], dtype=torch.uint8)
    unit = in_unit(source)
    assert unit.dtype == torch.float32
    assert unit.tolist() == pytest.approx([0.0, 0.2, 1.0])


def test_floats_in_the_unit_interval_are_copied():
    source = torch.tensor([0.0, 0.5, 3.0])
    unit = in_unit(source)
    assert unit.tolist() == [0.0, 0.5, 3.0]
    unit.zero_()
    assert source.tolist() == [0.0, 0.5, 3.0]


@dataclass(frozen=True)
class Setting:
    dataset: DataSet


def test_a_data_set_is_its_name_in_keys_and_in_texts():
    assert plain(Setting(DIGITS)) == {"dataset": "digits"}
    assert f"{DIGITS}" == "digits"


@pytest.mark.parametrize("fields", [{"name": "d"}, {"classes": 9}, {"shape": (1, 8, 9)}, {"train": 1}, {"test": 1}])
def test_declarations_are_equal_where_all_facts_are(fields):
    assert replace(DIGITS, **fields) != DIGITS
    again = DataSet("digits", 10, (1, 8, 8), 1_437, 360, partial(read))
    assert again == DIGITS
    assert hash(again) == hash(DIGITS)


@pytest.mark.parametrize("dataset", [DIGITS, *PUBLISHED.values()], ids=str)
def test_another_process_finds_the_reader_and_what_fetches(dataset):
    found = pickle.loads(pickle.dumps(dataset))
    assert found == dataset
    assert found.read is dataset.read
