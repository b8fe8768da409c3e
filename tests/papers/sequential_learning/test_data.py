from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from common.datasets import load
from common.datasets.cifar import CIFAR100
from common.datasets.dataset import ImageData
from common.datasets.digits import DIGITS
from common.datasets.emnist import EMNIST_LETTERS
from papers.sequential_learning import data as module
from papers.sequential_learning.data import DIGITS_250, DIGITS_1000, in_colour, parity

NOWHERE = Path("no data needed")
MADE = [DIGITS_250, DIGITS_1000, parity(DIGITS_250), in_colour(DIGITS_250), parity(in_colour(DIGITS_250))]


def rows(images, labels):
    """Return images with their labels as a sorted list, to compare as a multiset."""
    return sorted([label, *image] for label, image in zip(labels.tolist(), images.flatten(1).tolist(), strict=True))


@pytest.mark.parametrize("dataset", MADE, ids=str)
def test_data_sets_are_what_is_declared(dataset):
    data = load(dataset, NOWHERE)
    assert (data.name, data.num_classes) == (dataset.name, dataset.classes)
    assert data.train_images.shape == (dataset.train, *dataset.shape)
    assert data.test_images.shape == (dataset.test, *dataset.shape)
    assert data.train_labels.unique().tolist() == data.test_labels.unique().tolist() == list(range(data.num_classes))


def test_data_sets_made_of_published_ones_are_named_for_them():
    letters, hundred = in_colour(EMNIST_LETTERS), parity(CIFAR100)
    assert (letters.name, letters.shape, letters.classes, letters.train) == (
        "emnist_letters-rgb32",
        (3, 32, 32),
        26,
        124_800,
    )
    assert (hundred.name, hundred.shape, hundred.classes) == ("cifar100-parity", (3, 32, 32), 2)


def test_as_many_digits_of_every_class_are_trained_on_and_all_others_tested_on():
    digits = load(DIGITS)
    images = torch.cat([digits.train_images, digits.test_images])
    labels = torch.cat([digits.train_labels, digits.test_labels])
    for dataset, count in ((DIGITS_250, 250), (DIGITS_1000, 1000)):
        data = load(dataset, NOWHERE)
        assert torch.bincount(data.train_labels).tolist() == [count // 10] * 10
        assert len(data.test_labels) == 1797 - count
        found = torch.cat([data.train_images, data.test_images]), torch.cat([data.train_labels, data.test_labels])
        assert rows(*found) == rows(images, labels)  # none twice, none lost


def test_the_choice_of_digits_is_always_the_same_and_not_the_first_ones():
    data = load(DIGITS_250, NOWHERE)
    assert data.fingerprint == load(DIGITS_250, NOWHERE).fingerprint
    digits = load(DIGITS)
    first = torch.cat([digits.train_images[digits.train_labels == digit][:25] for digit in range(10)])
    assert not torch.equal(data.train_images, first)


def test_choosing_digits_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    load(DIGITS_250, NOWHERE)
    assert torch.equal(torch.get_rng_state(), before)


def test_parity_changes_labels_alone():
    digits, changed = load(DIGITS_250, NOWHERE), load(parity(DIGITS_250), NOWHERE)
    assert torch.equal(changed.train_images, digits.train_images)
    assert torch.equal(changed.test_images, digits.test_images)
    for labels, odd in ((digits.train_labels, changed.train_labels), (digits.test_labels, changed.test_labels)):
        assert odd.tolist() == [label % 2 for label in labels.tolist()]
    assert changed.num_classes == 2


@pytest.fixture
def other(monkeypatch):
    """Let `load` return images of bytes, of one or three channels."""

    def install(channels, side):
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(256, (7, channels, side, side), generator=generator).to(torch.uint8)
        labels = torch.arange(7) % 3
        data = ImageData("other", images[:4], labels[:4], images[4:], labels[4:], 3)
        monkeypatch.setattr(module, "load", lambda dataset, folder: data)
        return data

    return install


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 64), (3, 32)])
@pytest.mark.parametrize("chunk", [10_000, 3])
def test_small_colour_images(other, monkeypatch, channels, side, chunk):
    monkeypatch.setattr(module, "_CHUNK", chunk)
    data = other(channels, side)
    small = load(in_colour(replace(DIGITS, name="other")), NOWHERE)
    for found, source in ((small.train_images, data.train_images), (small.test_images, data.test_images)):
        assert found.shape == (len(source), 3, 32, 32)
        assert found.dtype == torch.float32
        assert 0.0 <= found.min() < found.max() <= 1.0
        unit = source.float().div(255)
        expected = F.interpolate(unit, size=(32, 32), mode="bilinear", align_corners=False, antialias=False)
        torch.testing.assert_close(found, torch.cat([expected] * 3, 1) if channels == 1 else expected)
    assert torch.equal(small.train_labels, data.train_labels)
    assert torch.equal(small.test_labels, data.test_labels)
    assert (small.name, small.num_classes) == ("other-rgb32", 3)
    small.moments()  # three channels of their own
