"""How the jobs of this paper run: what they measure, and what one of them asks of a device."""

from common.experiment import Metric, Procedure
from common.plan.network_cost import architecture_cost
from common.work import Work
from papers.plasticity.settings import Cell, shorten
from papers.plasticity.training import train

MEASURED = {
    "test_accuracy": Metric("fraction", "Test accuracy, the mean over the last epochs of tuning (Section A)."),
    "equal_test_accuracy": Metric("fraction", "The same once training has gone on for the updates of a warm start."),
    "early_test_accuracy": Metric("fraction", "Test accuracy, the mean over the first tenth of tuning."),
    "epochs_to_target": Metric("none", "Epochs of tuning until the target test accuracy; one too many for never."),
    "pretraining_accuracy": Metric("fraction", "Least training accuracy that a stage of pretraining ended with."),
    "training_accuracy": Metric("fraction", "Accuracy on the training images at the end of tuning."),
    "training_loss": Metric("none", "Mean loss over the batches of the last epoch."),
    "updates": Metric("count", "Updates over all stages."),
}
SIZES = {  # images to train on, their shape, images to test on
    "cifar10": (50_000, (3, 32, 32), 10_000),
    "templates": (800, (1, 12, 12), 600),
    "digits-relabelled": (400, (1, 8, 8), 360),
}
BUFFERS = {"sgd": 1, "momentum": 1, "rmsprop": 2, "adam": 2}  # values that an optimizer keeps for a parameter


def work(cell: Cell) -> Work:
    """Estimate the work of one job: all stages, and a test after every epoch."""
    images, size, test = SIZES[cell.setting.dataset]
    cost, batch, buffers = architecture_cost(cell.setting.model, size), cell.setting.batch_size, BUFFERS[cell.optimizer]
    tuning = cell.setting.epochs + cell.extra
    total = cost.training(images, batch, tuning, buffers)
    total += cost.evaluation(test, tuning + cell.stages * cell.pretraining)
    for stage in range(1, cell.stages + 1):
        total += cost.training(images * stage / (cell.stages + 1), batch, cell.pretraining, buffers)
    return total


TRAINING = Procedure("training", train, MEASURED, work, shorten)
