"""What a run is measured by: the test accuracy that counts, and whether its images were learnt (Sections 2 and A)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from common.experiment import Metrics
from papers.plasticity.settings import Cell


@dataclass(frozen=True)
class Stage:
    """What one run went through in one stage.

    `loss` and `test` hold a number an epoch, `train` the training accuracy after every epoch that is averaged, and all
    that come after them; `noise` that of the gradients before each of the first epochs of tuning.
    """

    loss: list[float]
    test: list[float]
    train: list[float]
    noise: list[float] = field(default_factory=list)


def measure(cell: Cell, stages: Sequence[Stage], updates: int, seconds: float) -> Metrics:
    """Measure a run: mean test accuracy over the last epochs of tuning, never the best one (Section A).

    What a run cannot say for lack of training accuracy is withheld.
    """
    setting, last = cell.setting, stages[-1]
    epochs, averaged = setting.epochs, setting.averaged
    tuning = last.test[:epochs]
    learnt = [max(stage.train[:averaged]) for stage in stages]
    scalars = {
        "early_test_accuracy": _mean(tuning[: max(1, epochs // 10)]),
        "epochs_to_target": float(next((i for i, a in enumerate(tuning, 1) if a >= setting.target), epochs + 1)),
        "gradient_noise": _mean(last.noise),
        "training_accuracy": learnt[-1],
        "training_loss": last.loss[-1],
        "updates": float(updates),
    }
    withheld = {}
    gaps = {"test_accuracy": (_mean(tuning[-averaged:]), learnt)}
    if cell.extra:
        longer = [*learnt[:-1], max(last.train[-averaged:])]
        gaps["longer_test_accuracy"] = (_mean(last.test[-averaged:]), longer)
    else:
        withheld["longer_test_accuracy"] = "it was not trained on"
    if len(stages) > 1:
        scalars["pretraining_accuracy"] = min(learnt[:-1])
    else:
        withheld["pretraining_accuracy"] = "it was not pretrained"
    for name, (accuracy, own) in gaps.items():
        if reason := too_little_learnt(cell, own):
            withheld[name] = reason
        else:
            scalars[name] = accuracy
    return Metrics(scalars, _curves(stages), seconds, withheld)


def _curves(stages: Sequence[Stage]) -> dict[str, list[float]]:
    """Return what is recorded of every epoch."""
    *before, last = stages
    found = {
        "test_accuracy": last.test,
        "training_accuracy": last.train,
        "training_loss": last.loss,
        "gradient_noise": last.noise,
    }
    if before:
        found["pretraining_test_accuracy"] = [accuracy for stage in before for accuracy in stage.test]
        found["pretraining_training_accuracy"] = [accuracy for stage in before for accuracy in stage.train]
    return found


def too_little_learnt(cell: Cell, learnt: Sequence[float]) -> str:
    """Return why a run shows no gap, or nothing: a stage of full length never came to the required training accuracy.

    `learnt` holds every stage's best training accuracy in the epochs that are averaged: single epochs of a constant
    rate may fall below what the network has fitted.
    """
    full_length = cell.pretraining >= cell.setting.pretraining
    for number, accuracy in enumerate(learnt, start=1):
        must = full_length or number == len(learnt)
        if must and not accuracy >= cell.setting.required:
            return (
                f"training accuracy came to {100 * accuracy:.2f} % in stage {number} of {len(learnt)}, below the "
                f"{100 * cell.setting.required:g} % that a gap needs"
            )
    return ""


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
