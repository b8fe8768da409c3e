"""Small networks, images and learning paths, and what a path should make of each network."""

import copy
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest
import torch

from common.models.architecture import architecture, build
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.run.call import Call
from papers.sequential_learning import by_hand
from papers.sequential_learning.follow import follow
from papers.sequential_learning.learner import Learner, Passage
from papers.sequential_learning.negative_pretraining.bias_reset import BiasReset
from papers.sequential_learning.path import Process, Stage, Task
from papers.sequential_learning.presentation import ImageSet
from papers.sequential_learning.setting import Setting

CALL = Call(torch.device("cpu"), Path("no data needed"))
MLP = Setting("tiny/mlp", architecture(bn_mlp, inputs=48, hidden=5, num_classes=3), "tiny", 4, "1/5")
UNHELD = replace(MLP, validation="0")
CLASSES, IMAGES, TESTS, SIDE = 3, 26, 17, 4
MEASURED = [field.name for field in fields(Passage) if field.name not in ("seen", "ends", "seconds")]


def tiny(name):
    """Return images of three channels with random labels, which cannot be learnt but by heart."""
    generator = torch.Generator().manual_seed({"tiny": 0, "other": 1}[name])
    images = torch.rand(IMAGES + TESTS, 3, SIDE, SIDE, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (IMAGES + TESTS,), generator=generator)
    mean = torch.tensor([0.3, 0.5, 0.6], dtype=torch.float64).view(3, 1, 1)
    std = torch.tensor([0.1, 0.3, 0.5], dtype=torch.float64).view(3, 1, 1)
    test = (images[IMAGES:] - mean) / std
    return ImageSet(images[:IMAGES], labels[:IMAGES], test, labels[IMAGES:], CLASSES, mean, std)


def network(model, seed):
    built = build(model)
    initialise(built, "framework_uniform", seed)
    return built.double()


def learners(paths, setting=MLP, seeds=None):
    seeds = range(len(paths)) if seeds is None else seeds
    return [Learner(network(setting.model, seed), path, seed) for path, seed in zip(paths, seeds, strict=True)]


@dataclass(frozen=True)
class Shake:
    """An intervention that draws."""

    size: float = 0.05

    @torch.no_grad()
    def __call__(self, model, generator):
        for parameter in model.parameters():
            parameter.add_(self.size * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def require_by_hand(learners, setting, data_of=tiny, close=2e-6, weights=(1e-8, 1e-9)):
    """Follow the paths of all networks, and each alone by hand; assert that both agree and return the passages."""
    alone = [replace(learner, model=copy.deepcopy(learner.model)) for learner in learners]
    found = list(follow(learners, setting, CALL))
    assert len(found) == len(learners)
    for learner, other, passages in zip(learners, alone, found, strict=True):
        expected = by_hand.follow(other, setting, data_of)
        assert len(passages) == len(expected)
        for passage, wanted in zip(passages, expected, strict=True):
            for name in MEASURED:
                assert getattr(passage, name) == pytest.approx(getattr(wanted, name), rel=close), name
        by_name = other.model.state_dict()
        for name, value in learner.model.state_dict().items():
            torch.testing.assert_close(value, by_name[name], rtol=weights[0], atol=weights[1], msg=name)
    return found


BLUR, SHARP = Task("tiny", blur=0.5, contrast=0.3), Task("tiny")
QUICK = Process(0.1, 3, 0.05, decay=0.7)
LONG = Process(0.02, 4, 0.01, decay=0.9)
STOPPED = Process(0.2, 25, 0.0, patience=4)
AGAIN = Process(0.1, 20, 1e-3, decay=0.95, patience=3)


def two(first=QUICK, second=LONG, source=BLUR, before=()):
    return Stage(source, first), Stage(SHARP, second, before)


PLAIN = [
    two(),
    two(replace(QUICK, rate=0.03, weight_decay=0.0, decay=1.0), replace(LONG, rate=0.2, weight_decay=0.2)),
    two(source=replace(BLUR, blur=0.25), before=(Shake(), BiasReset())),
    two(source=replace(SHARP, shift=0.5, flip=True)),
    (Stage(SHARP, QUICK, (BiasReset(),)), Stage(SHARP, LONG)),
]
STOPPING = [
    two(STOPPED, AGAIN),
    two(replace(STOPPED, rate=0.05), replace(AGAIN, rate=0.02)),
    two(replace(STOPPED, weight_decay=0.1), AGAIN, before=(Shake(0.3),)),
    two(replace(STOPPED, rate=0.02), AGAIN, source=replace(BLUR, blur=1.0, shift=0.25)),
]


def weights_of(program, presentation, learners):
    return {"weight": program.parameters_of_runs()["1.weight"].clone()}


def of_one(model):
    """Return a network's parameters as those of one run, [1, ...]; they are views."""
    return {name: parameter.detach().unsqueeze(0) for name, parameter in model.named_parameters()}
