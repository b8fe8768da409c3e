"""Data sets and networks of the paper, and the few digits that stand in for them (Section 3.1)."""

from common.datasets import mnist, svhn
from common.datasets.cifar import CIFAR10
from common.datasets.dataset import DataSet
from common.models.architecture import architecture
from common.models.grouped import grouped_mlp, grouped_resnet
from papers.sequential_learning.data import DIGITS_250
from papers.sequential_learning.negative_pretraining.arms import Arm
from papers.sequential_learning.setting import Setting

DIGITS = Setting("digits/mlp", architecture(grouped_mlp), DIGITS_250, 32, "1/5")


def _resnet18(dataset: DataSet, channels: int) -> Setting:
    model = architecture(grouped_resnet, num_classes=10, width=64, depth=2, channels=channels)
    return Setting(f"{dataset}/resnet18", model, dataset, 128, "1/10", precision="tf32")


CIFAR = _resnet18(CIFAR10, 3)
SVHN = _resnet18(svhn.SVHN, 3)
FASHION = _resnet18(mnist.FASHION_MNIST, 1)
MNIST = _resnet18(mnist.MNIST, 1)

RATE = 1e-3
SMALL_RATE = 0.02  # for the digits
LONG = (200, 50)  # most epochs of a task, and patience: Sections 4 and 6
SHORT = (100, 20)  # Section 5
SMALL_LONG = (60, 15)
SMALL_SHORT = (40, 10)


def baseline(setting: Setting, rate: float, length: tuple[int, int]) -> Arm:
    """Return the network that is trained on the target task only."""
    return Arm(setting, "none", 1, rate, rate, *length)


def pretrained(
    setting: Setting, path: str, tasks: int, rates: tuple[float, float], length: tuple[int, int], reset: str = ""
) -> Arm:
    """Return a network that follows a path of tasks; `rates` are those before the last task, and of the last."""
    return Arm(setting, path, tasks, *rates, *length, reset)
