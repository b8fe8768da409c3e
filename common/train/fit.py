"""Training with a validation after every epoch: a list of runs in, trained networks and their histories out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from common.datasets.resident import Stored
from common.datasets.transforms import Transform
from common.train.batches import shuffled_epochs
from common.train.best import Best
from common.train.checkpoint import NOWHERE, Checkpoint
from common.train.loop import Stretch, Training, train
from common.train.optimizers import SGD
from common.train.program import Program
from common.train.schedules import Schedule, shortened
from common.train.sgd import SGDUpdate
from common.train.stacking import stackable
from common.train.tape import Tape

LOSS, ACCURACY = "train loss", "validation accuracy"  # on the tape, beside what the observer calls its numbers


@dataclass(frozen=True)
class Recipe:
    """What all runs of one call share."""

    epochs: int
    batch_size: int
    optimizer: SGD
    schedule: Schedule
    augment: tuple[Transform, ...] = ()

    def shortened(self, share: float) -> "Recipe":
        """Return the recipe for a share of its epochs, at least one, with its schedule in proportion."""
        epochs = shortened(self.epochs, share)
        return replace(self, epochs=epochs, schedule=self.schedule.shortened(epochs / self.epochs))

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

    `images` [N, C, H, W] and `labels` [N] hold training and validation images together, already on the device of the
    models; all runs share them. Runs whose networks stack are trained as one program, the others one after another;
    what a run computes does not depend on its neighbours but for floating-point rounding, and on a CPU not at all where
    its layers are linear.
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
        self.draws = [torch.Generator(images.device).manual_seed(run.seed) for run in runs]
        self.validation = torch.stack([run.validation for run in runs]).to(images.device)
        self.best, self.tape = Best(self.program), Tape(images.device)

    def histories(self, checkpoint: Checkpoint) -> list[History]:
        """Train, or return what came of it before."""
        if (done := checkpoint.result) is not None:
            self.program.load(done["program"])
            return [History(**history) for history in done["histories"]]
        training = Training(
            self.program,
            self.update,
            self._step,
            {"best": self.best, "tape": self.tape},
            self.draws if self.recipe.augment else (),
        )
        seconds = train(training, self._epochs(), self._look, checkpoint)
        histories = self._histories(seconds / len(self.runs))
        checkpoint.finish(lambda: {"program": self.program.state(), "histories": [vars(own) for own in histories]})
        return histories

    def _epochs(self) -> Iterator[Stretch]:
        """Yield the batches of every epoch, [R, B] each, and their rates."""
        own = torch.stack([run.train for run in self.runs]).to(self.images.device)
        recipe, steps = self.recipe, self.recipe.steps_per_epoch(own.shape[1])
        seeds = [run.seed for run in self.runs]
        for epoch, batches in enumerate(shuffled_epochs(own, recipe.epochs, recipe.batch_size, seeds, ragged=True)):
            factors = [recipe.schedule.factor(epoch * steps + step, steps) for step in range(steps)]
            rates = torch.tensor([self.runs[0].learning_rate * factor for factor in factors], dtype=torch.float64)
            yield list(zip(batches, rates.to(self.images.device), strict=True))

    def _step(self, inputs: Sequence[Tensor]) -> Tensor:
        """Take one step on the images that an index [R, B] names, with a rate; return each run's loss, [R]."""
        batch, rate = inputs
        losses = self.program.losses(self._augmented(self.images[batch]), self.labels[batch])
        self.update.step(self.program.gradients(losses), rate)
        return losses.detach()

    def _look(self, epoch: int, loss: Tensor | None) -> bool:
        """Validate after an epoch, and observe; after epoch 0, which is before training, observe alone."""
        if loss is not None:
            correct = self.program.correct(self.images, self.labels, self.validation)
            self.best.see(correct, epoch)
            self.tape.add({LOSS: loss, ACCURACY: correct / self.validation.shape[1]})
        self.tape.add(self._observe())
        return False

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

    def _histories(self, seconds: float) -> list[History]:
        taken, best = self.tape.read(), self.best.moment.tolist()
        losses, accuracies = taken.pop(LOSS), taken.pop(ACCURACY)
        return [
            History(
                train_loss=losses[:, r].tolist(),
                validation_accuracy=accuracies[:, r].tolist(),
                best_epoch=best[r],
                best_state=self.program.of_run(self.best.state, r),
                observed={name: values[:, r].tolist() for name, values in taken.items()},
                seconds=seconds,
                strategy=self.program.strategy,
            )
            for r in range(len(self.runs))
        ]
