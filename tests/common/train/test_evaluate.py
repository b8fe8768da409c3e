import math

import pytest
import torch
from torch import nn

from common.train import evaluate
from common.train.evaluate import accuracy


def test_accuracy_counts_right_answers_and_leaves_the_network_as_it_was():
    model = nn.Sequential(nn.BatchNorm1d(3, affine=False))
    model.train()
    images = torch.eye(3)[[0, 1, 2, 0]]
    assert accuracy(model, images, torch.tensor([0, 1, 2, 1])) == 0.75
    assert model.training
    assert model[0].num_batches_tracked == 0


def test_accuracy_on_an_index_is_that_on_these_images_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(evaluate, "BATCH", 2)
    model = nn.Identity()
    model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    images, labels = torch.eye(4)[[0, 1, 2, 3, 0]], torch.tensor([0, 1, 2, 0, 3])
    assert accuracy(model, images, labels, torch.tensor([4, 1, 0])) == pytest.approx(2 / 3)
    assert seen == [2, 1]  # never all at once
    assert accuracy(model, images, labels) == 0.6
    images[3] = math.nan
    assert accuracy(model, images, labels, torch.tensor([4, 1, 0])) == pytest.approx(2 / 3)
    assert math.isnan(accuracy(model, images, labels, torch.tensor([0, 1, 3])))


def test_outputs_that_are_not_finite_have_no_accuracy():
    model = nn.Linear(3, 3)
    nn.init.constant_(model.weight, math.inf)
    assert math.isnan(accuracy(model, torch.ones(2, 3), torch.tensor([0, 0])))
