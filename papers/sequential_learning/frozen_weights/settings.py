"""Data sets, networks and lengths of the paper, and what stands in for them in smoke (Section 5)."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from common.datasets.cifar import CIFAR10
from common.datasets.dataset import DataSet
from common.models.alexnet import alexnet32
from common.models.all_cnn import all_cnn, all_cnn_small
from common.models.architecture import Architecture, architecture
from common.models.grouped import grouped_mlp, grouped_resnet
from common.models.mlp import bn_mlp
from papers.sequential_learning.data import DIGITS_1000
from papers.sequential_learning.setting import Setting

SOURCE_DECAY = 0.994
"""Of the rate in pretraining: weights without gradient then shrink as far as in smoke, by e^-18.5."""


@dataclass(frozen=True)
class FrozenSetting(Setting):
    """A setting with the lengths of pretraining and of training on the target, in epochs.

    After every epoch the rate shrinks by the factor `source_decay` and `decay`. `imagenet` names the network of
    torchvision that begins with its published weights, in place of `model`.
    """

    source_epochs: int = 140
    epochs: int = 160
    source_decay: float = SOURCE_DECAY
    decay: float = 0.97
    imagenet: str = ""


RATE = 0.05
GROWTH_RATE = 0.1  # Figure 3
WEIGHT_DECAY = 1e-3
WEIGHT_DECAYS = (0.0, 1e-5, 1e-4, 5e-4, 1e-3, 2e-3, 5e-3)
RATES = (0.001, 0.005, 0.01, 0.05, 0.1)


def setting(builder: Callable[..., nn.Module], dataset: DataSet = CIFAR10, **flags: int) -> FrozenSetting:
    """Return a setting of the full tier: a network on its target data set."""
    model = architecture(builder, num_classes=dataset.classes, **flags)
    plain = "" if flags.get("affine", 1) else "_noaffine"
    return FrozenSetting(f"{dataset}/{builder.__name__}{plain}", model, dataset, 128, precision="tf32")


RESNET, RESNET_PLAIN = setting(grouped_resnet), setting(grouped_resnet, affine=0)
ALL_CNN, ALL_CNN_PLAIN = setting(all_cnn), setting(all_cnn, affine=0)
ALEXNET = setting(alexnet32)


def _small(
    name: str, model: Architecture, batch_size: int, source_epochs: int, epochs: int, decay: float
) -> FrozenSetting:
    """Return a setting on a thousand digits; the rate of pretraining stays as it is."""
    return FrozenSetting(
        f"digits/{name}",
        model,
        DIGITS_1000,
        batch_size,
        source_epochs=source_epochs,
        epochs=epochs,
        source_decay=1.0,
        decay=decay,
    )


GROWTH_CNN = _small("all_cnn_wide", architecture(all_cnn_small, width=24), 32, 0, 20, 1.0)
GROWTH = _small("bn_mlp-long", architecture(bn_mlp), 32, 0, 100, 1.0)
RETRAINED = _small("bn_mlp", architecture(bn_mlp), 32, 120, 20, 0.865)
RETRAINED_PLAIN = _small("bn_mlp_noaffine", architecture(bn_mlp, affine=0), 32, 120, 20, 0.865)
RETRAINED_BARE = _small("mlp", architecture(grouped_mlp), 32, 120, 20, 0.865)
SPARSE = _small("all_cnn_small", architecture(all_cnn_small), 64, 0, 8, 0.85)
FOLLOWED = _small("all_cnn_small-long", architecture(all_cnn_small), 64, 0, 30, 1.0)
