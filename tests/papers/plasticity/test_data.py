from pathlib import Path

import pytest
import torch

from common.datasets import load
from common.datasets.digits import DIGITS
from common.datasets.procedural import PROCEDURAL_10
from common.datasets.templates import TEMPLATES
from papers.plasticity import data as module
from papers.plasticity.data import DIGITS_RELABELLED, RELABELLED, data_of

CPU, NOWHERE = torch.device("cpu"), Path("no data needed")
PER_CLASS = 40


def test_a_share_of_the_digits_labels_is_drawn_again_and_the_test_labels_are_as_they_were():
    digits, changed = load(DIGITS), load(DIGITS_RELABELLED)
    where = (changed.train_images.flatten(1)[:, None] == digits.train_images.flatten(1)).all(2)
    assert (where.sum(1) == 1).all()
    true = digits.train_labels[where.int().argmax(1)]
    assert torch.bincount(true).tolist() == [PER_CLASS] * 10
    wrong = (changed.train_labels != true).double().mean().item()
    assert wrong == pytest.approx(0.9 * RELABELLED, abs=0.04)  # a tenth of the draws hits the true class
    assert wrong < RELABELLED
    assert torch.equal(changed.test_images, digits.test_images)
    assert torch.equal(changed.test_labels, digits.test_labels)


def test_labels_are_drawn_evenly_and_each_by_itself_so_classes_are_of_different_sizes():
    """Labels that were permuted among the images would leave 40 of every class, as there were."""
    counts = torch.bincount(load(DIGITS_RELABELLED).train_labels, minlength=10)
    assert counts.sum() == 10 * PER_CLASS
    spread = (counts - PER_CLASS).double().square().mean().sqrt().item()
    assert 1.5 < spread < 8.0  # 4.8 on average: 160 labels go at random, 160 come at random


def test_relabelled_digits_are_always_the_same():
    assert load(DIGITS_RELABELLED).fingerprint == load(DIGITS_RELABELLED).fingerprint


@pytest.mark.parametrize("dataset", [DIGITS_RELABELLED, TEMPLATES], ids=str)
def test_images_come_standardised_and_of_the_sizes_that_work_is_estimated_from(dataset):
    data = data_of(dataset, NOWHERE, CPU)
    assert data.images.shape == (dataset.train, *dataset.shape)
    assert data.test_images.shape == (dataset.test, *dataset.shape)
    assert (len(data.labels), len(data.test_labels)) == (dataset.train, dataset.test)
    seen = data.images[:]
    assert seen.dtype == torch.float32
    assert seen.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert seen.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)
    assert data_of(dataset, NOWHERE, CPU) is data


def test_decoded_bytes_are_what_the_device_holds(monkeypatch):
    toy = load(PROCEDURAL_10)
    monkeypatch.setattr(module, "load", lambda dataset, data_dir: toy)
    data = data_of.__wrapped__(PROCEDURAL_10, NOWHERE, CPU)
    for images, source in ((data.images, toy.train_images), (data.test_images, toy.test_images)):
        before = images[:]
        source.bitwise_not_()  # there is no other copy
        assert not (images[:] == before).any()
