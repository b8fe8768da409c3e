"""FreezeNet as Algorithm 1 and Section 4 read: a plain loop over one network.

Slow and simple. What the engine trains is checked against it.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.models.weights import weight_tensors
from common.train.evaluate import accuracy
from papers.freezenet.settings import Cell
from papers.freezenet.training import Images


@dataclass(frozen=True)
class Trained:
    """What came of a network: its mask, True where a weight trains, and the validation accuracy after every epoch.

    `best_epoch`, counted from 1, is the first with the highest; `best` is the network at its end.
    """

    mask: dict[str, Tensor]
    validation: list[float]
    best_epoch: int
    best: nn.Module


def freezenet(
    model: nn.Module,
    cell: Cell,
    scoring: Tensor,
    epochs: Iterable[Sequence[Tensor]],
    validation: Tensor,
    data: Images,
) -> Trained:
    """Train an initialised network in place, by heavy-ball SGD without transforms of its images.

    freezenet keeps frozen weights as they are, snip sets them to zero, and the baseline, at rate 0, has none. `scoring`
    [B] names the images of the one batch that the mask is found with, `epochs` those of every batch, [B] each, and
    `validation` [v] those of early stopping.
    """
    recipe, weights = cell.setting.recipe, weight_tensors(model)
    loss = F.cross_entropy(model(data.images[scoring]), data.labels[scoring])
    gradients = torch.autograd.grad(loss, list(weights.values()))
    saliency = {name: (g * w).detach().abs() for (name, w), g in zip(weights.items(), gradients, strict=True)}
    ranked = torch.cat([scores.flatten() for scores in saliency.values()]).sort(descending=True).values
    k = int((1 - Fraction(repr(cell.freezing_rate))) * len(ranked))
    mask = {name: scores >= ranked[k - 1] for name, scores in saliency.items()}
    if cell.method == "snip":
        for name, weight in weights.items():
            weight.data *= mask[name]
    optimizer = torch.optim.SGD(model.parameters(), lr=cell.learning_rate, momentum=recipe.optimizer.momentum)
    step, accuracies, best_epoch, best = 0, [], 0, copy.deepcopy(model)
    for epoch, batches in enumerate(epochs, start=1):
        model.train()
        for batch in batches:
            optimizer.param_groups[0]["lr"] = cell.learning_rate * recipe.schedule.factor(step, len(batches))
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(model(data.images[batch]), data.labels[batch]))
            for name, parameter in model.named_parameters():
                assert parameter.grad is not None
                parameter.grad += recipe.optimizer.weight_decay * parameter.data
                parameter.grad *= mask.get(name, 1.0)  # biases always train
            optimizer.step()
            step += 1
        accuracies.append(accuracy(model, data.images, data.labels, validation))
        if accuracies[-1] > max(accuracies[:-1], default=-1.0):
            best_epoch, best = epoch, copy.deepcopy(model)
    return Trained(mask, accuracies, best_epoch, best)
