"""One pair of row and column at every exclusive interface, followed through training (Figure 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from papers.sequential_learning.frozen_weights.interfaces import Interface, interfaces

FACTORS = {"reference": 1.0, "exact_zero": 0.0, "near_zero": 1e-3, "near_zero_triple": 1e-3}
"""What the row and the column of a pair begin with, in terms of what they were drawn with."""


@dataclass(frozen=True)
class Tracked:
    """One channel of the layer `row`."""

    row: str
    channel: int


def track(model: nn.Module, generator: torch.Generator) -> list[Tracked]:
    """Draw a channel at every exclusive interface, in forward order."""
    tracked = []
    for each in interfaces(model):
        if each.exclusive:
            channels = len(model.get_parameter(f"{each.row}.weight"))
            tracked.append(Tracked(each.row, int(torch.randint(channels, (), generator=generator))))
    return tracked


@torch.no_grad()
def set_pairs(model: nn.Module, tracked: Sequence[Tracked], start: str) -> None:
    """Zero or shrink the tracked rows and columns in place, by FACTORS; "near_zero_triple" shrinks their scales too.

    A weight in the row of one tracked channel and the column of another shrinks twice. Raises ValueError for an unknown
    start, and for a triple without a scale.
    """
    if start not in FACTORS:
        raise ValueError(f"no start {start!r} of pairs; there are {', '.join(FACTORS)}")
    of_row = {each.row: each for each in interfaces(model)}
    for pair in tracked:
        each = of_row[pair.row]
        weights = {name: model.get_parameter(f"{name}.weight") for name in (each.row, *each.columns)}
        for part in _parts(weights, each, pair.channel):
            part.mul_(FACTORS[start])
        if start == "near_zero_triple":
            if each.scale is None:
                raise ValueError(f"a triple needs scales: the channels of {each.row!r} have none")
            model.get_parameter(f"{each.scale}.weight")[pair.channel].mul_(FACTORS[start])


@torch.no_grad()
def norms(parameters: Mapping[str, Tensor], tracked: Sequence[Sequence[Tracked]], found: Sequence[Interface]) -> Tensor:
    """Return the L1 norm of row plus that of column of every run's own tracked channels, [R, number of channels].

    The parameters have the shape [R, ...] by name, `tracked` holds the channels of each run, `found` the interfaces of
    their network.
    """
    of_row = {each.row: each for each in found}
    of_runs = []
    for run, pairs in enumerate(tracked):
        sums = []
        for pair in pairs:
            each = of_row[pair.row]
            weights = {name: parameters[f"{name}.weight"][run] for name in (each.row, *each.columns)}
            sums.append(torch.stack([part.abs().sum() for part in _parts(weights, each, pair.channel)]).sum())
        of_runs.append(torch.stack(sums))
    return torch.stack(of_runs)


def _parts(weights: Mapping[str, Tensor], each: Interface, channel: int) -> list[Tensor]:
    """Return views of a channel's row and columns in the weights of one network, by the names of their layers."""
    row = weights[each.row]
    columns = [torch.unflatten(weights[name], 1, (len(row), -1))[:, channel] for name in each.columns]
    return [row[channel], *columns]
