"""The full tier's own path on small files of the true formats: images and weights from disk to metrics."""

import math
from dataclasses import replace

import pytest
import torch
from torchvision import datasets

from common.errors import UsageError
from common.experiment import Job
from common.run.call import Call
from papers.sequential_learning.frozen_weights import arms as frozen
from papers.sequential_learning.frozen_weights import table2, table3
from papers.sequential_learning.frozen_weights.procedures import TRAINING as FROZEN
from papers.sequential_learning.negative_pretraining import arms as negative
from papers.sequential_learning.negative_pretraining import fig4, fig6
from papers.sequential_learning.negative_pretraining.procedures import TRAINING as NEGATIVE
from papers.sequential_learning.presentation import image_set
from tests.common.datasets.writers import write_cifar, write_mnist
from tests.measured import measured
from tests.small_sets import publish_small
from tests.weights import write_weights


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """Nothing from this machine's caches, small data sets, and small images in place of 224x224."""
    publish_small(monkeypatch, mnist=(16, 20), fashion_mnist=(16, 20), cifar10=(15, 3))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(frozen, "IMAGENET_SIDE", 32)
    image_set.cache_clear()
    yield
    image_set.cache_clear()


@pytest.fixture
def call(tmp_path):
    for name in ("MNIST", "FashionMNIST"):
        write_mnist(tmp_path / name / "raw", train=16, test=20)
    return Call(torch.device("cpu"), tmp_path, tmp_path / "weights")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    write_weights("resnet50", tmp_path, monkeypatch)


def short(cell):
    """Return a cell of the full tier with one epoch a task and small batches."""
    setting = replace(cell.setting, batch_size=8)
    if isinstance(cell, negative.Arm):
        return replace(cell, setting=setting, epochs=1, patience=1)
    return replace(cell, setting=replace(setting, epochs=1, source_epochs=1))


def scalars_of(procedure, cells, call):
    found = measured(procedure, [Job(procedure, short(cell), 0) for cell in cells], call)
    for metrics in found:
        assert math.isfinite(metrics.scalars["test_loss"])
    return [metrics.scalars for metrics in found]


def of(experiment, **fields):
    """Return the full-tier cells of an experiment whose fields, or the setting's name, are as given."""
    name = fields.pop("name")
    cells = [cell for cell in experiment.full.cells if cell.setting.name == name]
    return [cell for cell in cells if all(str(getattr(cell, key)) == str(value) for key, value in fields.items())]


def test_a_path_of_blurred_tasks_on_fashion_mnist(call):
    (arm,) = of(fig4.FIG4, name="fashion_mnist/resnet18", path="blur", tasks=4)
    (scalars,) = scalars_of(NEGATIVE, [arm], call)
    assert scalars["all_epochs"] == 4.0


def test_cifar_with_and_without_bias_resets(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10, per_batch=3)
    call = Call(torch.device("cpu"), tmp_path)
    plain, both = scalars_of(
        NEGATIVE, [of(fig6.FIG6, name="cifar10/resnet18", tasks=2, reset=r)[0] for r in ("", "12")], call
    )
    assert plain["test_loss"] != both["test_loss"]


def test_from_mnist_to_fashion_mnist_in_colour(call):
    cells = of(table2.TABLE2, name="fashion_mnist-rgb32/grouped_resnet-after_mnist")
    kept, reset = scalars_of(FROZEN, cells, call)
    assert kept["double_tuples_before"] == reset["double_tuples_before"], "before any reset"
    assert reset["double_pairs_start"] == 0.0
    assert kept["test_loss"] != reset["test_loss"]


def test_alexnet_and_all_cnn_from_blurred_to_sharp(tmp_path, monkeypatch):
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10, per_batch=3)
    call = Call(torch.device("cpu"), tmp_path)
    for name in ("cifar10/alexnet32", "cifar10/all_cnn"):
        (scalars,) = scalars_of(FROZEN, of(table3.TABLE3, name=name, source="blur", reset=True), call)
        assert scalars["double_pairs_start"] == 0.0
        assert scalars["triple_tuples"] >= 0.0


def test_from_imagenet_weights(call, weights):
    cells = of(table2.TABLE2, name="fashion_mnist/resnet50")
    kept, reset = scalars_of(FROZEN, cells, call)
    assert kept["double_tuples_before"] == kept["double_tuples_start"]
    assert reset["double_pairs_start"] == 0.0
    assert kept["test_loss"] != reset["test_loss"]


def test_missing_images_and_weights_are_named_with_how_to_get_them(tmp_path, call):
    (cell, _) = of(table2.TABLE2, name="kmnist/resnet50")
    with pytest.raises(UsageError, match="no ImageNet weights for 'resnet50'"):
        list(frozen.train([Job(FROZEN, cell, 0)], call))
    (arm,) = of(fig4.FIG4, name="mnist/resnet18", tasks=1)
    with pytest.raises(UsageError, match="mnist"):
        list(negative.train([Job(NEGATIVE, arm, 0)], Call(torch.device("cpu"), tmp_path / "nowhere")))
