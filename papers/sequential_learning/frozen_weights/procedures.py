"""How the jobs of this paper run: what they measure, and what one of them asks of a device."""

from collections.abc import Sequence

from common.experiment import Experiment, Grid, Metric, Procedure
from common.plan.network_cost import architecture_cost, published_cost
from common.work import Work
from papers.sequential_learning.frozen_weights.arms import IMAGENET_SIDE, Retrained, Scratch, shorten, train
from papers.sequential_learning.frozen_weights.metrics import COUNTED

MOMENTS = {"": "at the end", "_start": "before training on the target", "_before": "as pretraining left it"}
COUNTS = {
    **{
        f"{kind}_{unit}": f"Mutually frozen {unit}, {kind}"
        for kind in ("double", "triple")
        for unit in ("pairs", "weights", "tuples")
    },
    "shared_pairs": "Frozen pairs at interfaces that residual connections share",
}
AT_ENDS = {
    "small_share": Metric("fraction", "Share of the weights that is near zero"),
    "below_hundredth": Metric("fraction", "Share of the weights below a hundredth"),
    "early_plasticity": Metric("none", "Size of the gradient over that of the weights, earlier layers"),
    "late_plasticity": Metric("none", "Size of the gradient over that of the weights, later layers"),
    "sensitivity": Metric("none", "Input sensitivity towards blur (Definition 4)"),
    "fisher": Metric("none", "Fisher score of the features before the output layer"),
}


def _counted(name: str) -> dict[str, Metric]:
    return {f"{name}{at}": Metric("count", f"{COUNTS[name]}, {when}.") for at, when in MOMENTS.items()}


def _at_ends(name: str) -> dict[str, Metric]:
    metric = AT_ENDS[name]
    return {f"{name}{at}": Metric(metric.unit, f"{metric.sentence}, {MOMENTS[at]}.") for at in ("", "_start")}


MEASURED = {
    "test_loss": Metric("none", "Mean loss on the test images of the target."),
    "test_accuracy": Metric("fraction", "Accuracy on the test images of the target."),
    "training_loss": Metric("none", "Mean loss on the training images of the target."),
    "training_accuracy": Metric("fraction", "Accuracy on the training images of the target."),
    **{name: metric for counted in COUNTED for name, metric in _counted(counted).items()},
    **{name: metric for measured in AT_ENDS for name, metric in _at_ends(measured).items()},
    "double_pairs_quarter": Metric("count", "Frozen pairs after a quarter of training."),
    "double_pairs_half": Metric("count", "Frozen pairs after half of training."),
    "onset": Metric("fraction", "Share of training after which there was a frozen pair; 1 for never."),
    "early_pairs": Metric("count", "Frozen pairs of the first half of the interfaces."),
    "late_pairs": Metric("count", "Frozen pairs of the second half of the interfaces."),
    "pair_norm_start": Metric("none", "Mean norm of the followed pairs before training."),
    "pair_norm": Metric("none", "Mean norm of the followed pairs at the end."),
    "pair_norm_peak": Metric("none", "Greatest norm of a followed pair in training."),
    "pairs_decayed": Metric("fraction", "Share of the followed pairs whose norm ended below where it began."),
}


def work(cell: Scratch | Retrained) -> Work:
    """Estimate the work of one job's training."""
    setting, total = cell.setting, Work()
    for stage in cell.learning_path():
        images = stage.task.dataset.train * stage.task.share
        if setting.imagenet:
            cost = published_cost(setting.imagenet, IMAGENET_SIDE)
        else:
            cost = architecture_cost(setting.model, stage.task.dataset.shape)
        total += cost.training(images, setting.batch_size, stage.process.epochs)
    return total


TRAINING = Procedure("frozen weights", train, MEASURED, work, shorten)


def experiment(
    name: str,
    source: str,
    smoke: Sequence[Scratch | Retrained],
    full: Sequence[Scratch | Retrained],
    seeds: int,
    full_seeds: int,
) -> Experiment:
    """Declare one table or figure."""
    return Experiment(name, source, TRAINING, Grid(smoke, seeds), Grid(full, full_seeds))
