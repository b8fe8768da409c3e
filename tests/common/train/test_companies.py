"""What a run computes on a CPU, whichever runs share its program, however many, and wherever it stands among them.

Convolutions, and BatchNorm of features that fill no whole registers, round in other ways in other companies.
"""

import pytest
import torch

from common.datasets.transforms import Flip
from common.models import lenet_300_100
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.train.batches import shuffled_epochs
from common.train.fit import Recipe, TrainingRun, fit
from common.train.optimizers import SGD, Adam, Nesterov, RAdam, RMSprop
from common.train.program import Program
from common.train.schedules import DropAtEpochs
from common.train.stages import Data, train_stage
from tests.common.train.kinds import KINDS

STACKS = {
    "stack of linear layers": KINDS["stack of linear layers"][:2],
    "stack with BatchNorm": (bn_mlp, (1, 8, 8)),
    "LeNet-300-100": (lambda: lenet_300_100(in_features=64), (1, 8, 8)),
}
COMPANIES = {
    "the first of two": [0, 4],
    "the last of two": [4, 0],
    "the second of three": [1, 0, 2],
    "the last of seven": [6, 5, 4, 3, 2, 1, 0],
    "the first of twenty": [*range(20)],
    "one of twenty": [*range(7, 14), 0, *range(20, 32)],
}
IMAGES, BATCH = 60, 16
LABELS = torch.arange(IMAGES) % 10
RULES = [SGD(0.9), Nesterov(0.9), Adam(), RAdam(), RMSprop()]


def images_of(kind):
    return torch.randn(IMAGES, *STACKS[kind][1], generator=torch.Generator().manual_seed(0))


def networks(kind, seeds):
    models = [STACKS[kind][0]() for _ in seeds]
    for seed, model in zip(seeds, models, strict=True):
        initialise(model, "framework_uniform", seed)
    return models


def fitted(kind, seeds):
    """Train masked networks with weight decay; return all that run 0 came to: numbers, and tensors by name."""
    runs = []
    for seed, model in zip(seeds, networks(kind, seeds), strict=True):
        own = torch.Generator().manual_seed(seed)
        order = torch.randperm(IMAGES, generator=own)
        mask = {n: torch.rand(p.shape, generator=own) < 0.5 for n, p in model.named_parameters() if p.dim() > 1}
        runs.append(TrainingRun(model, order[:45], order[45:], seed, 0.1, mask))
    recipe = Recipe(2, BATCH, SGD(0.9, 5e-3), DropAtEpochs((1,)), (Flip(),))
    run, history = runs[seeds.index(0)], fit(runs, recipe, images_of(kind), LABELS)[seeds.index(0)]
    best = {f"best {name}": value for name, value in history.best_state.items()}
    return [history.train_loss, history.validation_accuracy], {**run.model.state_dict(), **best}


def staged(kind, seeds, rule):
    """Train networks with a rule of its own rate for each, then evaluate them; return all that run 0 came to."""
    program, run = Program(models := networks(kind, seeds)), seeds.index(0)
    images, own = images_of(kind), torch.arange(IMAGES).expand(len(seeds), -1)
    rates = [0.01 + 0.001 * seed for seed in seeds]
    epochs = shuffled_epochs(own, 2, BATCH, seeds)
    history = train_stage(program, epochs, rule, rates, Data(images, LABELS, images, LABELS))
    evaluated = program.evaluate(lambda part: (images[part], LABELS[part]), own)
    numbers = [history.loss[:, run], history.test[:, run], *(each[run] for each in evaluated)]
    return [number.tolist() for number in numbers], models[run].state_dict()


def same(found, expected):
    (numbers, tensors), (wanted, others) = found, expected
    assert numbers == wanted
    assert not [name for name, value in others.items() if not torch.equal(value, tensors[name])]


@pytest.mark.parametrize("kind", STACKS)
def test_a_fitted_run_of_linear_layers_is_the_same_to_the_bit_alone_and_in_any_company(kind):
    alone = fitted(kind, [0])
    for seeds in COMPANIES.values():
        same(fitted(kind, seeds), alone)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("kind", STACKS)
def test_a_staged_run_of_linear_layers_is_the_same_to_the_bit_alone_and_in_any_company(kind, rule):
    alone = staged(kind, [0], rule)
    for seeds in COMPANIES.values():
        same(staged(kind, seeds, rule), alone)
