"""The one training loop: a list of runs in, trained networks and their histories out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from common.train.optimizers import SGD, SGDUpdate
from common.train.program import Program
from common.train.schedules import Schedule
from common.train.stacking import stackable
from common.transforms import Transform


@dataclass(frozen=True)
class Recipe:
    """What all runs of one call share."""

    epochs: int
    batch_size: int
    optimizer: SGD
    schedule: Schedule
    augment: tuple[Transform, ...] = ()

    def steps_per_epoch(self, images: int) -> int:
        """Return the number of batches of one epoch; the last one may be smaller."""
        return -(-images // self.batch_size)


@dataclass(eq=False)
class TrainingRun:
    """One network to train, and everything that is its own.

    `train` and `validation` index the images given to `fit` ([n] and [v], the same lengths for all
    runs). `mask` holds a bool tensor a masked parameter, True where it trains; a parameter without a mask
    trains whole. With `decay_frozen`, weight decay acts on frozen weights too.
    """

    model: nn.Module
    train: Tensor
    validation: Tensor
    seed: int
    learning_rate: float
    mask: Mapping[str, Tensor] = field(default_factory=dict)
    decay_frozen: bool = False


@dataclass(frozen=True)
class History:
    """What one run went through.

    One number an epoch in `train_loss` (mean over the epoch's batches) and `validation_accuracy`.
    `best_epoch` counts from 1 and is the first with the highest validation accuracy; `best_state` holds
    the parameters and buffers at its end. `observed` holds the observer's numbers: before training, then
    after every epoch. `seconds` is the run's share of its program's time, and `strategy` says how the
    engine ran it.
    """

    train_loss: list[float]
    validation_accuracy: list[float]
    best_epoch: int
    best_state: dict[str, Tensor]
    observed: dict[str, list[float]]
    seconds: float
    strategy: str


Observer = Callable[[TrainingRun], Mapping[str, Tensor]]


def fit(
    runs: Sequence[TrainingRun],
    recipe: Recipe,
    images: Tensor,
    labels: Tensor,
    observe: Observer | None = None,
) -> list[History]:
    """Train all runs in place and return their histories in the same order.

    `images` [N, C, H, W] (float) and `labels` [N] hold training and validation images together, already on
    the device of the models. Runs whose networks stack are trained as one program, the others one after
    another; what a run computes does not depend on its neighbours but for floating-point rounding.
    `observe` is called with a run before training and after each epoch and returns scalar tensors.
    Raises ValueError where runs differ in the number of images.
    """
    if len({(len(run.train), len(run.validation)) for run in runs}) > 1:
        raise ValueError("runs trained together need equal numbers of training and validation images")
    histories: dict[int, History] = {}
    for group in _groups(runs):
        members = [runs[i] for i in group]
        results = _Group(members, recipe, images, labels, observe).train()
        histories.update(zip(group, results, strict=True))
    return [histories[i] for i in range(len(runs))]


def _groups(runs: Sequence[TrainingRun]) -> list[list[int]]:
    """Return the positions of the runs that make up one program each."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, run in enumerate(runs):
        own = None if stackable(run.model) else i
        groups.setdefault((own, run.learning_rate, run.decay_frozen, tuple(run.mask)), []).append(i)
    return list(groups.values())


class _Group:
    """Runs that share a program."""

    def __init__(
        self,
        runs: Sequence[TrainingRun],
        recipe: Recipe,
        images: Tensor,
        labels: Tensor,
        observe: Observer | None,
    ) -> None:
        self.runs, self.recipe, self.observe = runs, recipe, observe
        self.images, self.labels = images, labels
        self.program = Program([run.model for run in runs])
        self.update = SGDUpdate(
            recipe.optimizer,
            list(self.program.parameters.values()),
            [self._frozen(name) for name in self.program.parameters],
            runs[0].decay_frozen,
        )
        self.orders = [torch.Generator().manual_seed(run.seed) for run in runs]
        self.draws = [torch.Generator(images.device).manual_seed(run.seed) for run in runs]
        self.best = self.program.state()

    def train(self) -> list[History]:
        """Run all epochs; nothing is read back to the host before the end."""
        started = time.perf_counter()
        device = self.images.device
        validation = torch.stack([run.validation for run in self.runs]).to(device)
        best = torch.full((len(self.runs),), -1, device=device)
        best_epoch = torch.zeros_like(best)
        losses, accuracies, observed = [], [], [self._observe()]
        for epoch in range(self.recipe.epochs):
            losses.append(self._train_epoch(epoch))
            correct = self.program.correct(self.images, self.labels, validation)
            better = correct > best
            best = torch.where(better, correct, best)
            best_epoch.masked_fill_(better, epoch + 1)
            self.program.keep(better, self.best)
            accuracies.append(correct / validation.shape[1])
            observed.append(self._observe())
        histories = self._histories(torch.stack(losses), torch.stack(accuracies), best_epoch, observed)
        seconds = (time.perf_counter() - started) / len(self.runs)
        return [replace(history, seconds=seconds) for history in histories]

    def _train_epoch(self, epoch: int) -> Tensor:
        """Return each run's mean loss over the epoch, [R]."""
        recipe = self.recipe
        order = torch.stack(
            [
                run.train[torch.randperm(len(run.train), generator=generator)]
                for run, generator in zip(self.runs, self.orders, strict=True)
            ]
        ).to(self.images.device)
        steps = recipe.steps_per_epoch(order.shape[1])
        rate = self.runs[0].learning_rate
        total = torch.zeros(len(self.runs), device=self.images.device)
        self.program.module.train()
        for step, batch in enumerate(torch.split(order, recipe.batch_size, dim=1)):
            losses = self.program.losses(self._augmented(self.images[batch]), self.labels[batch])
            factor = recipe.schedule.factor(epoch * steps + step, steps)
            self.update.step(self.program.gradients(losses), rate * factor)
            total += losses.detach()
        return total / steps

    def _augmented(self, images: Tensor) -> Tensor:
        """Transform a batch [R, B, C, H, W], each run with its own generator."""
        if not self.recipe.augment:
            return images
        batches = list(images)
        for transform in self.recipe.augment:
            batches = [transform(b, generator) for b, generator in zip(batches, self.draws, strict=True)]
        return torch.stack(batches)

    def _observe(self) -> list[Mapping[str, Tensor]]:
        return [self.observe(run) for run in self.runs] if self.observe else [{} for _ in self.runs]

    def _frozen(self, name: str) -> Tensor | None:
        """Return where the program's parameter is frozen, shaped like it, or None."""
        if name not in self.runs[0].mask:
            return None
        masks = [run.mask[name] for run in self.runs]
        return ~(torch.stack(masks) if self.program.stacked else masks[0]).to(self.images.device)

    def _histories(
        self,
        losses: Tensor,
        accuracies: Tensor,
        best_epoch: Tensor,
        observed: Sequence[Sequence[Mapping[str, Tensor]]],
    ) -> list[History]:
        return [
            History(
                train_loss=losses[:, r].tolist(),
                validation_accuracy=accuracies[:, r].tolist(),
                best_epoch=int(best_epoch[r]),
                best_state=self.program.of_run(self.best, r),
                observed={name: [float(seen[r][name]) for seen in observed] for name in observed[0][r]},
                seconds=0.0,
                strategy=self.program.strategy,
            )
            for r in range(len(self.runs))
        ]
