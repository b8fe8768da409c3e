"""FAST on a fake GPU: what the CPU measures; the only wait of a step is the decision of a warm-up."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from common.datasets.transforms import Flip
from common.models.small_cnn import FEATURES, small_cnn
from common.train import checkpoint as checkpoint_files
from common.train.checkpoint import Checkpoint, CheckpointFile
from common.train.optimizers import SGD, Adam, Nesterov, RAdam
from common.train.state_file import Owner
from papers.fast.adoption import Start
from papers.fast.anytime import Run, Schedule, adapt
from papers.fast.sources import Source, adopt
from papers.fast.tasks import Task
from papers.fast.training import measure
from tests.fake_gpu import CUDA, FakeGpu

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("_grouped_everywhere")
STEPS, CLASSES, BATCH = 13, 3, 6


def alone():
    return nn.Sequential(small_cnn(), nn.Dropout(0.5))


def problem(device, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(105) % CLASSES
    images = torch.randn(CLASSES, 1, 8, 8, generator=generator)[labels] + torch.randn(105, 1, 8, 8, generator=generator)
    images, labels = images.to(device), labels.to(device)
    index = torch.arange(30), torch.arange(30, 60)
    return Task(images[:60], labels[:60], *index, images[60:], labels[60:], CLASSES, (Flip(),))


def adapted(kind, schedule, device, checkpoint=None, alpha=0.05):
    """Adapt two runs of a stack, or one alone; return what is measured of each, without times."""
    torch.manual_seed(0)
    extractor, head = kind().to(device), nn.Linear(FEATURES, CLASSES, bias=False).to(device)
    source = Source(extractor, head, FEATURES, problem(device, 1))
    target = problem(device, 0)
    before = {name: value.detach().clone() for name, value in extractor.named_parameters()}
    runs = [
        Run(adopt(source, CLASSES, Start("fan_in"), seed), alpha, 0.01 / (seed + 1), seed)
        for seed in range(1 if kind is alone else 2)
    ]
    part = {} if checkpoint is None else {"checkpoint": checkpoint}
    histories = adapt(runs, schedule, target, source.task, **part)
    found = [measure(run, own, schedule, target, before) for run, own in zip(runs, histories, strict=True)]
    return [replace(metrics, seconds=None) for metrics in found]


@pytest.mark.parametrize(
    ("kind", "rule"),
    [*((small_cnn, rule) for rule in (SGD(0.9), Nesterov(0.9), Adam(), RAdam())), (alone, SGD(0.9))],
    ids=lambda of: getattr(of, "__name__", str(of)),
)
def test_no_step_waits_for_the_device(kind, rule):
    schedule = Schedule(STEPS, BATCH, rule)
    with FakeGpu() as gpu:
        there = adapted(kind, schedule, CUDA)
    if rule == SGD(0.9):
        with FakeGpu() as longer:
            adapted(kind, replace(schedule, steps=20), CUDA)
        assert longer.waits == gpu.waits, "more steps wait no oftener"
    assert set(gpu.waits) == {
        *(
            "sources.adopt",
            "batches.StratifiedBatches.__init__",
            "anytime._Adaptation.__init__",
            "anytime._Adaptation._rate",
        ),
        "anytime._Adaptation._drawn",  # once for many steps: the images of their batches
        *("anytime._Adaptation.histories", "tape.Tape.read", "training.measure", "training.errors"),  # at the end
    }
    assert there == adapted(kind, schedule, CPU)


@pytest.mark.parametrize("warm_up", ["inference", "updating"])
@pytest.mark.parametrize("kind", [small_cnn, alone], ids=lambda kind: kind.__name__)
def test_a_warm_up_decides_once_a_step(kind, warm_up):
    schedule = Schedule(16, BATCH, SGD(0.9), every_step=True, warm_up=warm_up)
    with FakeGpu() as gpu:
        there = adapted(kind, schedule, CUDA, alpha=1e-4)
    assert gpu.waits["anytime._Adaptation._step"] == schedule.steps
    chosen = gpu.waits["program.Program.training_mode"]  # of a single network, as long as it warms up
    assert 0 < chosen < schedule.steps if kind is alone and warm_up == "inference" else chosen == 0
    assert all("switched_at" in metrics.scalars for metrics in there)
    assert there == adapted(kind, schedule, CPU, alpha=1e-4)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("kind", [small_cnn, alone], ids=lambda kind: kind.__name__)
def test_an_adaptation_that_was_killed_goes_on_where_it_was(kind, tmp_path, monkeypatch):
    owner = Owner("procedure", "code", "cuda", ("job",))
    schedule = Schedule(STEPS, BATCH, SGD(0.9), every_step=True, warm_up="inference")
    write, saves = checkpoint_files.write, iter(range(7))

    def killed(*args):
        write(*args)
        if next(saves, None) is None:
            raise KilledError

    with FakeGpu():
        undisturbed = adapted(kind, schedule, CUDA)
        file = CheckpointFile(tmp_path, owner, 0.0)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint_files, "write", killed)
            with pytest.raises(KilledError):
                adapted(kind, schedule, CUDA, Checkpoint(file, file.tree))
        again = CheckpointFile(tmp_path, owner, 0.0)
        assert adapted(kind, schedule, CUDA, Checkpoint(again, again.tree)) == undisturbed
