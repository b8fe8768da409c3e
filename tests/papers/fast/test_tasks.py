from fractions import Fraction
from pathlib import Path

import pytest
import torch

from common.datasets import ImageData
from common.datasets.caltech256 import CALTECH256
from common.datasets.cifar import CIFAR100
from common.datasets.digits import DIGITS
from common.datasets.mnist import MNIST
from common.datasets.splits import stratified_split
from common.datasets.transforms import Flip
from papers.fast import tasks
from papers.fast.data import DIGITS_0_4, DIGITS_5_9, DIGITS_ROTATED, GRATINGS
from papers.fast.tasks import task, validating

CPU, NOWHERE = torch.device("cpu"), Path("no data needed")
SMALL = {each.name: each for each in (DIGITS, DIGITS_ROTATED, DIGITS_0_4, DIGITS_5_9, GRATINGS)}


def small(name):
    return task(SMALL[name], NOWHERE, CPU)


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


def test_rotated_digits_are_the_digits_turned_once_and_split_alike():
    upright, turned = small("digits"), small("digits-rotated")
    for field in ("images", "test_images"):
        assert torch.equal(getattr(turned, field), getattr(upright, field).rot90(1, (-2, -1)))
        assert not torch.equal(getattr(turned, field), getattr(upright, field))
    for field in ("labels", "test_labels", "train", "validation"):
        assert torch.equal(getattr(turned, field), getattr(upright, field))


@pytest.mark.parametrize(("name", "first"), [("digits-0-4", 0), ("digits-5-9", 5)])
def test_each_class_holds_the_images_of_its_digit(name, first):
    every, some = small("digits"), small(name)
    for label in range(5):
        assert torch.equal(some.images[some.labels == label], every.images[every.labels == label + first])
        expected = every.test_images[every.test_labels == label + first]
        assert torch.equal(some.test_images[some.test_labels == label], expected)


@pytest.mark.parametrize(("dataset", "held_out"), [(CIFAR100, [2, 3]), (MNIST, [2, 3]), (CALTECH256, [5, 5])], ids=str)
def test_published_tasks_give_five_percent_or_five_images_of_a_class(monkeypatch, dataset, held_out):
    labels = torch.tensor([0] * 41 + [1] * 79)
    images = torch.zeros(120, 3, 4, 4, dtype=torch.uint8)
    asked = []

    def load(*arguments):
        asked.append(arguments)
        return ImageData(dataset.name, images, labels, images[:7], labels[:7], 2)

    monkeypatch.setattr(tasks, "load", load)
    made = task(dataset, Path("of"), CPU)
    assert asked == [(dataset, Path("of"))]
    assert made.images.dtype == torch.uint8
    assert made.augment == (Flip(),)
    assert made.num_classes == 2
    assert labels[made.validation].bincount().tolist() == held_out
    assert sorted([*made.train.tolist(), *made.validation.tolist()]) == list(range(120))
    assert (len(made.test_images), len(made.test_labels)) == (7, 7)


def test_as_many_images_validate_as_the_plan_takes_for_granted():
    for name, dataset in SMALL.items():
        assert validating(dataset) == len(small(name).validation)
    assert [validating(dataset) for dataset in (CIFAR100, MNIST, CALTECH256)] == [2_500, 3_000, 1_280]
