"""What every experiment is declared with: cells, and the named settings they run on (Sections 1.2 to 1.8, A)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from common.datasets import templates
from common.datasets.cifar import CIFAR10
from common.datasets.dataset import DataSet
from common.models.architecture import Architecture, architecture
from common.models.grouped import grouped_cnn, grouped_mlp, grouped_resnet
from common.train.optimizers import SGD, Adam, Optimizer, RMSprop
from common.train.schedules import shortened
from papers.plasticity.data import DIGITS_RELABELLED
from papers.plasticity.smooth import require

OPTIMIZERS: dict[str, Optimizer] = {"adam": Adam(), "rmsprop": RMSprop(), "sgd": SGD(0.0), "momentum": SGD(0.9)}


@dataclass(frozen=True)
class Setting:
    """Data set, network and lengths that the cells of a group share.

    The last stage, tuning, takes `epochs` over all images, and test accuracy is averaged over its last `averaged`
    epochs. `pretraining` is the full length of a pretraining stage, in epochs over its own images. A run whose
    training accuracy ends below `required` in a stage of full length shows no gap. `target` is the test accuracy that
    the speed of learning is measured by. `precision` is that of products on a GPU.
    """

    name: str
    dataset: DataSet
    model: Architecture
    batch_size: int
    pretraining: int
    epochs: int
    averaged: int
    required: float
    target: float
    precision: str = "fp32"


@dataclass(frozen=True)
class Cell:
    """One arm: how it is pretrained, what is reset, and how it is tuned.

    `stages` pretraining stages of `pretraining` epochs each, with the rate `pretraining_rate`, on sets that grow to
    all images; a share `uniform` of the images is dealt out at random, the rest by class. 0 stages is the scratch
    control. `extra` epochs go on with the last stage: those of a control make the updates that pretraining takes
    another arm. `reset` names the groups drawn anew before tuning, such as "3456". With `gamma` there is one stage,
    which goes from half to all images smoothly.
    """

    setting: Setting
    stages: int = 1
    pretraining: int = 0
    optimizer: str = "adam"
    pretraining_rate: float = 1e-3
    rate: float = 1e-3
    reset: str = ""
    uniform: float = 1.0
    gamma: float | None = None
    extra: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"no optimizer {self.optimizer!r}; there are {', '.join(OPTIMIZERS)}")
        if min(self.stages, self.pretraining, self.extra) < 0 or (self.stages > 0) != (self.pretraining > 0):
            raise ValueError("pretraining stages and their epochs go together, and no length is below zero")
        if self.gamma is not None:
            require(self.gamma)
            if self.stages or self.extra or self.reset:
                raise ValueError("a smooth transition is one stage: nothing is pretrained, reset or trained on")

    @property
    def groups(self) -> list[int]:
        """The numbers of the groups that are reset."""
        return [int(number) for number in self.reset]


def shorten(cell: Cell, share: float) -> Cell:
    """Return the cell as it is trained for a share of its length: every stage takes that share of its epochs."""
    setting = replace(
        cell.setting,
        pretraining=shortened(cell.setting.pretraining, share),
        epochs=shortened(cell.setting.epochs, share),
        averaged=shortened(cell.setting.averaged, share),
    )
    pretraining, extra = shortened(cell.pretraining, share), shortened(cell.extra, share)
    return replace(cell, setting=setting, pretraining=pretraining, extra=extra)


def scratch(setting: Setting, rate: float = 1e-3, optimizer: str = "adam", extra: int = 0) -> Cell:
    """Return the control from random initialisation; `extra` epochs on all images make its updates equal."""
    return Cell(setting, stages=0, optimizer=optimizer, pretraining_rate=rate, rate=rate, extra=extra)


def warm(setting: Setting, pretraining: int | None = None, rate: float = 1e-3, optimizer: str = "adam") -> Cell:
    """Return the warm start: half of the images first, then all."""
    epochs = setting.pretraining if pretraining is None else pretraining
    return Cell(setting, pretraining=epochs, optimizer=optimizer, pretraining_rate=rate, rate=rate)


CIFAR = Setting(
    "cifar10/resnet18",
    CIFAR10,
    architecture(grouped_resnet, width=64, depth=2),
    128,
    350,
    500,
    100,
    required=0.999,
    target=0.8,
    precision="tf32",
)
TEMPLATES = Setting(
    "templates/cnn",
    templates.TEMPLATES,
    architecture(grouped_cnn, width=8, depth=2),
    16,
    80,
    40,
    20,
    required=0.99,
    target=0.3,
)
DIGITS = Setting(
    "digits-relabelled/mlp", DIGITS_RELABELLED, architecture(grouped_mlp), 32, 80, 80, 20, required=0.9, target=0.7
)


def sized(setting: Setting, builder: Callable[..., nn.Module], width: int, depth: int) -> Setting:
    """Return a setting with a network of another width and depth (Section A.4)."""
    model = architecture(builder, width=width, depth=depth)
    return replace(setting, name=f"{setting.name}-w{width}-d{depth}", model=model)
