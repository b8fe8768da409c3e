"""The states that training goes on from, and how they are taken and put back."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

State = Any
"""Tensors, numbers, names and None in any nesting of lists and of mappings from names."""


def states(generators: Sequence[torch.Generator]) -> list[Tensor]:
    """Return the states of random number generators."""
    return [generator.get_state() for generator in generators]


def set_states(generators: Sequence[torch.Generator], saved: Sequence[Tensor]) -> None:
    """Take random number generators back to saved states."""
    for generator, state in zip(generators, saved, strict=True):
        generator.set_state(state)


class Tensors:
    """Tensors, wherever they lie, that change in training and are saved with it."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors

    def state_dict(self) -> State:
        """Return their present values."""
        return list(self.tensors)

    def load_state_dict(self, saved: State) -> None:
        """Overwrite them with saved values."""
        copy_into(self.tensors, saved)


@torch.no_grad()
def copy_into(tensors: Sequence[Tensor], saved: Sequence[Tensor]) -> None:
    """Overwrite tensors, wherever they lie, with saved ones."""
    for tensor, value in zip(tensors, saved, strict=True):
        tensor.copy_(value)
