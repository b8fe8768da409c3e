"""The learning path as its definitions read: plain loops over one network (Negative Pretraining Effect, Table 1).

Slow and simple. What the engine (`follow`) trains is checked against it; networks with dropout are left to the engine.
"""

import copy
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.datasets.dataset import DataSet
from common.seeds import stream
from common.train.batches import shuffled_epochs
from common.train.evaluate import evaluation_mode
from papers.sequential_learning.learner import Learner, Passage, intervene
from papers.sequential_learning.path import Process
from papers.sequential_learning.presentation import ImageSet, Presentation
from papers.sequential_learning.setting import Setting
from papers.sequential_learning.stage import split

Images = tuple[Tensor, Tensor]
"""Images [B, C, H, W] and labels [B]."""


def omega(
    process: Process, epochs: Iterable[Iterable[Images]], held_out: Images, model: nn.Module
) -> tuple[list[float], list[float], int]:
    """Train a network in place on the batches of every epoch: the learning omega of Definition 2.

    Returns the mean loss and the validation loss of every epoch, the latter with patience alone, and the epoch whose
    weights the network is left with, counted from 1.
    """
    optimizer = torch.optim.SGD(
        model.parameters(), process.rate, momentum=process.momentum, weight_decay=process.weight_decay
    )
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, process.decay)
    training, validation, best, best_weights = [], [], 0, None
    model.train()
    for epoch, batches in enumerate(epochs, start=1):
        losses = []
        for images, labels in batches:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            torch.autograd.backward(loss)
            optimizer.step()
            losses.append(loss.item())
        decay.step()
        training.append(sum(losses) / len(losses))
        if process.patience is None:
            best = epoch
            continue
        validation.append(evaluate(model, held_out)[0])
        if validation[-1] < min(validation[:-1], default=float("inf")):
            best, best_weights = epoch, copy.deepcopy(model.state_dict())
        if epoch - best >= process.patience:
            break
    if best_weights is not None:
        model.load_state_dict(best_weights)
    return training, validation, best


def follow(learner: Learner, setting: Setting, data_of: Callable[[DataSet], ImageSet]) -> list[Passage]:
    """Take a network along its path, in place: Omega(T, f) of Definition 3. `data_of` reads a data set.

    Returns what it went through, without the engine's measures and times.
    """
    model, path, seed, passages = learner.model, learner.path, learner.seed, []
    for number, (task, process) in enumerate((stage.task, stage.process) for stage in path):
        intervene(learner, number)
        data, end = data_of(task.dataset), number - len(path)  # stages draw by their place before the path's end
        train, held_out = split(data, task, setting.validation, seed)
        presentation = Presentation(data, [task], [stream(seed, f"{end}")])
        fixed = _of_one(presentation.fixed(train[None]))
        orders = shuffled_epochs(
            train[None], process.epochs, setting.batch_size, [stream(seed, f"order of stage {end}")]
        )
        epochs = ((_of_one(presentation.in_training(batch)) for batch in order) for order in orders)
        initial_loss, _ = evaluate(model, fixed)
        learnt = omega(process, epochs, _of_one(presentation.fixed(held_out[None])), model)
        tested = evaluate(model, (data.test_images[:], data.test_labels))
        passages.append(Passage(*learnt, initial_loss, *evaluate(model, fixed), *tested, {}, {}, 0.0))
    return passages


@torch.no_grad()
def evaluate(model: nn.Module, shown: Images) -> tuple[float, float]:
    """Return mean loss and accuracy in evaluation mode."""
    images, labels = shown
    with evaluation_mode(model):
        logits = model(images)
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).double().mean().item()


def _of_one(shown: tuple[Tensor, Tensor]) -> Images:
    """Return the images and labels of the only one of R = 1 runs."""
    images, labels = shown
    return images[0], labels[0]
