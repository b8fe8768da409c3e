"""How the jobs of this paper run: what they measure, and what one of them asks of a device."""

from common.experiment import Metric, Procedure
from common.plan.network_cost import architecture_cost
from common.work import Work
from papers.plasticity.noise import EARLY
from papers.plasticity.settings import Cell, shorten
from papers.plasticity.training import train

MEASURED = {
    "test_accuracy": Metric("fraction", "Test accuracy, the mean over the last epochs of tuning (Section A)."),
    "longer_test_accuracy": Metric("fraction", "The same once tuning has gone on for the extra epochs."),
    "early_test_accuracy": Metric("fraction", "Test accuracy, the mean over the first tenth of tuning."),
    "epochs_to_target": Metric("none", "Epochs of tuning until the target test accuracy; one too many for never."),
    "gradient_noise": Metric("none", "Scatter of the batches' gradients, the mean over the first epochs of tuning."),
    "pretraining_accuracy": Metric("fraction", "Training accuracy of the stage of pretraining that learnt least."),
    "training_accuracy": Metric("fraction", "Best accuracy on the training images in the averaged epochs of tuning."),
    "training_loss": Metric("none", "Mean loss over the batches of the last epoch."),
    "updates": Metric("count", "Updates over all stages."),
}
BUFFERS = {"sgd": 1, "momentum": 1, "rmsprop": 2, "adam": 2}  # values that an optimizer keeps for a parameter


def work(cell: Cell) -> Work:
    """Estimate the work of one job: all stages, a test after every epoch, and what is measured of some."""
    data, batch, buffers = cell.setting.dataset, cell.setting.batch_size, BUFFERS[cell.optimizer]
    cost = architecture_cost(cell.setting.model, data.shape)
    tuning, pretraining, averaged = cell.setting.epochs + cell.extra, cell.pretraining, cell.setting.averaged
    total = cost.training(data.train, batch, tuning + min(EARLY, cell.setting.epochs), buffers)
    total += cost.evaluation(data.test, tuning + cell.stages * pretraining)
    total += cost.evaluation(data.train, averaged + cell.extra)
    for stage in range(1, cell.stages + 1):
        images = data.train * stage / (cell.stages + 1)
        total += cost.training(images, batch, pretraining, buffers)
        total += cost.evaluation(images, min(averaged, pretraining))
    return total


TRAINING = Procedure("training", train, MEASURED, work, shorten)
