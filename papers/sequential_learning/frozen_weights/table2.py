"""Table 2: from one data set to another, with and without a reset."""

from dataclasses import replace

from common.datasets.cifar import CIFAR10, CIFAR100
from common.datasets.dataset import DataSet
from common.datasets.emnist import EMNIST_LETTERS
from common.datasets.mnist import FASHION_MNIST, KMNIST, MNIST
from common.datasets.patch_camelyon import PATCH_CAMELYON
from common.datasets.resisc45 import RESISC45
from common.datasets.svhn import SVHN
from common.models.architecture import Architecture
from common.models.grouped import grouped_resnet
from papers.sequential_learning.data import DIGITS_1000, in_colour, parity
from papers.sequential_learning.frozen_weights.arms import Retrained
from papers.sequential_learning.frozen_weights.procedures import experiment
from papers.sequential_learning.frozen_weights.reset import SCALES
from papers.sequential_learning.frozen_weights.settings import GROWTH_RATE, RETRAINED, FrozenSetting, setting

FEW_SAMPLES = 0.05
IMAGENET_TARGETS = (FASHION_MNIST, KMNIST, EMNIST_LETTERS, CIFAR100, RESISC45, PATCH_CAMELYON)
IMAGENET_RATE = 0.01
CONSTANTS = (0.01, 0.1, 0.5)


def both(arm: Retrained) -> tuple[Retrained, ...]:
    """Return an arm without and with a reset."""
    return arm, replace(arm, reset=True)


def sizes(arm: Retrained) -> tuple[Retrained, ...]:
    """Return an arm with resets of every size and both treatments of scales, but for the one that all rows have."""
    resets = (replace(arm, reset=True, constant=constant, scales=scales) for scales in SCALES for constant in CONSTANTS)
    return tuple(own for own in resets if own != replace(arm, reset=True))


def resnet18(target: DataSet) -> FrozenSetting:
    """Return the setting of ResNet-18 on a data set, which becomes small colour images where it is not."""
    return setting(grouped_resnet, target)


def resnet50(target: DataSet) -> FrozenSetting:
    """Return the setting of a network with ImageNet weights, which is tuned for a shorter time."""
    model = Architecture("resnet50", (("num_classes", target.classes),))
    name = f"{target}/resnet50"
    plain = FrozenSetting(name, model, target, 128, standardise=False, precision="tf32")
    return replace(plain, epochs=20, decay=0.8, imagenet="resnet50")


def _after(source: DataSet, plain: FrozenSetting) -> FrozenSetting:
    """Return a setting whose name tells the row from another one with the same target."""
    return replace(plain, name=f"{plain.name}-after_{source}")


ROWS = (
    Retrained(resnet18(CIFAR100), CIFAR10),
    Retrained(resnet18(in_colour(FASHION_MNIST)), CIFAR10),
    Retrained(_after(MNIST, resnet18(in_colour(FASHION_MNIST))), in_colour(MNIST)),
    Retrained(resnet18(CIFAR10), SVHN),
    *(Retrained(resnet50(target), "imagenet", rate=IMAGENET_RATE) for target in IMAGENET_TARGETS),
)
SMALL = Retrained(RETRAINED, parity(DIGITS_1000), source_rate=GROWTH_RATE, source_weight_decay=5e-3)

TABLE2 = experiment(
    "frozen_table2",
    "Mutually Frozen Weights, Table 2",
    (Retrained(RETRAINED, "none"), *both(SMALL), *both(replace(SMALL, samples=0.1))),
    (
        *(arm for row in ROWS for arm in both(row)),
        *sizes(next(row for row in ROWS if row.setting.dataset == RESISC45)),
        *both(replace(ROWS[0], samples=FEW_SAMPLES)),
    ),
    seeds=6,
    full_seeds=6,
)
