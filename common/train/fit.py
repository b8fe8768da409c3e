"""The one training loop: a list of runs in, trained networks and their histories out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from common.resident import Stored
from common.train.capture import Work, repeated
from common.train.checkpoint import NOWHERE, Checkpoint, State, copy_into, set_states, states
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
    images: Stored,
    labels: Tensor,
    observe: Observer | None = None,
    checkpoint: Checkpoint = NOWHERE,
) -> list[History]:
    """Train all runs in place and return their histories in the same order.

    `images` [N, C, H, W] and `labels` [N] hold training and validation images together, already on
    the device of the models. Runs whose networks stack are trained as one program, the others one after
    another; what a run computes does not depend on its neighbours but for floating-point rounding, and on a CPU not at
    all where its layers are linear.
    `observe` is called with a run before training and after each epoch and returns scalar tensors. What the
    checkpoint holds is not trained again.
    Raises ValueError where runs differ in the number of images.
    """
    if len({(len(run.train), len(run.validation)) for run in runs}) > 1:
        raise ValueError("runs trained together need equal numbers of training and validation images")
    histories: dict[int, History] = {}
    for number, group in enumerate(_groups(runs, images.device)):
        members = [runs[i] for i in group]
        results = _Group(members, recipe, images, labels, observe).histories(checkpoint.part(str(number)))
        histories.update(zip(group, results, strict=True))
    return [histories[i] for i in range(len(runs))]


def _groups(runs: Sequence[TrainingRun], device: torch.device) -> list[list[int]]:
    """Return the positions of the runs that make up one program each on a device."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, run in enumerate(runs):
        own = None if stackable(run.model, device) else i
        groups.setdefault((own, run.learning_rate, run.decay_frozen, tuple(run.mask)), []).append(i)
    return list(groups.values())


