"""Training in stages: the same networks on one set of images after another, each stage with an optimizer of its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.datasets.resident import Stored
from common.train.checkpoint import NOWHERE, Checkpoint
from common.train.loop import Training, train
from common.train.optimizers import Optimizer
from common.train.per_run import PerRunUpdate
from common.train.program import Program, labels_of
from common.train.tape import Tape

Watch = Callable[[int], Mapping[str, Tensor]]
"""Measures further numbers, [R] each, after so many epochs of a stage; it is asked before the first one too, with 0."""


def nothing_more(epoch: int) -> Mapping[str, Tensor]:
    """Measure nothing further."""
    return {}


@dataclass(frozen=True)
class StageHistory:
    """What R runs went through in one stage, on the device.

    `loss` [epochs, R], the mean over an epoch's batches; `test` [epochs, R], the accuracy after every epoch; `further`
    [moments, R] by name, what else was measured, as often as it was. `seconds` is the time of the whole program.
    """

    loss: Tensor
    test: Tensor
    further: Mapping[str, Tensor]
    seconds: float


@dataclass(frozen=True)
class Data:
    """Images and labels on the device: all that any stage trains on, and those to test on.

    Labels are [N], or [R, N] where every run of a program has its own.
    """

    images: Stored
    labels: Tensor
    test_images: Stored
    test_labels: Tensor


def train_stage(
    program: Program,
    epochs: Iterable[Iterable[Tensor]],
    optimizer: Optimizer,
    rates: Sequence[float],
    data: Data,
    checkpoint: Checkpoint = NOWHERE,
    watch: Watch = nothing_more,
) -> StageHistory:
    """Train all runs of a program through one stage, in place; nothing is read back to the host.

    `epochs` holds the batches of each epoch, indices int64 [R, B]. Optimizer statistics begin at zero; parameters, and
    BatchNorm's running statistics, go on from where they are. `rates` holds one rate a run. `watch` measures, and must
    leave the program as it is. A stage that the checkpoint has finished leaves the program as it is: the stage in
    progress, a later one, brings its state.
    """
    if checkpoint.result is not None:
        return StageHistory(**checkpoint.result)
    update = PerRunUpdate(optimizer, list(program.parameters.values()))
    shaped = program.per_parameter(rates)
    device = data.labels.device
    everything = torch.arange(data.test_labels.shape[-1], device=device).expand(program.runs, -1)
    tape, further = Tape(device), Tape(device)

    def step(inputs: Sequence[Tensor]) -> Tensor:
        (batch,) = inputs
        losses = program.losses(data.images[batch], labels_of(data.labels, batch))
        update.apply(program.gradients(losses), shaped)
        return losses.detach()

    def look(epoch: int, loss: Tensor | None) -> bool:
        if loss is not None:
            correct = program.correct(data.test_images, data.test_labels, everything)
            tape.add({"loss": loss, "test": correct / data.test_labels.shape[-1]})
        further.add(watch(epoch))
        return False

    training = Training(program, update, step, {"tape": tape, "further": further})
    seconds = train(training, ([[batch] for batch in epoch] for epoch in epochs), look, checkpoint)
    noted = {name: further[name] for name in further.moments}
    history = StageHistory(tape["loss"], tape["test"], noted, seconds)
    checkpoint.finish(lambda: vars(history))
    return history
