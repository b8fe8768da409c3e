"""A warm start as Sections 1 and A read: a plain loop over one network, stage after stage.

Slow and simple. What the engine trains is checked against it.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.train.evaluate import accuracy
from common.train.stages import Data
from papers.plasticity.measures import Stage
from papers.plasticity.noise import EARLY
from papers.plasticity.settings import Cell

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
}


def warm_start(
    model: nn.Module,
    fresh: nn.Module,
    cell: Cell,
    sets: Sequence[Tensor],
    orders: Sequence[Iterable[Sequence[Tensor]]],
    once: Sequence[Tensor],
    data: Data,
) -> list[Stage]:
    """Train a network in place: pretrain on every set but the last, reset, tune on all images.

    `sets[i]` [n] names the images of stage i, `orders[i]` those of every batch of every epoch, [B] each; `once` are the
    batches that the noise of gradients is measured by, before each of the first epochs of tuning. Groups that are reset
    begin as they are in `fresh`. Without pretraining there is one set: the scratch control.
    """
    stages = []
    for number, (own, epochs) in enumerate(zip(sets, orders, strict=True), start=1):
        tuning = number == len(sets)
        if tuning:
            groups = tuple(f"group{group}." for group in cell.groups)
            drawn = {name: value for name, value in fresh.state_dict().items() if name.startswith(groups)}
            model.load_state_dict(drawn, strict=False)
        optimizer = OPTIMIZERS[cell.optimizer](model.parameters(), lr=cell.rate if tuning else cell.pretraining_rate)
        losses, tests, learnt = [], [], []
        noise: list[float] = []
        for epoch in epochs:
            if tuning and len(noise) < min(EARLY, cell.setting.epochs):
                noise.append(gradient_noise(model, once, data))
            model.train()
            total = 0.0
            for batch in epoch:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(data.images[batch]), data.labels[batch])
                torch.autograd.backward(loss)
                optimizer.step()
                total += loss.item()
            losses.append(total / len(epoch))
            tests.append(accuracy(model, data.test_images, data.test_labels))
            learnt.append(accuracy(model, data.images, data.labels, own))
        length = cell.setting.epochs if tuning else cell.pretraining
        stages.append(Stage(losses, tests, learnt[max(0, length - cell.setting.averaged) :], noise))
    return stages


def gradient_noise(model: nn.Module, batches: Sequence[Tensor], data: Data) -> float:
    """Return the root of the trace of the covariance of the batches' gradients; the model is left as it is."""
    model = copy.deepcopy(model).train()
    gradients = []
    for batch in batches:
        loss = F.cross_entropy(model(data.images[batch]), data.labels[batch])
        gradients.append(torch.cat([own.flatten() for own in torch.autograd.grad(loss, list(model.parameters()))]))
    return torch.stack(gradients).var(0).sum().sqrt().item()


def averaged(tuning: Stage, cell: Cell) -> float:
    """Return the test accuracy that counts, the mean over the last epochs of tuning; `extra` epochs come after them."""
    last = tuning.test[: cell.setting.epochs][-cell.setting.averaged :]
    return sum(last) / len(last)
