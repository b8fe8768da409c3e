"""What every FreezeNet experiment is declared with: cells, and the named settings they run on (Section S1.1).

The smoke settings are the small counterparts: real 8x8 digits for LeNet-300-100 (its input layer then has
64 columns), and generated colour images for the networks with BatchNorm.
"""

from dataclasses import dataclass, replace

from common.datasets import digits
from common.datasets.cifar import CIFAR10, CIFAR100
from common.datasets.dataset import DataSet
from common.datasets.mnist import MNIST
from common.datasets.procedural import PROCEDURAL_10, PROCEDURAL_40
from common.datasets.tiny_imagenet import TINY_IMAGENET
from common.datasets.transforms import Flip, Translate
from common.models.architecture import Architecture, architecture
from common.models.lenet import lenet5_caffe, lenet_300_100
from common.models.resnet import resnet34, resnet_mini
from common.models.vgg import vgg16_d, vgg_mini
from common.train.fit import Recipe
from common.train.optimizers import SGD
from common.train.schedules import DropAtEpochs, DropEverySteps


@dataclass(frozen=True)
class Setting:
    """Data set, network and recipe that the cells of a group share.

    `validation` is the share of the training images kept for early stopping, such as "1/10"; `precision` is that of
    products on a GPU.
    """

    name: str
    dataset: DataSet
    model: Architecture
    recipe: Recipe
    validation: str = "1/10"
    precision: str = "fp32"


@dataclass(frozen=True)
class Cell:
    """One arm of a comparison.

    `method` is baseline, freezenet, freezenet-wd, snip, grasp or random. `initialisation` draws the
    weights that the mask is found with; `reinitialisation`, where given, replaces them before training
    (Algorithm S1).
    """

    setting: Setting
    method: str
    freezing_rate: float
    initialisation: str = "xavier_normal"
    reinitialisation: str | None = None
    learning_rate: float = 0.1


def shorten(cell: Cell, share: float) -> Cell:
    """Return the cell as it is trained for a share of its epochs, at least one, with its schedule in proportion."""
    return replace(cell, setting=replace(cell.setting, recipe=cell.setting.recipe.shortened(share)))


MNIST_RECIPE = Recipe(epochs=250, batch_size=100, optimizer=SGD(0.9, 5e-4), schedule=DropEverySteps(25_000))
CIFAR_RECIPE = Recipe(
    epochs=250,
    batch_size=128,
    optimizer=SGD(0.9, 5e-4),
    schedule=DropEverySteps(30_000),
    augment=(Flip(), Translate(4)),
)
TINY_IMAGENET_RECIPE = replace(CIFAR_RECIPE, epochs=100, schedule=DropAtEpochs((30, 60, 80)))
DIGITS_RECIPE = replace(MNIST_RECIPE, epochs=16, schedule=DropAtEpochs((8, 13)))
TEXTURES_RECIPE = Recipe(
    epochs=5, batch_size=60, optimizer=SGD(0.9, 5e-4), schedule=DropAtEpochs((3, 4)), augment=(Flip(),)
)

LENET_300_100 = Setting("mnist/lenet-300-100", MNIST, architecture(lenet_300_100), MNIST_RECIPE)
LENET_5 = Setting("mnist/lenet-5-caffe", MNIST, architecture(lenet5_caffe), MNIST_RECIPE)
LENET_5_NO_DECAY = replace(
    LENET_5, name="mnist/lenet-5-caffe/no-decay", recipe=replace(MNIST_RECIPE, optimizer=SGD(0.9, 0.0))
)
LENET_5_19_1 = replace(LENET_5, name="mnist/lenet-5-caffe/19-1", validation="1/20")
LENET_5_3_1 = replace(LENET_5, name="mnist/lenet-5-caffe/3-1", validation="1/4")
VGG_CIFAR10 = Setting("cifar10/vgg16-d", CIFAR10, architecture(vgg16_d, num_classes=10), CIFAR_RECIPE, precision="tf32")
VGG_CIFAR100 = Setting(
    "cifar100/vgg16-d", CIFAR100, architecture(vgg16_d, num_classes=100), CIFAR_RECIPE, precision="tf32"
)
RESNET_TINY = Setting(
    "tiny-imagenet/resnet34",
    TINY_IMAGENET,
    architecture(resnet34, num_classes=200),
    TINY_IMAGENET_RECIPE,
    precision="tf32",
)

DIGITS = Setting("digits/lenet-300-100", digits.DIGITS, architecture(lenet_300_100, in_features=64), DIGITS_RECIPE)
DIGITS_28 = Setting("digits-28/lenet-300-100", digits.DIGITS_28, architecture(lenet_300_100), DIGITS_RECIPE)
DIGITS_NO_DECAY = replace(
    DIGITS, name="digits/lenet-300-100/no-decay", recipe=replace(DIGITS_RECIPE, optimizer=SGD(0.9, 0.0))
)
DIGITS_DECAY = replace(
    DIGITS,
    name="digits/lenet-300-100/long-decay",
    recipe=replace(DIGITS_RECIPE, epochs=30, optimizer=SGD(0.9, 1.2e-2), schedule=DropAtEpochs((24, 27))),
)
DIGITS_19_1 = replace(DIGITS, name="digits/lenet-300-100/19-1", validation="1/20")
TEXTURES_10 = Setting(
    "textures-10/vgg-mini", PROCEDURAL_10, architecture(vgg_mini, num_classes=10, width=8), TEXTURES_RECIPE
)
TEXTURES_40 = Setting(
    "textures-40/vgg-mini", PROCEDURAL_40, architecture(vgg_mini, num_classes=40, width=8), TEXTURES_RECIPE
)
TEXTURES_RESNET = Setting(
    "textures-10/resnet-mini", PROCEDURAL_10, architecture(resnet_mini, num_classes=10, width=8), TEXTURES_RECIPE
)

MNIST_RATES = (0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.991, 0.992, 0.993, 0.994, 0.995, 0.996, 0.997, 0.998, 0.999)
CIFAR_RATES = (0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.995)
DIGITS_RATES = (0.5, 0.9, 0.95, 0.98, 0.99, 0.995)


def arms(setting: Setting, methods: tuple[str, ...], rates: tuple[float, ...], **fields: object) -> tuple[Cell, ...]:
    """Return one cell a method and freezing rate; the baseline has one cell, at rate 0."""
    cells = [
        Cell(setting, method, rate, **fields)  # type: ignore[arg-type]
        for method in methods
        for rate in ((0.0,) if method == "baseline" else rates)
    ]
    return tuple(cells)
