"""How the jobs of this paper run: what they measure, and what one of them asks of a device."""

from collections.abc import Sequence

from common.experiment import Experiment, Grid, Metric, Procedure
from common.plan.network_cost import architecture_cost
from common.work import Work
from papers.sequential_learning.negative_pretraining.arms import Arm, shorten, train

MEASURED = {
    "test_loss": Metric("none", "Mean loss on the test images, with the weights of the best validation loss."),
    "test_accuracy": Metric("fraction", "Accuracy on the test images, with these weights."),
    "best_epoch": Metric("count", "Epoch of the best validation loss in the last task, counted from 1."),
    "all_epochs": Metric("count", "The sum of these epochs over all tasks."),
    "initial_loss": Metric("none", "Mean loss on the training images of the last task before it."),
    "training_loss": Metric("none", "Mean loss on the training images, with the weights of the best validation loss."),
    "converged_loss": Metric("none", "Mean loss of the last epoch of the last task, when training ended."),
    "training_accuracy": Metric("fraction", "Accuracy on the training images, with these weights."),
}


def work(arm: Arm) -> Work:
    """Estimate the work of one job whose tasks take all their epochs; its validations are less and left out."""
    setting = arm.setting
    cost = architecture_cost(setting.model, setting.dataset.shape)
    return cost.training(setting.dataset.train, setting.batch_size, arm.tasks * arm.epochs)


TRAINING = Procedure("negative pretraining", train, MEASURED, work, shorten)


def experiment(
    name: str, source: str, smoke: Sequence[Arm], full: Sequence[Arm], seeds: int, full_seeds: int
) -> Experiment:
    """Declare one figure."""
    return Experiment(name, source, TRAINING, Grid(smoke, seeds), Grid(full, full_seeds))
