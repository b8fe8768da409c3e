"""Training in stages: the same networks on one set of images after another, each stage with an optimizer of its own."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.train.optimizers import Optimizer, PerRunUpdate
from common.train.program import Program

Epoch = Tensor
"""The batches of one epoch: indices int64 [steps, R, B]."""


@dataclass(frozen=True)
class StageHistory:
    """What R runs went through in one stage, on the device.

    `loss` [epochs, R], the mean over an epoch's batches; `test` [epochs, R], the accuracy after every epoch;
    `train` [R], the accuracy on the stage's own images at its end. `seconds` is the time of the whole program.
    """

    loss: Tensor
    test: Tensor
    train: Tensor
    seconds: float


@dataclass(frozen=True)
class Data:
    """Images and labels on the device: all that any stage trains on, and those to test on."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def train_stage(
    program: Program, epochs: Iterable[Epoch], own: Tensor, optimizer: Optimizer, rates: Sequence[float], data: Data
) -> StageHistory:
    """Train all runs of a program through one stage, in place; nothing is read back to the host.

    `own` [R, n] names the images of the stage, on which it is measured at its end. Optimizer statistics begin at zero;
    parameters, and BatchNorm's running statistics, go on from where they are. `rates` holds one rate a run.
    """
    started = time.perf_counter()
    update = PerRunUpdate(optimizer, list(program.parameters.values()))
    of_runs = torch.tensor(rates, dtype=torch.float64).to(own.device)
    shaped = [program.per_run(of_runs.to(parameter.dtype), parameter) for parameter in program.parameters.values()]
    everything = torch.arange(len(data.test_labels), device=own.device).expand(program.runs, -1)
    losses, tests = [], []
    for epoch in epochs:
        program.module.train()
        total = torch.zeros(program.runs, device=own.device)
        for batch in epoch:
            loss = program.losses(data.images[batch], data.labels[batch])
            update.step(program.gradients(loss), shaped)
            total += loss.detach()
        losses.append(total / len(epoch))
        tests.append(program.correct(data.test_images, data.test_labels, everything) / len(data.test_labels))
    train = program.correct(data.images, data.labels, own) / own.shape[1]
    return StageHistory(torch.stack(losses), torch.stack(tests), train, time.perf_counter() - started)


def shuffled_epochs(own: Tensor, epochs: int, batch_size: int, seeds: Sequence[int]) -> Iterable[Epoch]:
    """Yield every epoch's batches: all images that own [R, n] names in a new order, the last partial batch dropped.

    Raises ValueError where the images do not fill one batch.
    """
    size = own.shape[1]
    steps = size // batch_size
    if not steps:
        raise ValueError(f"{size} images do not fill a batch of {batch_size}")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(size, generator=g)[: steps * batch_size] for g in generators])
        picked = own.gather(1, orders.to(own.device))
        yield picked.view(len(seeds), steps, batch_size).transpose(0, 1)
