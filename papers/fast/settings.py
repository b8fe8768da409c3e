"""What every FAST experiment is declared with: cells, and the named settings they run on (Sections 6.1 to 6.7).

The smoke settings are the small counterparts: a small network that has learnt to read 8x8 digits goes on to read them
again, turned by 90 degrees, or other digits, or no digits at all.
"""

from dataclasses import dataclass, replace

from common.datasets.caltech256 import CALTECH256
from common.datasets.cifar import CIFAR100
from common.datasets.dataset import DataSet
from common.datasets.digits import DIGITS
from common.datasets.mnist import MNIST
from common.train.optimizers import SGD, Adam, Nesterov, Optimizer, RAdam
from common.train.schedules import shortened
from papers.fast import data
from papers.fast.adoption import Start
from papers.fast.algorithm import Rates

OPTIMIZERS: dict[str, Optimizer] = {"sgd": SGD(0.9), "nesterov": Nesterov(0.9), "adam": Adam(), "radam": RAdam()}
WARM_UPS = ("none", "inference", "updating")


@dataclass(frozen=True)
class Setting:
    """A network that learnt a source task, and the target task that it is adapted to.

    `origin` is what the network knew before the source task: "imagenet", or "nothing". Without a `source` its own
    classifier is the one that is removed. `steps` updates are made with batches of `batch_size`, and before them
    `source_steps` on the source task. `every_step` validates after every update, as classifier warm-up needs it; else
    the gap between two validations grows from 1 to 10.

    Raises ValueError for a source task that takes no updates, and for updates without one.
    """

    name: str
    network: str
    origin: str
    target: DataSet
    steps: int
    batch_size: int
    source: DataSet | None = None
    every_step: bool = False
    source_steps: int = 0

    def __post_init__(self) -> None:
        if bool(self.source) != bool(self.source_steps):
            raise ValueError(f"{self.name}: a source task and the updates that it is learnt with go together")


@dataclass(frozen=True)
class Cell:
    """One arm of a comparison.

    alpha is the learning rate of the classifier, beta that of the extractor. `optimizer` is sgd (heavy-ball momentum
    0.9), nesterov, adam or radam. `warm_up` is "none", "inference" or "updating": what the extractor's running
    statistics do while only the classifier trains (Section 6.4).
    """

    setting: Setting
    start: Start
    alpha: float
    beta: float
    optimizer: str = "sgd"
    warm_up: str = "none"

    def __post_init__(self) -> None:
        Rates(self.alpha, self.beta)  # refuses rates below zero
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"no optimizer {self.optimizer!r}; there are {', '.join(OPTIMIZERS)}")
        if self.warm_up not in WARM_UPS:
            raise ValueError(f"no warm-up {self.warm_up!r}; there are {', '.join(WARM_UPS)}")
        if self.warm_up != "none" and not self.setting.every_step:
            raise ValueError(f"warm-up needs a setting that validates after every step; {self.setting.name} does not")
        if self.warm_up != "none" and self.optimizer not in ("sgd", "nesterov"):
            raise ValueError(f"warm-up with {self.optimizer} is not defined: its moments would begin at the switch")


def shorten(cell: Cell, share: float) -> Cell:
    """Return the cell as it is trained for a share of its updates, at least one.

    The source model that its arms share learns for that share of its own updates too: all of a shortened run is short,
    and what it knew before is no more than that.
    """
    setting = cell.setting
    steps, source_steps = shortened(setting.steps, share), shortened(setting.source_steps, share)
    return replace(cell, setting=replace(setting, steps=steps, source_steps=source_steps))


ZERO, FAN_IN, FAN_OUT = Start("zero"), Start("fan_in"), Start("fan_out")
NEARLY_ZERO = Start("normal", 1e-8)  # what stands for zero in Sections 6.4 and 6.5


def spread(deviation: float) -> Start:
    """Return the start N(0, deviation), its second argument a standard deviation (Section 6.2)."""
    return Start("normal", deviation)


def baselines(setting: Setting, rates: tuple[float, ...], optimizer: str = "sgd") -> tuple[Cell, ...]:
    """Return traditional fine-tuning at equal learning rates, from Kaiming's fan-in start (Algorithm 1)."""
    return tuple(Cell(setting, FAN_IN, rate, rate, optimizer) for rate in rates)


SMALL_STEPS = 233
SAME = Setting("same", "small_cnn", "nothing", DIGITS, SMALL_STEPS, 100, source=DIGITS, source_steps=600)
ROTATED = replace(SAME, name="rotated", target=data.DIGITS_ROTATED)
OTHER_DIGITS = replace(SAME, name="5-9", source=data.DIGITS_0_4, target=data.DIGITS_5_9, batch_size=50)
GRATINGS = replace(SAME, name="gratings", target=data.GRATINGS)
ROTATED_PLAIN = replace(ROTATED, name="rotated/plain", network="small_cnn_plain")
WARM_UP_PLAIN = replace(ROTATED_PLAIN, name="rotated/plain/warm-up", steps=144, every_step=True)
WARM_UP = replace(ROTATED, name="rotated/warm-up", steps=144, every_step=True)

SHORT, LONG = 9_500, 57_000  # 20 and 120 epochs of CIFAR-100
CIFAR_SOURCE = Setting("imagenet-cifar100/resnet18/source", "resnet18", "imagenet", CIFAR100, LONG, 100)
CIFAR_CIFAR = replace(CIFAR_SOURCE, name="cifar100-cifar100/resnet18", source=CIFAR100, source_steps=LONG, steps=SHORT)
CIFAR_MNIST = replace(CIFAR_CIFAR, name="cifar100-mnist/resnet18", target=MNIST, steps=SHORT)
RESNET = replace(CIFAR_SOURCE, name="imagenet-cifar100/resnet18", steps=SHORT)
RESNET_WARM_UP = replace(RESNET, name="imagenet-cifar100/resnet18/warm-up", steps=987, every_step=True)
VGG = replace(RESNET, name="imagenet-cifar100/vgg19", network="vgg19")
DENSENET = replace(RESNET, name="imagenet-cifar100/densenet201", network="densenet201")
RESNEXT_CIFAR = replace(RESNET, name="imagenet-cifar100/resnext101", network="resnext101_32x8d", steps=250 * 475)
RESNEXT_CALTECH = replace(
    RESNEXT_CIFAR, name="imagenet-caltech256/resnext101", target=CALTECH256, steps=330 * 88, batch_size=256
)
