"""A GPU trains what a CPU trains, in double and single precision: every kind of network and recipe.

Each test runs in both on a GPU, where there is one, and in double precision on a fake one, which finds all but what its
kernels do.
"""

from contextlib import nullcontext

import pytest
import torch

from common.models import lenet5_caffe, lenet_300_100
from common.models.alexnet import alexnet32
from common.models.all_cnn import all_cnn, all_cnn_small
from common.models.grouped import grouped_cnn, grouped_mlp, grouped_resnet
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.models.resnet import resnet_mini
from common.models.small_cnn import FEATURES, small_cnn
from common.models.vgg import vgg_mini
from common.train.batches import shuffled_epochs
from common.train.evaluate import accuracy
from common.train.fit import Recipe, TrainingRun, fit
from common.train.loop import Training, train
from common.train.optimizers import SGD, Adam, Nesterov, RAdam, RMSprop
from common.train.per_run import PerRunUpdate
from common.train.precision import multiplying
from common.train.program import Program
from common.train.schedules import DropAtEpochs
from tests.fake_gpu import FakeGpu

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
REAL = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
STACKED = {
    "mlp": (grouped_mlp, (1, 8, 8)),
    "mlp with BatchNorm": (bn_mlp, (1, 8, 8)),
    "small convolutions": (grouped_cnn, (1, 12, 12)),
    "convolutions with an average pool": (all_cnn_small, (1, 8, 8)),
    "small residual network": (lambda: grouped_resnet(width=5, depth=1), (3, 8, 8)),
    "network of fast": (lambda: torch.nn.Sequential(small_cnn(), torch.nn.Linear(FEATURES, 10)), (1, 8, 8)),
    "lenet-300-100": (lenet_300_100, (1, 28, 28)),
}
ALONE = {
    "vgg": (lambda: vgg_mini(10, width=40), (3, 16, 16)),
    "all convolutions": (all_cnn, (3, 32, 32)),
    "alexnet": (alexnet32, (3, 32, 32)),
    "wide residual network": (lambda: resnet_mini(10, width=40), (3, 16, 16)),
}
BOUNDS = {torch.float64: 1e-6, torch.float32: 2e-2}  # relative to a tensor's largest number, after all steps
RULES = [SGD(0.9), Nesterov(0.9), Adam(), RAdam(), RMSprop()]
FAKE = pytest.param(FakeGpu, torch.float64, id="fake")
ON_A_GPU = pytest.mark.parametrize(
    ("gpu", "dtype"), [FAKE, *(pytest.param(nullcontext, dtype, marks=REAL, id=f"GPU {dtype}") for dtype in BOUNDS)]
)
"""What to compute in on a GPU, and in which precision."""


def problem(shape, count, device, dtype):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, *shape, generator=generator, dtype=torch.float64).to(device, dtype)
    return images, torch.randint(10, (count,), generator=generator).to(device)


def networks(builder, count, device, dtype):
    models = [builder() for _ in range(count)]
    for seed, model in enumerate(models):
        initialise(model, "kaiming_uniform", seed)
        model.to(device, dtype)
        for layer in model.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.0  # a GPU has random numbers of its own
    return models


def require_agreement(here, there, dtype):
    for one, other in zip(here, there, strict=True):
        assert (one - other).abs().max() <= BOUNDS[dtype] * one.abs().max().clamp(min=1e-3)


def in_epochs(kind, rule, dtype, device):
    """Train three networks with rates and weight decays of their own; return losses, weights and statistics."""
    (builder, shape), runs = STACKED[kind], 3
    images, labels = problem(shape, 40, device, dtype)
    models = networks(builder, runs, device, dtype)
    alone = kind == "small residual network"
    programs = [Program([model]) for model in models] if alone else [Program(models)]
    found = []
    for first, program in enumerate(programs):
        own = range(first, first + program.runs)
        decays = program.per_parameter([1e-3 * (run + 1) for run in own])
        update = PerRunUpdate(rule, list(program.parameters.values()), decays)
        rates = program.per_parameter([1e-2 / (run + 1) for run in own])
        epochs = shuffled_epochs(torch.arange(40, device=device).expand(program.runs, -1), 2, 8, own)
        losses = []

        def look(epoch, loss, losses=losses):
            losses += [] if loss is None else [loss.cpu()]
            return False

        def step(inputs, program=program, update=update, rates=rates):
            found = program.losses(images[inputs[0]], labels[inputs[0]])
            update.apply(program.gradients(found), rates)
            return found.detach()

        with multiplying("fp32", device):
            train(Training(program, update, step), ([[batch] for batch in epoch] for epoch in epochs), look)
        found.append(torch.stack(losses))
        if isinstance(rule, SGD | Nesterov):  # others blow up the rounding of a gradient that is zero, before BatchNorm
            found += [value.cpu() for value in program.state().values() if value.is_floating_point()]
    return found


