from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from common.datasets import DataSet, ImageData, load
from papers.fast import data
from papers.fast.data import DIGITS_0_4, DIGITS_5_9, DIGITS_ROTATED, GRATINGS, digits_only

NOWHERE = Path("no data needed")


def images_of(count=3):
    images = torch.arange(count * 4.0).view(count, 1, 2, 2)
    return ImageData("digits", images, torch.arange(count), images + 100.0, torch.arange(count), count)


def parts_of(dataset: DataSet):
    found = load(dataset, NOWHERE)
    return found.train_images, found.train_labels, found.test_images, found.test_labels


@pytest.mark.parametrize("dataset", [DIGITS_ROTATED, DIGITS_0_4, DIGITS_5_9, GRATINGS], ids=str)
def test_data_sets_are_what_is_declared(dataset):
    found = load(dataset, NOWHERE)
    assert (found.name, found.num_classes) == (dataset.name, dataset.classes)
    assert found.train_images.shape == (dataset.train, *dataset.shape)
    assert found.test_images.shape == (dataset.test, *dataset.shape)


def test_every_image_turns_by_ninety_degrees_once(monkeypatch):
    monkeypatch.setattr(data, "digits", lambda data_dir: images_of())
    train, labels, test, test_labels = parts_of(DIGITS_ROTATED)
    assert train[0, 0].tolist() == [[1.0, 3.0], [0.0, 2.0]]
    assert test[0, 0].tolist() == [[101.0, 103.0], [100.0, 102.0]]
    assert torch.equal(labels, torch.arange(3))
    assert torch.equal(test_labels, torch.arange(3))


def test_some_digits_alone_become_classes_from_zero(monkeypatch):
    monkeypatch.setattr(data, "digits", lambda data_dir: images_of(6))
    some = replace(DIGITS_0_4, classes=3, read=partial(digits_only, 2, 4))
    train, labels, test, test_labels = parts_of(some)
    assert labels.tolist() == test_labels.tolist() == [0, 1, 2]
    assert train[:, 0, 0, 0].tolist() == [8.0, 12.0, 16.0]
    assert test[:, 0, 0, 0].tolist() == [108.0, 112.0, 116.0]


def test_a_grating_tells_its_class_by_its_spectrum_but_not_by_its_pixels():
    train, labels, test, test_labels = parts_of(GRATINGS)
    assert labels.bincount().tolist() == [144] * 10
    assert test_labels.bincount().tolist() == [36] * 10
    for images, known in ((train, labels), (test, test_labels)):
        centres = torch.stack([images[known == label].mean(0) for label in range(10)])
        assert float(centres.square().mean().sqrt()) < 0.2, "of one phase they would be waves, 0.43 high"
    spectra, test_spectra = (torch.fft.rfft2(images, s=(16, 16)).abs().flatten(1) for images in (train, test))

    def right(known, asked):
        centres = torch.stack([known[labels == label].mean(0) for label in range(10)])
        return float((torch.cdist(asked, centres).argmin(1) == test_labels).float().mean())

    assert right(spectra, test_spectra) > 0.6, "chance is 0.1"
    assert right(train.flatten(1), test.flatten(1)) < 0.3, "every image has its own phase"


def test_gratings_are_the_same_at_every_call_and_never_repeat_an_image():
    first, again = parts_of(GRATINGS), parts_of(GRATINGS)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(torch.cat([first[0], first[2]]).flatten(1).unique(dim=0)) == 1800
