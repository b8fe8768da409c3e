"""Networks on random images, for what must hold exactly on any data: their scores and the mask of Algorithm 1."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.models.architecture import Architecture, architecture, build
from common.models.init import initialise
from common.models.lenet import lenet5_caffe, lenet_300_100
from common.models.vgg import vgg16_d, vgg_mini
from common.models.weights import weight_tensors
from common.seeds import stream
from common.train.fit import Recipe, TrainingRun, fit
from common.train.optimizers import SGD
from common.train.schedules import DropEverySteps
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


def two_steps(found: Case) -> dict[str, Tensor]:
    """Train the network in place for two steps and return its tensors as they were before.

    Momentum and weight decay act, so that whatever is not frozen moves.
    """
    start = {name: value.clone() for name, value in found.model.state_dict().items()}
    index = torch.arange(len(found.inputs))
    recipe = Recipe(epochs=2, batch_size=len(index), optimizer=SGD(0.9, 5e-4), schedule=DropEverySteps(100))
    run = TrainingRun(found.model, index, index, seed=0, learning_rate=0.01, mask=found.mask)
    fit([run], recipe, found.inputs, found.targets)
    return start


def moved_weights(found: Case, start: Mapping[str, Tensor]) -> int:
    """Count the weights that differ from what they were."""
    return sum(int((weight != start[name]).sum()) for name, weight in weight_tensors(found.model).items())


def nothing(cell: Cell) -> Work:
    """Count no work: what is exact takes a moment."""
    return Work()
