"""What is done to a network before a task, as parts of a cell (Sections 5.1 and 5.2, Figure 4)."""

from dataclasses import dataclass

import torch
from torch import nn

from papers.sequential_learning.frozen_weights.interfaces import weight_layers
from papers.sequential_learning.frozen_weights.pairs import set_pairs, track
from papers.sequential_learning.frozen_weights.reset import reset
from papers.sequential_learning.frozen_weights.sparse import sparse_start

CONSTANT = 0.1
"""Of the identity that a reset adds."""


@dataclass(frozen=True)
class FrozenReset:
    """The reset of mutually frozen weights (Section 5.2)."""

    constant: float = CONSTANT
    scales: str = "one"

    def __call__(self, model: nn.Module, generator: torch.Generator) -> None:
        """Leave no frozen pair."""
        reset(model, self.constant, self.scales, generator)


@dataclass(frozen=True)
class SparseStart:
    """A sparse initialisation (Table 1)."""

    kind: str
    sparsity: float
    matching: str = "root"
    unit: str = "weight"

    def __call__(self, model: nn.Module, generator: torch.Generator) -> None:
        """Zero weights."""
        sparse_start(model, self.kind, self.sparsity, self.matching, self.unit, CONSTANT, generator)


@dataclass(frozen=True)
class PairStart:
    """One pair of row and column at every interface begins as it is, at zero or close to it (Figure 4)."""

    start: str

    def __call__(self, model: nn.Module, generator: torch.Generator) -> None:
        """Set the pairs that `track` draws from the same generator."""
        set_pairs(model, track(model, generator), self.start)


@dataclass(frozen=True)
class NewClassifier:
    """An output layer for another set of classes, drawn as PyTorch draws it."""

    num_classes: int

    @torch.no_grad()
    def __call__(self, model: nn.Module, generator: torch.Generator) -> None:
        """Replace the output layer, on the device of the old one."""
        name = weight_layers(model)[-1]
        old = model.get_submodule(name)
        assert isinstance(old, nn.Linear)
        new = nn.Linear(old.in_features, self.num_classes, device="meta", dtype=old.weight.dtype)
        new = new.to_empty(device=old.weight.device)
        bound = old.in_features**-0.5
        for parameter in new.parameters():
            drawn = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(bound * (2.0 * drawn - 1.0))
        model.set_submodule(name, new)
