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
BUFFERS = {"sgd": 1, "momentum": 1, "rmsprop": 2, "adam": 2}  # values that an optimizer keeps for a parameter


def work(cell: Cell) -> Work:
    """Estimate the work of one job: all stages, and a test after every epoch."""
    data, batch, buffers = cell.setting.dataset, cell.setting.batch_size, BUFFERS[cell.optimizer]
    cost = architecture_cost(cell.setting.model, data.shape)
    tuning, pretraining = cell.setting.epochs + cell.extra, cell.pretraining
    total = cost.training(data.train, batch, tuning, buffers)
    total += cost.evaluation(data.test, tuning + cell.stages * pretraining)
    for stage in range(1, cell.stages + 1):
        total += cost.training(data.train * stage / (cell.stages + 1), batch, pretraining, buffers)
    return total


TRAINING = Procedure("training", train, MEASURED, work, shorten)
