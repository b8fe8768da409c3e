"""Training in stages: the same networks on one set of images after another, each stage with an optimizer of its own."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from common.resident import Stored
from common.train.capture import repeated
from common.train.checkpoint import NOWHERE, Checkpoint, State
from common.train.optimizers import Optimizer, PerRunUpdate
from common.train.program import Program

Epoch = Tensor
"""The batches of one epoch: indices int64 [steps, R, B]."""

Present = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Turns indices int64 [R, B] into the images [R, B, C, H, W] and the labels [R, B] that a network is shown."""


def train_epochs(
    program: Program,
    epochs: Iterable[Epoch],
    present: Present,
    update: PerRunUpdate,
    rates: Sequence[Tensor],
    after: Callable[[Tensor], bool],
    draws: Sequence[torch.Generator] = (),
) -> None:
    """Train all runs of a program, in place; a GPU repeats the steps by itself.

    `rates` are those of `PerRunUpdate.apply` and may change in place between epochs. `after` gets the mean loss of an
    epoch's batches, [R], and says whether to stop there. `draws` are the generators that `present` draws from.
    """

    def work(inputs: Sequence[Tensor]) -> Tensor:
        losses = program.losses(*present(inputs[0]))
        update.apply(program.gradients(losses), rates)
        return losses.detach()

    device = update.parameters[0].device
    changed = [*program.module.state_dict().values(), *update.buffers]
    step = repeated(work, changed, device, draws)
    for epoch in epochs:
        program.module.train()
        total = torch.zeros(program.runs, device=epoch.device)
        for batch in epoch:
            update.count_step()
            total += step([batch])
        if after(total / len(epoch)):
            return


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

    images: Stored
    labels: Tensor
    test_images: Stored
    test_labels: Tensor


def train_stage(
    program: Program,
    epochs: Iterable[Epoch],
    own: Tensor,
    optimizer: Optimizer,
    rates: Sequence[float],
    data: Data,
    checkpoint: Checkpoint = NOWHERE,
) -> StageHistory:
    """Train all runs of a program through one stage, in place; nothing is read back to the host.

    `own` [R, n] names the images of the stage, on which it is measured at its end. Optimizer statistics begin at zero;
    parameters, and BatchNorm's running statistics, go on from where they are. `rates` holds one rate a run. A stage
    that the checkpoint has finished leaves the program as it is: the stage in progress, a later one, brings its state.
    """
    if checkpoint.result is not None:
        return StageHistory(**checkpoint.result)
    started = time.perf_counter()
    update = PerRunUpdate(optimizer, list(program.parameters.values()))
    shaped = program.beside_parameters(rates)
    everything = torch.arange(len(data.test_labels), device=own.device).expand(program.runs, -1)
    losses: list[Tensor] = []
    tests: list[Tensor] = []
    if (begun := checkpoint.begun()) is not None:
        program.load(begun["program"])
        update.load_state_dict(begun["update"])
        losses, tests = (list(begun[name].to(own.device)) for name in ("losses", "tests"))
        started -= begun["seconds"]

    def state() -> State:
        measured = {
            "losses": torch.stack(losses),
            "tests": torch.stack(tests),
            "seconds": time.perf_counter() - started,
        }
        return {"program": program.module.state_dict(), "update": update.state_dict(), **measured}

    def after(loss: Tensor) -> bool:
        losses.append(loss)
        tests.append(program.correct(data.test_images, data.test_labels, everything) / len(data.test_labels))
        checkpoint.save(state)
        return False

    def present(batch: Tensor) -> tuple[Tensor, Tensor]:
        return data.images[batch], data.labels[batch]

    left = islice(epochs, len(losses), None)  # orders of images are drawn again, and passed over
    train_epochs(program, left, present, update, shaped, after)
    train = program.correct(data.images, data.labels, own) / own.shape[1]
    history = StageHistory(torch.stack(losses), torch.stack(tests), train, time.perf_counter() - started)
    checkpoint.finish(lambda: vars(history))
    return history


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
