"""A network on its learning path, and what it goes through in a stage."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.seeds import stream
from papers.sequential_learning.path import LearningPath


@dataclass(eq=False)
class Learner:
    """One network and its learning path."""

    model: nn.Module
    path: LearningPath
    seed: int


def intervene(learner: Learner, stage: int) -> None:
    """Change the network in place as the stage asks for, before its task; stages are counted from 0."""
    for position, change in enumerate(learner.path[stage].before):
        change(learner.model, intervention_draws(learner.seed, stage, position))


def intervention_draws(seed: int, stage: int, position: int) -> torch.Generator:
    """Return the random numbers of an intervention: the one at `position` before a stage, both counted from 0."""
    return torch.Generator().manual_seed(stream(seed, f"intervention {position} before stage {stage}"))


@dataclass(frozen=True)
class Passage:
    """What one learner went through in one stage.

    One number an epoch in `loss` (mean over the epoch's batches) and `validation_loss` (empty without patience).
    `best_epoch` counts from 1 and is the epoch whose weights were handed on. `initial_loss` and `final_loss` are those
    on the training images, as the task shows them, before the stage and with the weights handed on; `test_loss` and
    `test_accuracy` those on untransformed test images. `seen` holds what was observed before training and after every
    epoch, [1 + epochs, ...]; `ends` what was measured before training and with the weights handed on, [2, ...].
    """

    loss: list[float]
    validation_loss: list[float]
    best_epoch: int
    initial_loss: float
    final_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seen: dict[str, Tensor]
    ends: dict[str, Tensor]
    seconds: float
