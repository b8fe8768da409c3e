"""How the jobs of this paper run: what each procedure measures, and what one of its jobs asks of a device."""

from dataclasses import replace
from fractions import Fraction

from common.experiment import Metric, Procedure
from common.plan.network_cost import architecture_cost
from common.work import Work
from papers.freezenet.gradient_flow import along_training, at_initialisation
from papers.freezenet.settings import Cell, shorten
from papers.freezenet.training import train

MEASURED = {
    "final_train_accuracy": Metric("fraction", "Accuracy on the training images after the last epoch."),
    "final_test_accuracy": Metric("fraction", "Accuracy on the test images after the last epoch."),
    "final_frozen_change": Metric("none", "Largest change of a frozen weight over all of training."),
    "final_frozen_share_left": Metric("fraction", "L1 norm of the frozen weights at the end over that before."),
    "test_accuracy": Metric("fraction", "Accuracy on the test images at the early-stopping epoch."),
    "validation_accuracy": Metric("fraction", "Accuracy on the validation images at the early-stopping epoch."),
    "best_epoch": Metric("count", "The early-stopping epoch, counted from 1."),
    "best_epoch_share": Metric("fraction", "The early-stopping epoch over the number of epochs."),
    "frozen_change": Metric("none", "Largest change of a frozen weight up to the early-stopping epoch."),
    "frozen_share_left": Metric("fraction", "The same norm at the early-stopping epoch over that before."),
    "q": Metric("fraction", "Share of the weights that is frozen or pruned (Section 3.3)."),
    "q_beta": Metric("fraction", "Share of weights and biases that is frozen or pruned (Section 3.3)."),
    "trainable_weights": Metric("count", "Weights that train."),
    "trained_parameters": Metric("count", "Weights, biases and BatchNorm's scales and shifts that train."),
    "pruned_test_accuracy": Metric("fraction", "Test accuracy once all frozen weights are set to zero (Fig. 2 right)."),
}
NORMS = {
    "gradient_norm": Metric("ratio", "Summed L1 norms of the batches' gradients over the number of trainable weights."),
    "summed_gradient_norm": Metric("ratio", "L1 norm of the summed gradient over the number of trainable weights."),
    "gradient_mean": Metric("ratio", "Mean over the batches of the L1 norm over the number of trainable weights."),
    "gradient_std": Metric("ratio", "Standard deviation of the same over the batches."),
}
TRACED = {
    "first_gradient_norm": Metric("ratio", "Gradient norm before training."),
    "least_gradient_norm": Metric("ratio", "Least gradient norm before training and after every epoch."),
    "largest_gradient_norm": Metric("ratio", "Largest gradient norm before training and after every epoch."),
    "last_gradient_norm": Metric("ratio", "Gradient norm after the last epoch."),
    "largest_over_first": Metric("ratio", "Largest gradient norm over that before training."),
}


def work(cell: Cell) -> Work:
    """Estimate the work of one job: training, a validation after every epoch, and what is measured at the end."""
    setting, recipe, data = cell.setting, cell.setting.recipe, cell.setting.dataset
    trained = float(data.train * (1 - Fraction(setting.validation)))
    cost = architecture_cost(setting.model, data.shape)
    training = cost.training(trained, recipe.batch_size, recipe.epochs)
    return training + cost.evaluation(data.train - trained, recipe.epochs) + cost.evaluation(trained + 3 * data.test)


def one_pass(cell: Cell) -> Work:
    """Estimate the work of one pass over the training set, for one network after another."""
    return replace(work(cell) * (1 / cell.setting.recipe.epochs), stacks=frozenset())


def traced(cell: Cell) -> Work:
    """Estimate the work of training with one more pass an epoch."""
    return work(cell) + work(cell)


TRAINING = Procedure("training", train, MEASURED, work, shorten)
GRADIENT_NORMS = Procedure("gradient norms", at_initialisation, NORMS, one_pass)
TRACED_TRAINING = Procedure("traced training", along_training, {**MEASURED, **TRACED}, traced, shorten)
