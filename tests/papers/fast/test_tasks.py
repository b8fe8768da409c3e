from fractions import Fraction
from pathlib import Path

import pytest
import torch

from common.datasets import ImageData
from common.datasets.splits import stratified_split
from common.datasets.transforms import Flip
from papers.fast import tasks
from papers.fast.tasks import digits_only, gratings, rotated, task

CPU, NOWHERE = torch.device("cpu"), Path("no data needed")
SMALL = ["digits", "digits-rotated", "digits-0-4", "digits-5-9", "gratings"]


def small(name):
    return task(name, NOWHERE, CPU)


def images_of(count=3):
    images = torch.arange(count * 4.0).view(count, 1, 2, 2)
    return images, torch.arange(count), images + 100.0, torch.arange(count)


@pytest.mark.parametrize("name", SMALL)
def test_validation_takes_eight_percent_of_every_class_and_training_the_rest(name):
    made = small(name)
    sizes = made.labels.bincount()
    assert made.labels[made.validation].bincount().tolist() == [int(Fraction(8, 100) * n) for n in sizes.tolist()]
    assert sorted([*made.train.tolist(), *made.validation.tolist()]) == list(range(len(made.labels)))
    assert len(sizes) == made.num_classes == {"digits-0-4": 5, "digits-5-9": 5}.get(name, 10)
    assert made.augment == ()
    assert made.images.dtype == torch.float32
    assert made.images.shape[1:] == made.test_images.shape[1:] == (1, 8, 8)


@pytest.mark.parametrize("name", SMALL)
def test_a_task_is_the_same_whenever_it_is_made(name):
    first = small(name)
    task.cache_clear()
    again = small(name)
    assert all(torch.equal(getattr(first, field), getattr(again, field)) for field in ("images", "train", "validation"))


def test_the_split_is_drawn_from_seed_0_in_every_task():
    for name, share in (("digits", Fraction(8, 100)), ("gratings", Fraction(8, 100))):
        made = small(name)
        train, validation = stratified_split(made.labels, torch.Generator().manual_seed(0), share=share)
        assert torch.equal(made.train, train)
        assert torch.equal(made.validation, validation)


@pytest.mark.parametrize("name", ["digits", "digits-rotated", "gratings"])
def test_images_are_standardised(name):
    images = small(name).images
    assert float(images.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(images.std()) == pytest.approx(1.0, abs=0.02)


def test_every_image_turns_by_ninety_degrees_once():
    train, labels, test, test_labels = rotated(images_of())
    assert train[0, 0].tolist() == [[1.0, 3.0], [0.0, 2.0]]
    assert test[0, 0].tolist() == [[101.0, 103.0], [100.0, 102.0]]
    assert torch.equal(labels, torch.arange(3))
    assert torch.equal(test_labels, torch.arange(3))


def test_rotated_digits_are_the_digits_turned_once_and_split_alike():
    upright, turned = small("digits"), small("digits-rotated")
    for field in ("images", "test_images"):
        assert torch.equal(getattr(turned, field), getattr(upright, field).rot90(1, (-2, -1)))
        assert not torch.equal(getattr(turned, field), getattr(upright, field))
    for field in ("labels", "test_labels", "train", "validation"):
        assert torch.equal(getattr(turned, field), getattr(upright, field))


def test_some_digits_alone_become_classes_from_zero():
    train, labels, test, test_labels = digits_only(images_of(6), 2, 4)
    assert labels.tolist() == test_labels.tolist() == [0, 1, 2]
    assert train[:, 0, 0, 0].tolist() == [8.0, 12.0, 16.0]
    assert test[:, 0, 0, 0].tolist() == [108.0, 112.0, 116.0]


@pytest.mark.parametrize(("name", "first"), [("digits-0-4", 0), ("digits-5-9", 5)])
def test_each_class_holds_the_images_of_its_digit(name, first):
    every, some = small("digits"), small(name)
    for label in range(5):
        assert torch.equal(some.images[some.labels == label], every.images[every.labels == label + first])
        expected = every.test_images[every.test_labels == label + first]
        assert torch.equal(some.test_images[some.test_labels == label], expected)


def test_a_grating_tells_its_class_by_its_spectrum_but_not_by_its_pixels():
    train, labels, test, test_labels = gratings()
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
    first, again = gratings(), gratings()
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(torch.cat([first[0], first[2]]).flatten(1).unique(dim=0)) == 1800


@pytest.mark.parametrize(
    ("name", "classes", "held_out"), [("cifar100", 2, [2, 3]), ("mnist", 2, [2, 3]), ("caltech256", 2, [5, 5])]
)
def test_published_tasks_give_five_percent_or_five_images_of_a_class(monkeypatch, name, classes, held_out):
    labels = torch.tensor([0] * 41 + [1] * 79)
    images = torch.zeros(120, 3, 4, 4, dtype=torch.uint8)
    asked = []

    def load(*arguments):
        asked.append(arguments)
        return ImageData(name, images, labels, images[:7], labels[:7], classes)

    monkeypatch.setattr(tasks, "load", load)
    made = task(name, Path("of", name), CPU)
    assert asked == [(name, Path("of", name))]
    assert made.images.dtype == torch.uint8
    assert made.augment == (Flip(),)
    assert made.num_classes == classes
    assert labels[made.validation].bincount().tolist() == held_out
    assert sorted([*made.train.tolist(), *made.validation.tolist()]) == list(range(120))
    assert (len(made.test_images), len(made.test_labels)) == (7, 7)
