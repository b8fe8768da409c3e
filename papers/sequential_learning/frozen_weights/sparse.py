"""Sparse initialisations of which the weights are mutually frozen, or are not (Table 1)."""

import math

import torch
from torch import nn

from papers.sequential_learning.frozen_weights.interfaces import interfaces, weight_layers
from papers.sequential_learning.frozen_weights.reset import reset

KINDS = ("mono", "double", "triple")
MATCHINGS = ("root", "equal")
UNITS = ("weight", "kernel", "filter")


@torch.no_grad()
def sparse_start(
    model: nn.Module,
    kind: str,
    sparsity: float,
    matching: str,
    unit: str,
    constant: float,
    generator: torch.Generator,
) -> None:
    """Zero weights of a network in place; everything random is drawn on the CPU, in forward order.

    "triple": at every exclusive interface a channel loses its row, scale and column with probability q. `matching`
    "root" takes q = 1 - sqrt(1 - sparsity), with which a weight between two such interfaces is zero with probability
    `sparsity`; "equal" takes q = sparsity. "double": every `unit` of every layer is zeroed with probability `sparsity`,
    BatchNorm is not; a unit is a weight, or the kernel between two channels. With the unit "filter", channels lose row
    and column as in "triple", and keep their scales. "mono": as "double", then the reset of Section 5.2 with `constant`
    and scales of one. Raises ValueError for a sparsity outside [0, 1), an unknown kind, matching or unit, a triple
    start of a network in which an exclusive interface has no scale, and where `reset` does.
    """
    if kind not in KINDS:
        raise ValueError(f"no sparse start {kind!r}; there are {', '.join(KINDS)}")
    if matching not in MATCHINGS:
        raise ValueError(f"no matching {matching!r} of sparsity; there are {', '.join(MATCHINGS)}")
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must lie in [0, 1), not {sparsity}")
    if unit not in UNITS:
        raise ValueError(f"no unit {unit!r} of zeros; there are {', '.join(UNITS)}")
    channels = 1 - math.sqrt(1 - sparsity) if matching == "root" else sparsity
    if kind == "triple":
        _kill_channels(model, channels, True, generator)
        return
    if unit == "filter":
        _kill_channels(model, channels, False, generator)
    else:
        _zero(model, sparsity, unit, generator)
    if kind == "mono":
        reset(model, constant, "one", generator)


def _zero(model: nn.Module, sparsity: float, unit: str, generator: torch.Generator) -> None:
    """Zero random weights, or kernels, of every layer."""
    for name in weight_layers(model):
        weight = model.get_parameter(f"{name}.weight")
        shape = weight.shape if unit == "weight" else (*weight.shape[:2], *(1 for _ in weight.shape[2:]))
        weight.masked_fill_((torch.rand(shape, generator=generator) < sparsity).to(weight.device), 0.0)


def _kill_channels(model: nn.Module, probability: float, scales: bool, generator: torch.Generator) -> None:
    """Zero row and column of random channels at every exclusive interface, and with `scales` their scales."""
    exclusive = [each for each in interfaces(model) if each.exclusive]
    for each in exclusive:
        if scales and each.scale is None:
            raise ValueError(f"a triple start needs scales: the channels of {each.row!r} have none")
    for each in exclusive:
        row, column = (model.get_parameter(f"{name}.weight") for name in (each.row, *each.columns))
        dead = (torch.rand(len(row), generator=generator) < probability).to(row.device)
        row[dead] = 0.0
        if scales:
            model.get_parameter(f"{each.scale}.weight")[dead] = 0.0
        torch.unflatten(column, 1, (len(row), -1))[:, dead] = 0.0
