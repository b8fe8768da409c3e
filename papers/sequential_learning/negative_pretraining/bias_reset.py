"""The bias reset (Negative Pretraining Effect, Section 6)."""

from dataclasses import dataclass

import torch
from torch import nn

AMOUNT = 0.01


@dataclass(frozen=True)
class BiasReset:
    """Add 0.01 to every bias of a network, in place: BatchNorm's shifts and the biases of all layers that have one.

    Raises ValueError for a network without any bias, where nothing would be reset.
    """

    @torch.no_grad()
    def __call__(self, model: nn.Module, generator: torch.Generator) -> None:
        """Add it; nothing is drawn."""
        biases = [parameter for name, parameter in model.named_parameters() if name.split(".")[-1] == "bias"]
        if not biases:
            raise ValueError("the network has no bias to reset")
        for bias in biases:
            bias.add_(AMOUNT)
