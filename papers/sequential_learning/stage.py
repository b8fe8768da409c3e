"""The task of one stage, learnt by many networks as one program (Negative Pretraining Effect, Definitions 1 and 2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from common.datasets.splits import train_validation_split
from common.run.call import Call
from common.seeds import stream
from common.train.batches import shuffled_epochs
from common.train.best import Best
from common.train.checkpoint import Checkpoint
from common.train.loop import Stateful, Training, train
from common.train.optimizers import SGD
from common.train.per_run import PerRunUpdate
from common.train.program import Program
from common.train.states import Tensors
from common.train.tape import Tape
from papers.sequential_learning.learner import Learner, Passage
from papers.sequential_learning.path import Task
from papers.sequential_learning.presentation import ImageSet, Presentation, image_set
from papers.sequential_learning.setting import Setting

Measure = Callable[[Program, Presentation, Sequence[Learner]], Mapping[str, Tensor]]
"""Measures the R runs of a program at one moment: numbers [R] or [R, ...] by name, left on the device."""


def nothing(program: Program, presentation: Presentation, learners: Sequence[Learner]) -> Mapping[str, Tensor]:
    """Measure nothing."""
    return {}


@dataclass(frozen=True)
class Measures:
    """What is measured beside losses: before training and after every epoch, or at both ends of a stage."""

    every_epoch: Measure = nothing
    at_ends: Measure = nothing


LOSSES_ALONE = Measures()


def train_stage(
    learners: Sequence[Learner],
    number: int,
    setting: Setting,
    call: Call,
    measures: Measures,
    checkpoint: Checkpoint,
) -> list[Passage]:
    """Train networks on the task of one stage of their paths, in place, after its interventions.

    Arms share the order of the target task, however many tasks go before it: stages are told apart from the end.
    Raises ValueError where a process stops early and no images are held out.
    """
    dataset = learners[0].path[number].task.dataset
    data = image_set(dataset, call.data_dir, call.device, setting.standardise)
    return _StageTraining(learners, number, data, setting, measures).passages(checkpoint)


def split(data: ImageSet, task: Task, validation: str, seed: int) -> tuple[Tensor, Tensor]:
    """Return the training and the validation images of a run, int64, as many of the former as the task uses."""
    generator = torch.Generator().manual_seed(stream(seed, "split"))
    train, held_out = train_validation_split(len(data.labels), Fraction(validation), generator)
    return train[: max(1, round(task.share * len(train)))], held_out


class _StageTraining:
    """Networks on the task of one stage."""

    def __init__(
        self, learners: Sequence[Learner], number: int, data: ImageSet, setting: Setting, measures: Measures
    ) -> None:
        device = data.images.device
        stages, seeds = [learner.path[number] for learner in learners], [learner.seed for learner in learners]
        from_the_end = number - len(learners[0].path)
        self.learners, self.process, self.measures = learners, stages[0].process, measures
        self.program = Program([learner.model for learner in learners])
        tasks, presented = [stage.task for stage in stages], [stream(s, f"{from_the_end}") for s in seeds]
        self.presentation = Presentation(data, tasks, presented)
        splits = [split(data, task, setting.validation, s) for task, s in zip(tasks, seeds, strict=True)]
        self.train = torch.stack([train for train, _ in splits]).to(device)
        self.validation = torch.stack([held_out for _, held_out in splits]).to(device)
        self.test = torch.arange(len(data.test_labels), device=device).expand(len(learners), -1)
        orders = [stream(s, f"order of stage {from_the_end}") for s in seeds]
        self.dropout = stream(seeds[0], f"dropout of stage {from_the_end}")  # networks with dropout train alone
        self.epochs = shuffled_epochs(self.train, self.process.epochs, setting.batch_size, orders)
        self.rates = self.program.per_parameter([stage.process.rate for stage in stages])
        self.decays = self.program.per_parameter([stage.process.decay for stage in stages])
        weight_decays = self.program.per_parameter([stage.process.weight_decay for stage in stages])
        parameters = list(self.program.parameters.values())
        self.update = PerRunUpdate(SGD(self.process.momentum), parameters, weight_decays)
        self.best = self._best()
        self.losses, self.seen, self.ends = Tape(device), Tape(device), Tape(device)

    def _best(self) -> Best | None:
        if self.process.patience is None:
            return None
        if not self.validation.shape[1]:
            raise ValueError("early stopping needs images to validate on: the setting's share of them is 0")
        return Best(self.program, self.process.patience)

    def passages(self, checkpoint: Checkpoint) -> list[Passage]:
        """Train, and measure every network with the weights that it hands on."""
        tapes = {"losses": self.losses, "seen": self.seen, "ends": self.ends}
        keeps: dict[str, Stateful] = {
            "rates": Tensors(self.rates),
            **tapes,
            **({"best": self.best} if self.best else {}),
        }
        training = Training(self.program, self.update, self._step, keeps, self.presentation.draws, self.dropout)
        epochs = ([[batch] for batch in epoch] for epoch in self.epochs)
        seconds = train(training, epochs, self._look, checkpoint) / self.program.runs
        if self.best is not None:
            self.best.restore()
        trained = self.program.evaluate(self.presentation.fixed, self.train)
        tested = self.program.evaluate(self.presentation.to_test, self.test)
        self.ends.add(self.measures.at_ends(self.program, self.presentation, self.learners))
        return self._passages(torch.stack([*trained, *tested]).cpu(), seconds)

    def _step(self, inputs: Sequence[Tensor]) -> Tensor:
        """Take one step on the images that an index [R, B] names; return each run's loss, [R]."""
        losses = self.program.losses(*self.presentation.in_training(inputs[0]))
        self.update.apply(self.program.gradients(losses), self.rates)
        return losses.detach()

    def _look(self, epoch: int, loss: Tensor | None) -> bool:
        """Measure before training, and close every epoch; say whether no run trains any more."""
        if loss is None:
            initial, _ = self.program.evaluate(self.presentation.fixed, self.train)
            self.losses.add({"initial": initial})
            self.ends.add(self.measures.at_ends(self.program, self.presentation, self.learners))
        else:
            torch._foreach_mul_(self.rates, self.decays)
            self.losses.add({"training": loss})
        self.seen.add(self.measures.every_epoch(self.program, self.presentation, self.learners))
        if loss is None or self.best is None:
            return False
        validation, _ = self.program.evaluate(self.presentation.fixed, self.validation)
        self.losses.add({"validation": validation})
        self.best.see(-validation, epoch)
        return not bool(self.best.training.any())

    def _passages(self, measured: Tensor, seconds: float) -> list[Passage]:
        losses, seen, ends = self.losses.read(), self.seen.read(), self.ends.read()
        training = losses["training"]
        validation = losses.get("validation", training[:0])
        epochs = self.best.last.tolist() if self.best else [len(training)] * self.program.runs
        best = self.best.moment.clamp(min=0).tolist() if self.best else epochs
        passages = []
        for run, (trained, best_epoch) in enumerate(zip(epochs, best, strict=True)):
            final, accuracy, test_loss, test_accuracy = measured[:, run].tolist()
            passages.append(
                Passage(
                    loss=training[:trained, run].tolist(),
                    validation_loss=validation[:trained, run].tolist(),
                    best_epoch=best_epoch,
                    initial_loss=float(losses["initial"][0, run]),
                    final_loss=final,
                    train_accuracy=accuracy,
                    test_loss=test_loss,
                    test_accuracy=test_accuracy,
                    seen={name: values[: trained + 1, run] for name, values in seen.items()},
                    ends={name: values[:, run] for name, values in ends.items()},
                    seconds=seconds,
                )
            )
        return passages
