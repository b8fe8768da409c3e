"""Every arm of the paper: which path a network follows, and what is measured at its end (Sections 3 to 6)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from common.experiment import Job, Measured, Metrics
from common.models.architecture import build
from common.models.init import initialise
from common.run.call import Call
from common.seeds import stream
from common.train.schedules import shortened
from papers.sequential_learning.follow import follow
from papers.sequential_learning.learner import Learner, Passage
from papers.sequential_learning.negative_pretraining.bias_reset import BiasReset
from papers.sequential_learning.nuisances import equal_positions, tasks_along
from papers.sequential_learning.path import LearningPath, Process, Stage, Task
from papers.sequential_learning.setting import Setting

SCHEME = "framework_uniform"
WEIGHT_DECAY = 1e-3


@dataclass(frozen=True)
class Arm:
    """A path of tasks from transformed to plain images; one task alone is the baseline, trained on the target only.

    Tasks before the last are learnt with `first_rate`, the last with `rate`. `reset` names the tasks, such as "12",
    before which biases are reset. A task takes at most `epochs`, or ends once `patience` of them brought nothing.
    """

    setting: Setting
    path: str
    tasks: int
    first_rate: float
    rate: float
    epochs: int
    patience: int
    reset: str = ""

    def learning_path(self) -> LearningPath:
        """Return the stages; raise ValueError where there is no such path, or no such task to reset biases before."""
        resets = {int(number) for number in self.reset}
        if not resets <= set(range(1, self.tasks + 1)):
            raise ValueError(f"biases are to be reset before tasks {self.reset}, but there are {self.tasks}")
        return tuple(
            Stage(task, self._process(number), (BiasReset(),) if number in resets else ())
            for number, task in enumerate(self._tasks(), start=1)
        )

    def _tasks(self) -> list[Task]:
        if self.tasks == 1:
            return [Task(self.setting.dataset)]
        return tasks_along(self.path, equal_positions(self.tasks), self.setting.dataset)

    def _process(self, number: int) -> Process:
        rate = self.rate if number == self.tasks else self.first_rate
        return Process(rate, self.epochs, WEIGHT_DECAY, patience=self.patience)


def shorten(arm: Arm, share: float) -> Arm:
    """Return the arm as it is trained for a share of the epochs of its tasks, at least one each; patience stays."""
    return replace(arm, epochs=shortened(arm.epochs, share))


def train(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Train one network a job along its path, arms of a replicate from the same weights on the same split."""
    setting: Setting = jobs[0].cell.setting
    learners = []
    for job in jobs:
        model = build(setting.model)
        initialise(model, SCHEME, stream(job.seed, "initialisation"))
        learners.append(Learner(model.to(call.device), job.cell.learning_path(), job.seed))
    for job, passages in zip(jobs, follow(learners, setting, call), strict=True):
        yield job, measure(passages)


def measure(passages: Sequence[Passage]) -> Metrics:
    """Measure a run by its last task, with the weights that had the best validation loss."""
    last = passages[-1]
    scalars = {
        "test_loss": last.test_loss,
        "test_accuracy": last.test_accuracy,
        "best_epoch": float(last.best_epoch),
        "all_epochs": float(sum(passage.best_epoch for passage in passages)),
        "initial_loss": last.initial_loss,
        "training_loss": last.final_loss,
        "converged_loss": last.loss[-1],
        "training_accuracy": last.train_accuracy,
    }
    curves = {
        "training_loss": [loss for passage in passages for loss in passage.loss],
        "validation_loss": [loss for passage in passages for loss in passage.validation_loss],
        "test_loss_after_task": [passage.test_loss for passage in passages],
    }
    return Metrics(scalars, curves, sum(passage.seconds for passage in passages))
