"""How the jobs of this paper run: what each procedure measures, and what one of its jobs asks of a device."""

from common.datasets.caltech256 import CALTECH256
from common.experiment import Metric, Procedure
from common.models.architecture import architecture
from common.models.small_cnn import small_cnn
from common.plan.network_cost import NetworkCost, architecture_cost, published_cost
from common.work import Work
from papers.fast.anytime import Schedule
from papers.fast.settings import OPTIMIZERS, Cell, Setting, shorten
from papers.fast.sources import SIDE
from papers.fast.tasks import validating
from papers.fast.training import MOMENTS, measure_source, train


def _at(step: int | str) -> dict[str, Metric]:
    """Return what is measured at a checkpoint, after `step` updates."""
    when = f"after {step} updates" if isinstance(step, int) else "at the last checkpoint"
    return {
        f"target_adp_{step}": Metric("fraction", f"Target test accuracy of the best state so far, {when}."),
        f"source_adp_{step}": Metric("fraction", f"Source test accuracy of that state, old classifier, {when}."),
        f"norm_{step}": Metric("none", f"Frobenius norm of the classifier's weights, {when}."),
    }


MEASURED = {
    **{name: metric for step in MOMENTS for name, metric in _at(step).items()},
    "target_adp_early": Metric("fraction", "Target ADP, the mean over the checkpoints 1 to 21."),
    "validation_adp": Metric("fraction", "Best validation accuracy so far, the mean over all checkpoints."),
    "validation_accuracy": Metric("fraction", "Best validation accuracy."),
    "best_step": Metric("count", "Updates after which the best state was reached."),
    "top1_error": Metric("fraction", "Top-1 error of the best state on the test images."),
    "top5_error": Metric("fraction", "Top-5 error of the best state on the test images."),
    "distance": Metric("none", "Distance of the best state's extractor from the source model's."),
    "last_top1_error": Metric("fraction", "Top-1 error of the last state on the test images."),
    "last_distance": Metric("none", "Distance of the last state's extractor from the source model's."),
    "worst_drop": Metric("none", "Lowest change of validation accuracy within seven steps, over all steps."),
    "switched_at": Metric("count", "Updates after which warm-up ended."),
    "jump": Metric("none", "Lowest change of validation accuracy within seven steps after the switch."),
    "jump_before": Metric("none", "The same within the seven steps that end with the switch."),
}
SOURCE_MEASURED = {
    "test_accuracy": Metric("fraction", "Test accuracy of the source model on its own task."),
    "validation_accuracy": Metric("fraction", "Best validation accuracy of the source model."),
    "best_step": Metric("count", "Updates after which the source model was best."),
}
BUFFERS = {"sgd": 1, "nesterov": 1, "adam": 2, "radam": 2}  # values that an optimizer keeps for a parameter


def work(cell: Cell) -> Work:
    """Estimate the work of one job: training, validations, and tests at the checkpoints."""
    setting, source = cell.setting, cell.setting.source
    schedule = Schedule(setting.steps, setting.batch_size, OPTIMIZERS[cell.optimizer], setting.every_step)
    cost = cost_of(setting)
    training = cost.training(setting.batch_size, setting.batch_size, setting.steps, BUFFERS[cell.optimizer])
    validations = cost.evaluation(validating(setting.target), len(schedule.validations))
    tested = setting.target.test + (source.test if source else 0)
    return training + validations + cost.evaluation(tested, len(schedule.checkpoints))


def work_of_source(cell: Cell) -> Work:
    """Estimate the work of one test of a source model; its training happens once for all seeds."""
    source = cell.setting.source
    assert source is not None, "a source model is tested on its own task"
    return cost_of(cell.setting).evaluation(source.test)


def cost_of(setting: Setting) -> NetworkCost:
    """Return what a network of the settings costs on the images that it is given."""
    if setting.network.startswith("small_cnn"):
        return architecture_cost(architecture(small_cnn, batch_norm=int(setting.network == "small_cnn")), (1, 8, 8))
    return published_cost(setting.network, setting.target.shape[-1] if setting.target == CALTECH256 else SIDE)


FINE_TUNING = Procedure("fine-tuning", train, MEASURED, work, shorten)
SOURCE_TEST = Procedure("source test", measure_source, SOURCE_MEASURED, work_of_source, shorten)
