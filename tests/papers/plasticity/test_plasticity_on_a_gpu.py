"""Plasticity on a fake GPU: stages, resets and smooth transitions measure what they measure on the CPU."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from common.experiment import Job
from common.models.architecture import architecture, register
from common.models.grouped import grouped_cnn, grouped_mlp
from common.run.call import Call
from common.train.stages import Data
from papers.plasticity import training
from papers.plasticity.procedures import TRAINING
from papers.plasticity.settings import DIGITS, Cell, scratch, warm
from papers.plasticity.training import train
from tests.fake_gpu import CUDA, FakeGpu

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("_grouped_everywhere")
IMAGES = 26


@register
def wide_cnn() -> nn.Module:
    """Return a network in two groups that does not stack."""
    first = [nn.Conv2d(1, 33, 3), nn.BatchNorm2d(33), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(-3)]
    return nn.Sequential(nn.Sequential(*first), nn.Sequential(nn.Linear(33, 3)))


MLP = replace(
    DIGITS,
    name="tiny/mlp",
    dataset="tiny",
    model=architecture(grouped_mlp, inputs=144, hidden=6, num_classes=3),
    batch_size=6,
    epochs=2,
    pretraining=1,
    averaged=1,
    required=0.0,
    target=0.5,
)
CNN = replace(MLP, name="tiny/cnn", model=architecture(grouped_cnn, width=2, depth=1, num_classes=3))
WIDE = replace(MLP, name="tiny/wide", model=architecture(wide_cnn))


def tiny(device):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(IMAGES + 12) % 3
    images = torch.randn(len(labels), 1, 12, 12, generator=generator) + labels.view(-1, 1, 1, 1)
    parts = images[:IMAGES], labels[:IMAGES], images[IMAGES:], labels[IMAGES:]
    return Data(*(part.to(device) for part in parts))


def cells(setting):
    """Return every kind of arm."""
    every = [warm(setting, optimizer=optimizer) for optimizer in ("adam", "rmsprop", "sgd", "momentum")]
    reset = replace(warm(setting, optimizer="momentum"), reset="12")
    smooth = Cell(setting, stages=0, gamma=0.9, optimizer="rmsprop")
    return [*every, scratch(setting), reset, smooth]


@pytest.mark.parametrize(
    ("setting", "chosen"),
    [(MLP, slice(None)), (CNN, slice(4, None)), (WIDE, slice(5, None))],
    ids=["mlp", "cnn", "wide"],
)
def test_every_arm_measures_what_it_measures_on_the_cpu(setting, chosen, monkeypatch):
    jobs = [Job(TRAINING, cell, 0) for cell in cells(setting)[chosen]]

    def measured(device):
        data = tiny(device)
        monkeypatch.setattr(training, "data_of", lambda *_: data)
        found = train(jobs, Call(device, Path("none")))
        return [replace(metrics, seconds=None) for _, metrics in found]

    with FakeGpu() as gpu:
        there = measured(CUDA)
    before_a_stage = {"training.prepare", "splits.stage_sets", "program.Program.per_parameter", "reset.reset"}
    between_epochs = {"batches.shuffled_epochs", "smooth.smooth_epochs"}
    assert set(gpu.waits) == before_a_stage | between_epochs | {"training._of_run"}
    assert gpu.graphs
    assert there == measured(CPU)
