"""Sparse initialisations of which the weights are mutually frozen, or are not (Table 1)."""

import math

import torch
from torch import nn

from papers.sequential_learning.frozen_weights.interfaces import interfaces, weight_layers
from papers.sequential_learning.frozen_weights.reset import reset

KINDS = ("mono", "double", "triple")
MATCHINGS = ("root", "equal")


@torch.no_grad()
def sparse_start(
    model: nn.Module, kind: str, sparsity: float, matching: str, constant: float, generator: torch.Generator
) -> None:
    """Zero weights of a network in place; everything random is drawn on the CPU, in forward order.

    "triple": at every exclusive interface a channel loses its row, scale and column with probability q. `matching`
    "root" takes q = 1 - sqrt(1 - sparsity), with which a weight between two such interfaces is zero with probability
    `sparsity`; "equal" takes q = sparsity. "double": every weight of every layer is zeroed with probability `sparsity`,
    BatchNorm is not. "mono": as "double", then the reset of Section 5.2 with `constant` and scales of one.
    Raises ValueError for a sparsity outside [0, 1), an unknown kind or matching, a triple start of a network in which
    an exclusive interface has no scale, and where `reset` does.
    """
    if kind not in KINDS:
        raise ValueError(f"no sparse start {kind!r}; there are {', '.join(KINDS)}")
    if matching not in MATCHINGS:
        raise ValueError(f"no matching {matching!r} of sparsity; there are {', '.join(MATCHINGS)}")
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must lie in [0, 1), not {sparsity}")
    if kind == "triple":
        _kill_channels(model, 1 - math.sqrt(1 - sparsity) if matching == "root" else sparsity, generator)
        return
    for name in weight_layers(model):
        weight = model.get_parameter(f"{name}.weight")
        weight.masked_fill_((torch.rand(weight.shape, generator=generator) < sparsity).to(weight.device), 0.0)
    if kind == "mono":
        reset(model, constant, "one", generator)


def _kill_channels(model: nn.Module, probability: float, generator: torch.Generator) -> None:
    """Zero row, scale and column of random channels at every exclusive interface."""
    exclusive = [each for each in interfaces(model) if each.exclusive]
    for each in exclusive:
        if each.scale is None:
            raise ValueError(f"a triple start needs scales: the channels of {each.row!r} have none")
    for each in exclusive:
        row, column = (model.get_parameter(f"{name}.weight") for name in (each.row, *each.columns))
        dead = (torch.rand(len(row), generator=generator) < probability).to(row.device)
        row[dead] = 0.0
        model.get_parameter(f"{each.scale}.weight")[dead] = 0.0
        torch.unflatten(column, 1, (len(row), -1))[:, dead] = 0.0
