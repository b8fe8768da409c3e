"""Fine-tuning with Anytime Deployment Performance: the loop behind every figure of Section 6.

A run validates after some steps and keeps its best state; at every checkpoint that state, not the present one, is
tested on the target task, and on the source task with the classifier that was removed (Section 6.1).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from common.train.batches import StratifiedBatches
from common.train.best import Best
from common.train.checkpoint import NOWHERE, Checkpoint
from common.train.loop import Stateful, Stretch, Training, train
from common.train.optimizers import Optimizer
from common.train.per_run import PerRunUpdate
from common.train.program import Program, right
from common.train.tape import Tape
from papers.fast.adoption import Adopted
from papers.fast.adp import checkpoints, validations
from papers.fast.tasks import Task
from papers.fast.warm_up import WarmUp

DRAWN_AHEAD = 500  # steps whose batches are drawn at once
TESTED_AT_ONCE = 500  # images


@dataclass(eq=False)
class Run:
    """One model to adapt: its rates, and the seed of its batches and of dropout."""

    model: Adopted
    alpha: float
    beta: float
    seed: int


@dataclass(frozen=True)
class Schedule:
    """What all runs of one program share. `warm_up` is as in `Cell`."""

    steps: int
    batch_size: int
    optimizer: Optimizer
    every_step: bool = False
    warm_up: str = "none"

    @property
    def checkpoints(self) -> list[int]:
        """The numbers of updates at which the best state is tested."""
        return checkpoints(self.steps)

    @property
    def validations(self) -> list[int]:
        """The numbers of updates after which the present state is validated."""
        return list(range(self.steps + 1)) if self.every_step else validations(self.steps)


@dataclass(frozen=True)
class History:
    """What one run went through.

    One number a checkpoint in `target`, `source` (accuracies of the best state; no `source` without a source task) and
    `norm` (the Frobenius norm of the present W); one a validation in `validation`. `best_state` is the first with the
    highest validation accuracy, after `best_step` updates. `switched_at` is the step at which warm-up ended, if it did.
    `seconds` is the run's share of its program's time.
    """

    target: list[float]
    source: list[float]
    norm: list[float]
    validation: list[float]
    best_step: int
    best_state: dict[str, Tensor]
    switched_at: int | None
    seconds: float


def adapt(
    runs: Sequence[Run], schedule: Schedule, target: Task, source: Task | None, checkpoint: Checkpoint = NOWHERE
) -> list[History]:
    """Adapt all models in place as one program and return their histories in the same order.

    Nothing is read back to the host before the end, but for the switch of a warm-up, which is a decision of every step,
    and for a checkpoint.
    Raises UsageError where batches cannot be stratified.
    """
    return _Adaptation(runs, schedule, target, source).histories(checkpoint)


class _Adaptation:
    """Runs that are adapted together; a look comes wherever a validation or a checkpoint of the schedule does."""

    def __init__(self, runs: Sequence[Run], schedule: Schedule, target: Task, source: Task | None) -> None:
        self.runs, self.schedule, self.target, self.source = runs, schedule, target, source
        self.at_validation, self.at_checkpoint = set(schedule.validations), set(schedule.checkpoints)
        looks = {0, schedule.steps} | self.at_validation | self.at_checkpoint
        self.looks = sorted(step for step in looks if step <= schedule.steps)
        self.program = Program([run.model for run in runs])
        self.update = PerRunUpdate(schedule.optimizer, list(self.program.parameters.values()))
        self.rates = [self._rate(name) for name in self.program.parameters]
        self.batches = [
            StratifiedBatches(target.labels, target.train, target.num_classes, schedule.batch_size, run.seed)
            for run in runs
        ]
        device = target.images.device
        self.draws = [torch.Generator(device).manual_seed(run.seed) for run in runs]
        self.validation = target.validation.to(device).expand(len(runs), -1)
        self.warm_up = WarmUp(len(runs), len(target.validation), device) if schedule.warm_up != "none" else None
        self.best, self.tape = Best(self.program), Tape(device)
        self.program.training_mode()

    def histories(self, checkpoint: Checkpoint) -> list[History]:
        """Walk through all steps that are left, then read what was measured."""
        keeps: dict[str, Stateful] = {
            "best": self.best,
            "tape": self.tape,
            **({"warm-up": self.warm_up} if self.warm_up else {}),
        }
        training = Training(
            self.program,
            self.update,
            self._step,
            keeps,
            self.draws,
            None if self.program.stacked else self.runs[0].seed,  # networks that stack have no dropout
            captured=self.warm_up is None,
        )
        seconds = train(training, self._stretches(), self._look, checkpoint) / len(self.runs)
        taken = self.tape.read()
        deployed, best = taken["deployed"].tolist(), self.best.moment.tolist()  # [checkpoints, tasks, runs]
        switched = self.warm_up.switched_at.tolist() if self.warm_up else [-1] * len(self.runs)
        return [
            History(
                target=[tasks[0][r] for tasks in deployed],
                source=[tasks[1][r] for tasks in deployed if len(tasks) > 1],
                norm=taken["norm"][:, r].tolist(),
                validation=taken["validation"][:, r].tolist(),
                best_step=best[r],
                best_state=self.program.of_run(self.best.state, r),
                switched_at=switched[r] if switched[r] >= 0 else None,
                seconds=seconds,
            )
            for r in range(len(self.runs))
        ]

    def _stretches(self) -> Iterator[Stretch]:
        """Yield the steps between two looks: the indices of every step's batches, [R, B]."""
        batches = self._drawn()
        for before, after in pairwise(self.looks):
            yield [[next(batches)] for _ in range(after - before)]

    def _drawn(self) -> Iterator[Tensor]:
        left = self.schedule.steps
        while left:
            drawn = torch.stack([own.draw(min(left, DRAWN_AHEAD)) for own in self.batches], dim=1)
            yield from drawn.to(self.target.images.device)
            left -= len(drawn)

    def _look(self, number: int, loss: Tensor | None) -> bool:
        """Validate, deploy the best states so far, or both, as the schedule says."""
        step = self.looks[number]
        if step in self.at_validation:
            self.tape.add({"validation": self._validate(step)})
        if step in self.at_checkpoint:
            self.tape.add({"deployed": self._deployed(), "norm": self._norm()})
        return False

    def _step(self, inputs: Sequence[Tensor]) -> Tensor:
        """Update every run once, on the images that an index [R, B] names; return the losses, [R], before it."""
        (batch,) = inputs
        warming = self.warm_up.warming if self.warm_up and bool(self.warm_up.warming.any()) else None
        if self.warm_up:
            inference = warming if self.schedule.warm_up == "inference" else None
            self.program.training_mode("extractor", inference)
        losses = self.program.losses(self._augmented(self.target.images[batch]), self.target.labels[batch])
        gradients = self.program.gradients(losses)
        if warming is not None:  # theta stands still, and its momentum starts at the switch
            for name, gradient in zip(self.program.parameters, gradients, strict=True):
                if not _of_classifier(name):
                    gradient.masked_fill_(self.program.per_run(warming, gradient), 0.0)
        self.update.apply(gradients, self.rates)
        return losses.detach()

    def _augmented(self, images: Tensor) -> Tensor:
        """Transform a batch [R, B, C, H, W], each run with its own generator."""
        for transform in self.target.augment:
            images = torch.stack([transform(own, draw) for own, draw in zip(images, self.draws, strict=True)])
        return images

    def _validate(self, step: int) -> Tensor:
        """Keep the runs that are better than ever before; return the validation accuracies, [R]."""
        correct = self.program.correct(self.target.images, self.target.labels, self.validation)
        self.best.see(correct, step)
        if self.warm_up:
            self.warm_up.see(correct, step)
        return correct / self.validation.shape[1]

    def _deployed(self) -> Tensor:
        """Test the best states, [tasks, R]: on the target task and, where there is one, on the source task."""
        scores = [self._accuracy(self.target, self._target_logits)]
        if self.source is not None:
            scores.append(self._accuracy(self.source, self._source_logits))
        return torch.stack(scores)

    @torch.no_grad()
    def _accuracy(self, task: Task, logits: Callable[[Tensor], Tensor]) -> Tensor:
        correct = torch.zeros_like(self.best.moment)
        parts = zip(*(torch.split(of, TESTED_AT_ONCE) for of in (task.test_images, task.test_labels)), strict=True)
        for images, labels in parts:
            repeated = images.expand(len(self.runs), *images.shape)
            features = self.program.part("extractor", self.best.state, repeated)
            correct += right(logits(features), labels)
        return correct / len(task.test_labels)

    def _target_logits(self, features: Tensor) -> Tensor:
        return self.program.part("classifier", self.best.state, features)

    def _source_logits(self, features: Tensor) -> Tensor:
        head = self.runs[0].model.source  # all runs come from one source model
        assert head is not None
        logits: Tensor = head(features)
        return logits

    def _norm(self) -> Tensor:
        """Return the Frobenius norm of every run's W, [R]."""
        weights = self.program.parameters["classifier.weight"].detach()
        norms: Tensor = torch.linalg.vector_norm(weights.view(len(self.runs), -1), dim=1)
        return norms

    def _rate(self, name: str) -> Tensor:
        """Return every run's learning rate of a parameter, shaped to broadcast against it."""
        rates = [run.alpha if _of_classifier(name) else run.beta for run in self.runs]
        parameter = self.program.parameters[name]
        values = torch.tensor(rates, dtype=parameter.dtype, device=parameter.device)
        return self.program.per_run(values, parameter)


def _of_classifier(name: str) -> bool:
    return name.startswith("classifier.")
