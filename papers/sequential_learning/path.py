"""The learning path: an ordered list of tasks and learning processes (Negative Pretraining Effect, Definitions 1 to 3).

Omega(T, f) = omega_n(tau_n, ... omega_1(tau_1, f)): every stage trains the network that the stage before left behind.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from common.datasets.dataset import DataSet

Intervention = Callable[[nn.Module, torch.Generator], None]
"""Changes a network in place before a task; a frozen dataclass, so that it can be part of a cell."""


@dataclass(frozen=True)
class Task:
    """What the network is shown (Definition 1, with cross-entropy): a data set and its nuisances.

    `blur` is the share of the resolution that is kept, `contrast` the factor on it, `shift` the largest random shift as
    a share of the image's side; the defaults are the data set as it is. `share` of the training images is used, and
    `antialias` is how the blur makes images smaller.
    """

    dataset: DataSet
    blur: float = 1.0
    contrast: float = 1.0
    shift: float = 0.0
    flip: bool = False
    share: float = 1.0
    antialias: bool = True

    def __post_init__(self) -> None:
        for name in ("blur", "share"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} = {getattr(self, name)}: a share lies in (0, 1]")
        for name in ("contrast", "shift"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} = {getattr(self, name)}: it lies in [0, 1]")


@dataclass(frozen=True)
class Process:
    """How a task is learnt (Definition 2): SGD with momentum and coupled weight decay, begun anew for every task.

    The rate shrinks by the factor `decay` after every epoch. With `patience`, training ends once the validation loss
    has not improved for so many epochs, and the weights with the best one are handed on; without, the last weights are.
    """

    rate: float
    epochs: int
    weight_decay: float
    decay: float = 1.0
    patience: int | None = None
    momentum: float = 0.9

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.rate <= 0.0 or self.weight_decay < 0.0 or not 0.0 < self.decay <= 1.0:
            raise ValueError(f"a process trains for at least one epoch, with a rate above 0 that may shrink: {self}")


@dataclass(frozen=True)
class Stage:
    """A task and its process, after interventions in the network."""

    task: Task
    process: Process
    before: tuple[Intervention, ...] = ()


LearningPath = tuple[Stage, ...]
