"""Networks on random images, for what must hold exactly on any data: their scores and the mask of Algorithm 1."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.models.architecture import Architecture, architecture, build
from common.models.init import initialise
from common.models.lenet import lenet5_caffe, lenet_300_100
from common.models.vgg import vgg16_d, vgg_mini
from common.seeds import stream
from common.work import Work
from papers.freezenet.masks import freezing_mask
from papers.freezenet.saliency import snip_scores


@dataclass(frozen=True)
class RandomImages:
    """A network on images drawn from N(0, 1)."""

    name: str
    model: Architecture
    shape: tuple[int, int, int]
    images: int = 20


@dataclass(frozen=True)
class Cell:
    """A network, a method of Table 1 (standard, pruned, freezenet), and a freezing rate."""

    setting: RandomImages
    method: str
    freezing_rate: float


LENET_300_100 = RandomImages("lenet-300-100", architecture(lenet_300_100), (1, 28, 28))
LENET_5 = RandomImages("lenet-5-caffe", architecture(lenet5_caffe), (1, 28, 28))
VGG_MINI = RandomImages("vgg-mini", architecture(vgg_mini, num_classes=10), (3, 16, 16))
VGG16_D = RandomImages("vgg16-d", architecture(vgg16_d, num_classes=10), (3, 32, 32), images=4)


@dataclass(frozen=True)
class Case:
    """A network with its scores, mask and batch."""

    model: nn.Module
    seed: int
    scores: dict[str, Tensor]
    mask: dict[str, Tensor]
    inputs: Tensor
    targets: Tensor
    freezing_rate: float


def case(cell: Cell, seed: int) -> Case:
    """Draw network and batch and find the mask of Algorithm 1."""
    generator = torch.Generator().manual_seed(stream(seed, "images"))
    inputs = torch.randn(cell.setting.images, *cell.setting.shape, generator=generator)
    targets = torch.randint(0, 10, (cell.setting.images,), generator=generator)
    model = build(cell.setting.model)
    initial = stream(seed, "initialisation")
    initialise(model, "xavier_normal", initial)
    scores = snip_scores(model, inputs, targets)
    mask = freezing_mask(scores, cell.freezing_rate, generator)
    return Case(model, initial, scores, mask, inputs, targets, cell.freezing_rate)


def nothing(cell: Cell) -> Work:
    """Count no work: what is exact takes a moment."""
    return Work()
