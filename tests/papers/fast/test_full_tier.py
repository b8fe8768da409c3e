"""The full tier's own path on small files of the true formats: weights and CIFAR-100 from disk to metrics."""

import hashlib
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision import datasets

from common.errors import UsageError
from common.experiment import Job
from common.run.call import Call
from papers.fast import sources, tasks
from papers.fast.procedures import FINE_TUNING
from papers.fast.settings import FAN_IN, OTHER_DIGITS, RESNET, ZERO, Cell
from papers.fast.training import train
from tests.measured import measured
from tests.small_sets import publish_small
from tests.weights import write_weights

STEPS = 2


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """Small images and data sets, and nothing from this machine's caches."""
    publish_small(monkeypatch, cifar100=(200, 100))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sources, "SIDE", 32)
    for cached in (sources._source, tasks.task):
        cached.cache_clear()
    yield
    for cached in (sources._source, tasks.task):
        cached.cache_clear()


@pytest.fixture
def weights(tmp_path, monkeypatch):
    return write_weights("resnet18", tmp_path, monkeypatch)


def write_cifar100(root, monkeypatch, classes=100):
    """Two training images and one test image of every class, in the published pickles."""
    reader, rng = datasets.CIFAR100, np.random.default_rng(0)
    folder = root / reader.base_folder
    folder.mkdir(parents=True)

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    for attribute, each in (("train_list", 2), ("test_list", 1)):
        labels = [label for label in range(classes) for _ in range(each)]
        rows = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        name = getattr(reader, attribute)[0][0]
        monkeypatch.setattr(reader, attribute, [write(name, {"data": rows, "fine_labels": labels})])
    file, md5 = write(reader.meta["filename"], {reader.meta["key"]: ["some", "names"]})
    monkeypatch.setattr(reader, "meta", {**reader.meta, "filename": file, "md5": md5})


def jobs(*cells):
    return [Job(FINE_TUNING, cell, 0) for cell in cells]


def test_fine_tuning_from_files_on_disk(tmp_path, monkeypatch, weights):
    write_cifar100(tmp_path, monkeypatch)
    call = Call(torch.device("cpu"), tmp_path)
    setting = replace(RESNET, steps=STEPS)
    both = jobs(Cell(setting, ZERO, 0.05, 0.005), Cell(setting, FAN_IN, 0.0, 0.0))
    found = measured(FINE_TUNING, both, call)
    fast, still = (metrics.scalars for metrics in found)
    assert not any(name.startswith("source") for name in fast), "ImageNet is not there to be tested"
    assert fast["norm_0"] == 0.0
    assert fast["norm_end"] > 0.0
    assert fast["last_distance"] > 0.0
    assert still["last_distance"] == 0.0
    assert still["norm_end"] == still["norm_0"]
    assert [len(found[0].curves[name]) for name in ("checkpoints", "validations")] == [3, 2]
    assert all(0.0 <= fast[name] <= 1.0 for name in ("top1_error", "top5_error", "validation_accuracy"))


def test_the_published_weights_are_where_adaptation_starts(tmp_path, weights):
    source = sources.source_of(RESNET, Call(torch.device("cpu"), tmp_path))
    assert source.features == 512
    for name, value in source.extractor.named_parameters():
        assert torch.equal(value, weights[name.split(".", 1)[1]]), name
    assert torch.equal(source.head.weight, weights["fc.weight"])


def test_missing_weights_are_named_with_how_to_get_them(tmp_path):
    with pytest.raises(UsageError, match=r"no ImageNet weights for 'resnet18': .*get it with: python -c"):
        next(iter(train(jobs(Cell(RESNET, ZERO, 0.05, 0.005)), Call(torch.device("cpu"), tmp_path))))


def test_a_class_without_images_is_named(tmp_path, monkeypatch, weights):
    write_cifar100(tmp_path, monkeypatch, classes=99)
    with pytest.raises(UsageError, match="class 99 has no image to train on"):
        next(iter(train(jobs(Cell(RESNET, ZERO, 0.05, 0.005)), Call(torch.device("cpu"), tmp_path))))


def test_a_target_with_too_few_classes_for_the_batch_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "STEPS", {OTHER_DIGITS.source: 1})
    setting = replace(OTHER_DIGITS, batch_size=99)
    with pytest.raises(UsageError, match="a batch of 99 cannot hold equally many images of 5 classes"):
        next(iter(train(jobs(Cell(setting, ZERO, 0.05, 0.005)), Call(torch.device("cpu"), tmp_path))))
