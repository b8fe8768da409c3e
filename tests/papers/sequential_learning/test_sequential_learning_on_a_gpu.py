"""Sequential learning on a fake GPU: paths, interventions and measures give what they give on the CPU."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from common.experiment import Job
from common.models.all_cnn import all_cnn_small
from common.models.architecture import architecture, build
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.models.resnet import ResidualBlock
from common.run.call import Call
from common.train import checkpoint
from common.train.checkpoint import Checkpoint, CheckpointFile
from common.train.state_file import Owner
from papers.sequential_learning import stage
from papers.sequential_learning.data import DIGITS_250, DIGITS_1000
from papers.sequential_learning.follow import follow
from papers.sequential_learning.frozen_weights import arms
from papers.sequential_learning.frozen_weights.arms import Retrained, Scratch
from papers.sequential_learning.frozen_weights.interventions import FrozenReset, NewClassifier, PairStart, SparseStart
from papers.sequential_learning.frozen_weights.measures import at_both_ends, at_every_epoch
from papers.sequential_learning.frozen_weights.procedures import TRAINING
from papers.sequential_learning.frozen_weights.settings import FrozenSetting
from papers.sequential_learning.learner import Learner
from papers.sequential_learning.negative_pretraining.bias_reset import BiasReset
from papers.sequential_learning.path import Process, Stage, Task
from papers.sequential_learning.presentation import ImageSet
from papers.sequential_learning.setting import Setting
from papers.sequential_learning.stage import Measures
from tests.fake_gpu import CUDA, FakeGpu

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("_grouped_everywhere")
IMAGES, TESTS, CLASSES = 26, 14, 10
MLP = Setting("tiny/mlp", architecture(bn_mlp, inputs=64, hidden=5), "tiny", 6, "1/5")
CNN = replace(MLP, name="tiny/cnn", model=architecture(all_cnn_small, width=2))
PLAIN, SHAKEN = Task("tiny"), Task("tiny", blur=0.5, contrast=0.4, shift=0.25, flip=True)


def alone(*dropout):
    """Return a network that does not stack, for its first convolution is wide; perhaps with dropout."""
    first = [nn.Conv2d(1, 33, 3, padding=1, bias=False), nn.BatchNorm2d(33), nn.ReLU(), ResidualBlock(33, 4, 2)]
    return nn.Sequential(*first, *dropout, nn.AdaptiveAvgPool2d(1), nn.Flatten(-3), nn.Linear(4, CLASSES))


def tiny(device):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(IMAGES + TESTS, 1, 8, 8, generator=generator)
    labels = torch.randint(CLASSES, (IMAGES + TESTS,), generator=generator)
    mean, std = torch.full((1, 1, 1), 0.5), torch.full((1, 1, 1), 0.3)
    parts = images[:IMAGES], labels[:IMAGES], (images[IMAGES:] - mean) / std, labels[IMAGES:]
    images, labels, test, test_labels = (part.to(device) for part in parts)
    return ImageSet(images, labels, test, test_labels, CLASSES, mean.to(device), std.to(device))


BUILDERS = {"stack": lambda: build(MLP.model), "maps": lambda: build(CNN.model), "alone": alone}
DROPOUT = {"dropout": lambda: alone(nn.Dropout(0.3))}
AGAIN = Stage(PLAIN, Process(0.05, 2, 1e-3, decay=0.9), (FrozenReset(), BiasReset(), NewClassifier(CLASSES)))
PATHS = {
    "shown as they are": (Stage(PLAIN, Process(0.05, 2, 1e-3)),),
    "shaken, then plain": (Stage(SHAKEN, Process(0.05, 2, 1e-3, decay=0.8)), AGAIN),
    "stopped early": (Stage(SHAKEN, Process(1.0, 4, 1e-3, patience=1)),),
}


def followed(kind, path, device, monkeypatch, part=None):
    """Follow a path with every measure; return the passages without times, and the last states."""
    data = tiny(device)
    monkeypatch.setattr(stage, "image_set", lambda *_: data)
    learners = []
    for seed in range(1 if kind in ("alone", "dropout") else 2):
        model = (BUILDERS | DROPOUT)[kind]()
        initialise(model, "framework_uniform", seed)
        learners.append(Learner(model.to(device), path, seed))
    call = Call(device, Path("none"))
    if part is not None:
        call = replace(call, checkpoint=part)
    setting = replace(MLP, validation="1/5")
    passages = list(follow(learners, setting, call, Measures(at_every_epoch, at_both_ends)))
    states = [value.cpu() for learner in learners for value in learner.model.state_dict().values()]
    return [replace(passage, seconds=0.0) for own in passages for passage in own], states


def assert_same(found, expected):
    for one, other in zip(found[0], expected[0], strict=True):
        for name, value in vars(other).items():
            mine = getattr(one, name)
            if isinstance(value, dict):
                assert mine.keys() == value.keys()
                assert all(torch.equal(mine[key].nan_to_num(), value[key].nan_to_num()) for key in value), name
            else:
                assert mine == pytest.approx(value, rel=0.0, abs=0.0, nan_ok=True), name
    assert all(torch.equal(one, other) for one, other in zip(found[1], expected[1], strict=True))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", BUILDERS)
def test_a_path_on_a_gpu_is_that_of_the_cpu_and_no_step_waits(kind, path, monkeypatch):
    with FakeGpu() as gpu:
        found = followed(kind, PATHS[path], CUDA, monkeypatch)
    assert len(gpu.graphs) == len(PATHS[path])
    expected = followed(kind, PATHS[path], CPU, monkeypatch)
    assert_same(found, expected)
    before = {
        "stage._StageTraining.__init__",
        "program.Program.per_parameter",
        "presentation.Presentation.__init__",
    }
    before |= {"transforms.contrasted", "reset.reset", "interventions.NewClassifier.__call__"}
    at_ends = {"fisher.fisher_score", "stage._StageTraining.passages", "tape.Tape.read"}
    at_ends |= {"stage._StageTraining._passages", "counting.count"}
    between_epochs = {"batches.shuffled_epochs", "measures.at_every_epoch"}
    waits = dict(gpu.waits)
    if path == "stopped early":
        assert waits.pop("stage._StageTraining._look") == max(len(own.loss) for own in found[0]), "once an epoch"
    assert set(waits) <= before | between_epochs | at_ends


def test_dropout_on_a_gpu_draws_what_a_plain_loop_draws(monkeypatch):
    path = PATHS["shown as they are"]
    with FakeGpu():
        found = followed("dropout", path, CUDA, monkeypatch)
    assert_same(found, followed("dropout", path, CPU, monkeypatch))


class KilledError(Exception):
    pass


@pytest.mark.parametrize("kind", ["stack", "alone", "dropout"])
def test_a_path_that_was_killed_goes_on_where_it_was(kind, tmp_path, monkeypatch):
    owner, write = Owner("procedure", "code", "cuda", ("job",)), checkpoint.write
    path = (Stage(SHAKEN, Process(0.05, 3, 1e-3, decay=0.8, patience=3)),)

    def killed(*args):
        write(*args)
        raise KilledError

    with FakeGpu():
        undisturbed = followed(kind, path, CUDA, monkeypatch)
        file = CheckpointFile(tmp_path, owner, 0.0)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "write", killed)
            with pytest.raises(KilledError):
                followed(kind, path, CUDA, monkeypatch, Checkpoint(file, file.tree))
        again = CheckpointFile(tmp_path, owner, 0.0)
        assert again.tree
        assert_same(followed(kind, path, CUDA, monkeypatch, Checkpoint(again, again.tree)), undisturbed)


@pytest.mark.parametrize(
    "change",
    [
        *(FrozenReset(), FrozenReset(scales="add"), BiasReset(), NewClassifier(4)),
        *(SparseStart(kind, 0.5) for kind in ("mono", "double", "triple")),
        *(PairStart(start) for start in ("reference", "exact_zero", "near_zero", "near_zero_triple")),
    ],
    ids=str,
)
def test_an_intervention_changes_a_network_on_the_device_as_one_on_the_cpu(change):
    def changed(device):
        model = BUILDERS["maps"]()
        initialise(model, "framework_uniform", 0)
        model.to(device)
        change(model, torch.Generator().manual_seed(0))
        assert all(value.device == device for value in model.state_dict().values())
        return [value.cpu() for value in model.state_dict().values()]

    with FakeGpu():
        there = changed(CUDA)
    assert all(torch.equal(one, other) for one, other in zip(there, changed(CPU), strict=True))


def test_arms_measure_what_they_measure_on_the_cpu(monkeypatch):
    tiny_setting = FrozenSetting("tiny", MLP.model, DIGITS_250, 6, source_epochs=1, epochs=2)
    cells = [
        Scratch(tiny_setting, 0.1, 1e-3, augmented=True, start=PairStart("near_zero")),
        Retrained(tiny_setting, "blur", reset=True, shifted=True),
        Retrained(tiny_setting, DIGITS_1000),
    ]

    def measured(device):
        data = tiny(device)
        monkeypatch.setattr(stage, "image_set", lambda *_: data)
        found = arms.train([Job(TRAINING, cell, 0) for cell in cells], Call(device, Path("none")))
        return [replace(metrics, seconds=None) for _, metrics in found]

    with FakeGpu():
        there = measured(CUDA)
    for one, other in zip(there, measured(CPU), strict=True):
        assert one.scalars == pytest.approx(other.scalars, nan_ok=True, rel=0.0)
        assert one.curves == other.curves