@ON_A_GPU
@pytest.mark.parametrize(
    ("kind", "rule"),
    [("mlp with BatchNorm", rule) for rule in RULES]
    + [(kind, rule) for kind in STACKED for rule in (SGD(0.9), Adam())],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_networks_trained_by_stages_agree(kind, rule, gpu, dtype):
    here = in_epochs(kind, rule, dtype, CPU)
    with gpu():
        there = in_epochs(kind, rule, dtype, CUDA)
    require_agreement(here, there, dtype)


def by_fit(builder, shape, count, dtype, device, steps, decay_frozen=False):
    """Train networks of which half of the weights are frozen; return what they became, and how frozen ones moved."""
    batch = 4 if steps < 10 else 8
    images, labels = problem(shape, (steps // 2) * batch + 10, device, dtype)
    models = networks(builder, count, device, dtype)
    runs, moved = [], 0.0
    for seed, model in enumerate(models):
        generator = torch.Generator().manual_seed(seed)
        weights = {name: p for name, p in model.named_parameters() if p.dim() > 1}
        mask = {name: (torch.rand(p.shape, generator=generator) < 0.5).to(device) for name, p in weights.items()}
        index = torch.arange(len(images))
        runs.append(TrainingRun(model, index[:-10], index[-10:], seed, 0.01, mask, decay_frozen))
    start = [{name: p.detach().clone() for name, p in run.model.named_parameters()} for run in runs]
    recipe = Recipe(2, batch, SGD(0.9, 0.01), DropAtEpochs((1,)))
    with multiplying("fp32", device):
        histories = fit(runs, recipe, images, labels)
    for run, before in zip(runs, start, strict=True):
        for name, mask in run.mask.items():
            changed = (run.model.get_parameter(name) != before[name]) & ~mask
            moved += float(changed.sum())
    states = [value.cpu() for run in runs for value in run.model.state_dict().values() if value.is_floating_point()]
    return [torch.tensor([history.train_loss for history in histories]), *states], moved


@pytest.mark.parametrize("decay_frozen", [False, True])
@ON_A_GPU
@pytest.mark.parametrize("kind", ["mlp", "small convolutions", "lenet-300-100"])
def test_frozen_networks_agree_and_frozen_weights_stand_still(kind, decay_frozen, gpu, dtype):
    here, _ = by_fit(*STACKED[kind], 3, dtype, CPU, 10, decay_frozen)
    with gpu():
        there, moved = by_fit(*STACKED[kind], 3, dtype, CUDA, 10, decay_frozen)
    require_agreement(here, there, dtype)
    assert (moved > 0) is decay_frozen


@ON_A_GPU
def test_networks_that_stack_on_a_gpu_alone_agree(gpu, dtype):
    here, _ = by_fit(lenet5_caffe, (1, 28, 28), 3, dtype, CPU, 10)
    with gpu():
        assert Program(networks(lenet5_caffe, 2, CUDA, dtype)).stacked
        there, moved = by_fit(lenet5_caffe, (1, 28, 28), 3, dtype, CUDA, 10)
    require_agreement(here, there, dtype)
    assert moved == 0


@pytest.mark.parametrize(
    ("kind", "gpu", "dtype"),
    [
        ("vgg", FakeGpu, torch.float64),
        *(pytest.param(kind, nullcontext, torch.float32, marks=REAL) for kind in ALONE),
        *(pytest.param(kind, nullcontext, torch.float64, marks=REAL) for kind in ("vgg", "wide residual network")),
    ],
)
def test_large_networks_agree(kind, gpu, dtype):
    here, _ = by_fit(*ALONE[kind], 1, dtype, CPU, 2)
    with gpu():
        there, moved = by_fit(*ALONE[kind], 1, dtype, CUDA, 2)
    require_agreement(here, there, dtype)
    assert moved == 0


@pytest.mark.parametrize("gpu", [FakeGpu, pytest.param(nullcontext, marks=REAL)])
def test_both_count_the_same_right_answers(gpu):
    images, labels = problem((1, 28, 28), 300, CPU, torch.float64)
    models = networks(lenet5_caffe, 2, CPU, torch.float64)
    here = [accuracy(model, images, labels) for model in models]
    with gpu():
        program = Program(networks(lenet5_caffe, 2, CUDA, torch.float64))
        everything = torch.arange(300, device=CUDA).expand(2, -1)
        there = (program.correct(images.to(CUDA), labels.to(CUDA), everything) / 300).tolist()
    assert there == pytest.approx(here)
