"""Parameter counts and sizes: Figures S9 to S11, Table S5, the size columns of Table 2, trained counts of Table 3."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch

from common.experiment import Experiment, Grid, Job, Measured, Metric, Metrics, Procedure
from common.models.architecture import Architecture, architecture, build
from common.models.lenet import lenet5_caffe, lenet_300_100
from common.models.resnet import resnet34
from common.models.vgg import vgg16_d
from common.models.weights import parameter_counts
from common.run.call import Call
from common.work import Work
from papers.freezenet.masks import Rate, exact_rate


@dataclass(frozen=True)
class Counting:
    """The setting of arithmetic: nothing is trained and no data is read."""

    name: str = "arithmetic"


@dataclass(frozen=True)
class NetworkCell:
    """A network, and the freezing rate to count at."""

    setting: Counting
    network: str
    classes: int
    freezing_rate: float


BUILDERS = {builder.__name__: builder for builder in (lenet_300_100, lenet5_caffe, vgg16_d, resnet34)}
NETWORKS = (("lenet_300_100", 10), ("lenet5_caffe", 10), ("vgg16_d", 10), ("vgg16_d", 100), ("resnet34", 200))
RATES = (0.0, 0.9, 0.95, 0.99, 0.995, 0.999)


@dataclass(frozen=True)
class NetworkSize:
    """Size without mask and seed, in kB of 1,024 bytes, and the factor by which the dense network is larger.

    `printed_kb` and `printed_factor` are computed as Table 2 does, rounded to 0.1; `exact_kb` takes four
    bytes for each trainable weight and each bias, and `exact_factor` divides sizes before they are rounded.
    """

    printed_kb: float
    printed_factor: float
    exact_kb: float
    exact_factor: float


def network_size(weights: int, biases: int, trainable: int, freezing_rate: Rate) -> NetworkSize:
    """Return the network size and compression factor of Table 2, as printed and exact.

    Takes |W|, |B|, the number of trainable weights |m|_0, and q; raises ValueError for q outside [0, 1).

    The paper gives no formula. Its four sizes are those of 4 [(1 - q)(|W| + |B|) + |B|] / 1024: the rate is
    applied to weights and biases together, and the biases, which are never frozen, are added once more. That
    counts (1 - q)|B| values too many: 170.7 kB in place of 170.4 kB for LeNet-5-Caffe at q = 0.9. Its factors
    are ratios of sizes already rounded to 0.1 kB, which makes 431.8 out of 426.8 at q = 0.999. Its row q = 0
    is the dense network, 4 (|W| + |B|) / 1024. A kB is 1,024 bytes.
    """
    rate = exact_rate(freezing_rate)
    dense = Fraction(4 * (weights + biases), 1024)
    exact = Fraction(4 * (trainable + biases), 1024)
    counted = (1 - rate) * (weights + biases) + biases if rate else weights + biases
    printed = round(Fraction(4 * counted, 1024), 1)
    return NetworkSize(
        printed_kb=float(printed),
        printed_factor=float(round(round(dense, 1) / printed, 1)),
        exact_kb=float(exact),
        exact_factor=float(dense / exact),
    )


def count(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Count each network's parameters, and what is left to train and to store at its freezing rate."""
    for job in jobs:
        network = architecture(BUILDERS[job.cell.network], num_classes=job.cell.classes)
        yield job, Metrics(counts(network, job.cell.freezing_rate))


def counts(network: Architecture, freezing_rate: float) -> dict[str, float]:
    """Return the counts and sizes; k = floor((1 - q) |W|) in exact arithmetic (Algorithm 1, step 3).

    Rounded as printed: q_beta to three digits (Table 2), trained parameters to 0.1 million, or to thousands
    below a million (Table 3).
    """
    with torch.device("meta"):
        found = parameter_counts(build(network))
    rate = exact_rate(freezing_rate)
    k = int((1 - rate) * found.weights)
    trained = k + found.biases + found.batch_norm
    q_beta = 1 - Fraction(k + found.biases, found.weights + found.biases)
    size = network_size(found.weights, found.biases, k, freezing_rate)
    return {
        "weights": found.weights,
        "biases": found.biases,
        "batch_norm": found.batch_norm,
        "parameters": found.total,
        "trainable_weights": k,
        "trained_parameters": trained,
        "trained_parameters_rounded": round(trained, -5 if trained >= 1_000_000 else -3),
        "q_beta": float(q_beta),
        "q_beta_rounded": float(round(q_beta, 3)),
        "printed_size": size.printed_kb,
        "exact_size": size.exact_kb,
        "printed_factor": size.printed_factor,
        "exact_factor": size.exact_factor,
    }


COUNTED = {
    "weights": Metric("count", "Weights of the network."),
    "biases": Metric("count", "Biases of the network."),
    "batch_norm": Metric("count", "Scales and shifts of BatchNorm."),
    "parameters": Metric("count", "Weights, biases, scales and shifts."),
    "trainable_weights": Metric("count", "Weights that train: k of Algorithm 1."),
    "trained_parameters": Metric("count", "All that trains: k weights, and every bias, scale and shift."),
    "trained_parameters_rounded": Metric("count", "The same, rounded as Table 3 prints it."),
    "q_beta": Metric("ratio", "Share of weights and biases that is frozen."),
    "q_beta_rounded": Metric("ratio", "The same, rounded as Table 2 prints it."),
    "printed_size": Metric("kilobytes", "Size of the stored network as Table 2 counts it."),
    "exact_size": Metric("kilobytes", "Four bytes for every trained weight and bias, without the mask, unrounded."),
    "printed_factor": Metric("ratio", "Compression factor as Table 2 counts it."),
    "exact_factor": Metric("ratio", "Compression factor from these sizes, unrounded."),
}


def nothing(cell: NetworkCell) -> Work:
    """Count no work: arithmetic takes a moment."""
    return Work()


COUNTS = Procedure("counts", count, COUNTED, nothing)
_GRID = Grid([NetworkCell(Counting(), name, classes, rate) for name, classes in NETWORKS for rate in RATES])
SIZES = Experiment("sizes", "Figs. S9-S11, Table S5, Tables 2 and 3", COUNTS, smoke=_GRID, full=_GRID)
