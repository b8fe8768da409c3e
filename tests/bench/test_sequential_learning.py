"""What it costs to count mutually frozen weights after every epoch of ResNet-18, beside a step of its training.

The whole network at its full width, and an epoch of CIFAR-10's 390 steps. The share is printed and nothing is asserted
about time.
"""

import torch

from common.models.grouped import grouped_resnet
from common.models.init import initialise
from common.train.optimizers import SGD
from common.train.per_run import PerRunUpdate
from common.train.program import Program
from papers.sequential_learning.frozen_weights.counting import count
from papers.sequential_learning.frozen_weights.interfaces import interfaces
from tests.bench.contest import milliseconds

CUDA = torch.cuda.is_available()
BATCH, STEPS_PER_EPOCH, ROUNDS = 128, 390, 10 if CUDA else 3


def test_counting_after_every_epoch_of_resnet18(benchmark):
    device = torch.device("cuda" if CUDA else "cpu")
    model = grouped_resnet()
    initialise(model, "framework_uniform", 0)
    program = Program([model.to(device)])
    parameters = list(program.parameters.values())
    rates, decays = program.per_parameter([0.05]), program.per_parameter([1e-3])
    update = PerRunUpdate(SGD(0.9), parameters, decays)
    images = torch.randn(1, BATCH, 3, 32, 32, device=device)
    labels = torch.randint(10, (1, BATCH), device=device)

    def step():
        update.count_step()
        update.apply(program.gradients(program.losses(images, labels)), rates)
        wait()

    def counted():
        count(program.parameters_of_runs(), interfaces(model))
        wait()

    found = milliseconds(benchmark, {"training step": step, "count": counted}, ROUNDS, 1)
    step_ms, count_ms = found["training step"], found["count"]
    share = 100 * count_ms / (STEPS_PER_EPOCH * step_ms)
    print(f"\nResNet-18, batch {BATCH}, on {device}: a step {step_ms:.0f} ms, a count {count_ms:.1f} ms")
    print(f"  counting after every epoch of {STEPS_PER_EPOCH} steps: {share:.4f} % of its training")


def wait():
    if CUDA:
        torch.cuda.synchronize()