class _Group:
    """Runs that share a program."""

    def __init__(
        self,
        runs: Sequence[TrainingRun],
        recipe: Recipe,
        images: Stored,
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
        self.validation = torch.stack([run.validation for run in runs]).to(images.device)
        self.best = self.program.state()
        self.best_correct = torch.full((len(runs),), -1, device=images.device)
        self.best_epoch = torch.zeros_like(self.best_correct)
        self.losses: list[Tensor] = []
        self.accuracies: list[Tensor] = []
        self.observed: list[dict[str, Tensor]] = []
        self.started = time.perf_counter()

    def histories(self, checkpoint: Checkpoint) -> list[History]:
        """Train, or return what came of it before."""
        if (done := checkpoint.result) is not None:
            self.program.load(done["program"])
            return [History(**history) for history in done["histories"]]
        if (begun := checkpoint.begun()) is not None:
            self.load_state_dict(begun)
        self._train(checkpoint)
        seconds = (time.perf_counter() - self.started) / len(self.runs)
        histories = [replace(history, seconds=seconds) for history in self._histories()]
        checkpoint.finish(lambda: {"program": self.program.state(), "histories": [vars(own) for own in histories]})
        return histories

    def _train(self, checkpoint: Checkpoint) -> None:
        """Run all epochs that are left; nothing is read back to the host but for a checkpoint."""
        if not self.observed:
            self.observed.append(self._observe())
        changed = [*self.program.module.state_dict().values(), *self.update.buffers]
        draws = self.draws if self.recipe.augment else ()
        step = repeated(self._step, changed, self.images.device, draws)  # gone, with its graph, when training ends
        for epoch in range(len(self.losses), self.recipe.epochs):
            self.losses.append(self._train_epoch(epoch, step))
            correct = self.program.correct(self.images, self.labels, self.validation)
            better = correct > self.best_correct
            self.best_correct = torch.where(better, correct, self.best_correct)
            self.best_epoch.masked_fill_(better, epoch + 1)
            self.program.keep(better, self.best)
            self.accuracies.append(correct / self.validation.shape[1])
            self.observed.append(self._observe())
            checkpoint.save(self.state_dict)

    def state_dict(self) -> State:
        """Return all that training goes on from."""
        return {
            "program": self.program.module.state_dict(),
            "update": self.update.state_dict(),
            "generators": states([*self.orders, *self.draws]),
            "best": self.best,
            "of_runs": [self.best_correct, self.best_epoch],
            "losses": torch.stack(self.losses),
            "accuracies": torch.stack(self.accuracies),
            "observed": self.observed,
            "seconds": time.perf_counter() - self.started,
        }

    def load_state_dict(self, saved: State) -> None:
        """Go on from there."""
        device = self.images.device
        self.program.load(saved["program"])
        self.update.load_state_dict(saved["update"])
        set_states([*self.orders, *self.draws], saved["generators"])
        copy_into(list(self.best.values()), [saved["best"][name] for name in self.best])
        copy_into([self.best_correct, self.best_epoch], saved["of_runs"])
        self.losses, self.accuracies = (list(saved[name].to(device)) for name in ("losses", "accuracies"))
        self.observed = saved["observed"]
        self.started -= saved["seconds"]

    def _train_epoch(self, epoch: int, step: Work) -> Tensor:
        """Return each run's mean loss over the epoch, [R]."""
        recipe = self.recipe
        order = torch.stack(
            [
                run.train[torch.randperm(len(run.train), generator=generator)]
                for run, generator in zip(self.runs, self.orders, strict=True)
            ]
        ).to(self.images.device)
        steps = recipe.steps_per_epoch(order.shape[1])
        factors = [recipe.schedule.factor(epoch * steps + step, steps) for step in range(steps)]
        rates = torch.tensor([self.runs[0].learning_rate * factor for factor in factors], dtype=torch.float64)
        total = torch.zeros(len(self.runs), device=self.images.device)
        self.program.module.train()
        batches = torch.split(order, recipe.batch_size, dim=1)
        for batch, rate in zip(batches, rates.to(self.images.device), strict=True):
            total += step([batch, rate])
        return total / steps

    def _step(self, inputs: Sequence[Tensor]) -> Tensor:
        """Take one step on the images that an index [R, B] names, with a rate; return each run's loss, [R]."""
        batch, rate = inputs
        losses = self.program.losses(self._augmented(self.images[batch]), self.labels[batch])
        self.update.step(self.program.gradients(losses), rate)
        return losses.detach()

    def _augmented(self, images: Tensor) -> Tensor:
        """Transform a batch [R, B, C, H, W], each run with its own generator."""
        if not self.recipe.augment:
            return images
        batches = list(images)
        for transform in self.recipe.augment:
            batches = [transform(b, generator) for b, generator in zip(batches, self.draws, strict=True)]
        return torch.stack(batches)

    def _observe(self) -> dict[str, Tensor]:
        """Return the observer's numbers of all runs, [R] by name."""
        if self.observe is None:
            return {}
        seen = [self.observe(run) for run in self.runs]
        return {name: torch.stack([of_run[name] for of_run in seen]) for name in seen[0]}

    def _frozen(self, name: str) -> Tensor | None:
        """Return where the program's parameter is frozen, shaped like it, or None."""
        if name not in self.runs[0].mask:
            return None
        masks = [run.mask[name] for run in self.runs]
        return ~(torch.stack(masks) if self.program.stacked else masks[0]).to(self.images.device)

    def _histories(self) -> list[History]:
        losses, accuracies = torch.stack(self.losses), torch.stack(self.accuracies)
        return [
            History(
                train_loss=losses[:, r].tolist(),
                validation_accuracy=accuracies[:, r].tolist(),
                best_epoch=int(self.best_epoch[r]),
                best_state=self.program.of_run(self.best, r),
                observed={name: [float(seen[name][r]) for seen in self.observed] for name in self.observed[0]},
                seconds=0.0,
                strategy=self.program.strategy,
            )
            for r in range(len(self.runs))
        ]
