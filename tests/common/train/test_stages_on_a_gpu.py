"""Training in stages on a fake GPU: every optimizer from captured steps, and early stopping."""

import pytest
import torch

from common.models.init import initialise
from common.train.batches import shuffled_epochs
from common.train.best import Best
from common.train.loop import Training, train
from common.train.optimizers import SGD, Adam, Nesterov, RAdam, RMSprop
from common.train.per_run import PerRunUpdate
from common.train.program import Program
from common.train.stages import Data, train_stage
from tests.common.train.kinds import KINDS
from tests.fake_gpu import CUDA, FakeGpu

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("_grouped_everywhere")
RULES = [SGD(0.0), SGD(0.9), Nesterov(0.9), Adam(), RAdam(), RMSprop()]
EPOCHS = 2


def problem(kind, device, images=24):
    model, shape, runs = KINDS[kind]
    models = [model() for _ in range(runs)]
    for seed, network in enumerate(models):
        initialise(network, "kaiming_uniform", seed)
        network.to(device)
    generator = torch.Generator().manual_seed(0)
    shown = [torch.randn(n, *shape, generator=generator).to(device) for n in (images, 10)]
    labels = [torch.randint(10, (n,), generator=generator).to(device) for n in (images, 10)]
    own = torch.arange(images, device=device).expand(runs, -1)
    return Program(models), Data(shown[0], labels[0], shown[1], labels[1]), own


def weights(program):
    return [value.cpu() for value in program.state().values()]


def staged(kind, rule, device, images=24):
    program, data, own = problem(kind, device, images)
    rates = [1e-2 / (run + 1) for run in range(program.runs)]
    epochs = shuffled_epochs(own, EPOCHS, 6, range(program.runs))
    history = train_stage(program, epochs, rule, rates, data, watch=learnt(program, data, own))
    return [history.loss.cpu(), history.test.cpu(), history.further["train"].cpu()], weights(program)


def learnt(program, data, own):
    return lambda epoch: {"train": program.correct(data.images, data.labels, own) / own.shape[1]}


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        *(("stack of linear layers", rule) for rule in RULES),
        *((kind, rule) for kind in KINDS for rule in (SGD(0.9), Adam()) if kind != "stack of linear layers"),
    ],
    ids=str,
)
def test_a_stage_on_a_gpu_is_that_of_the_cpu_and_its_steps_do_not_wait(kind, rule):
    with FakeGpu() as gpu:
        found = staged(kind, rule, CUDA)
    assert gpu.waits == {
        "program.Program.per_parameter": 1,  # the rates
        "batches.shuffled_epochs": EPOCHS,  # an epoch's order
    }
    assert len(gpu.graphs) == 1
    expected = staged(kind, rule, CPU)
    for one, other in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        assert torch.equal(one, other)


def walk(program, data, update, rates, epochs, look):
    def step(inputs):
        losses = program.losses(data.images[inputs[0]], data.labels[inputs[0]])
        update.apply(program.gradients(losses), rates)
        return losses.detach()

    train(Training(program, update, step), ([[batch] for batch in epoch] for epoch in epochs), look)


@pytest.mark.parametrize("kind", KINDS)
def test_rates_that_shrink_between_epochs_and_decays_of_the_runs_reach_a_captured_step(kind):
    def trained(device):
        program, data, own = problem(kind, device)
        rates = program.per_parameter([1e-1] * program.runs)
        shrink = program.per_parameter([0.5 / (run + 1) for run in range(program.runs)])
        decays = program.per_parameter([1e-2 * (run + 1) for run in range(program.runs)])
        update = PerRunUpdate(SGD(0.9), list(program.parameters.values()), decays)

        def look(epoch, loss):
            if epoch:
                torch._foreach_mul_(rates, shrink)
            return False

        epochs = shuffled_epochs(own, 3, 6, range(program.runs))
        walk(program, data, update, rates, epochs, look)
        return weights(program)

    with FakeGpu() as gpu:
        found = trained(CUDA)
    assert len(gpu.graphs) == 1
    assert all(torch.equal(one, other) for one, other in zip(found, trained(CPU), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_decides_on_the_device_and_its_caller_reads_once_an_epoch(kind):
    def stopped(device):
        program, data, own = problem(kind, device)
        best = Best(program, 2)
        rates = program.per_parameter([0.5] * program.runs)
        update = PerRunUpdate(SGD(0.9), list(program.parameters.values()))

        def present(index):
            return data.images[index], data.labels[index]

        def look(epoch, loss):
            if epoch:
                held_out, _ = program.evaluate(present, own[:, :8])
                best.see(-held_out, epoch)
            return False

        walk(program, data, update, rates, shuffled_epochs(own, 4, 6, range(program.runs)), look)
        best.restore()
        return [best.moment.cpu(), best.score.cpu(), best.last.cpu(), *weights(program)]

    with FakeGpu() as gpu:
        found = stopped(CUDA)
    assert gpu.waits == {"program.Program.per_parameter": 1, "batches.shuffled_epochs": 4}
    assert all(torch.equal(one, other) for one, other in zip(found, stopped(CPU), strict=True))
