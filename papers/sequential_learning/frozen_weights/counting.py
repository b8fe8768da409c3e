"""How many weights are mutually frozen: Figure 3 counts pairs of filters, Tables 2 and 3 tuples of weights.

A weight is small where its absolute value is below 1e-4. A channel whose whole row and whole column are small is a
frozen pair, a double; where its scale is small too, a triple. Everything is counted for R runs at once, on the device
of the parameters and without waiting for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from papers.sequential_learning.frozen_weights.interfaces import Interface

THRESHOLD = 1e-4


@dataclass(frozen=True)
class Numbers:
    """Doubles, or triples, of R runs at each of I interfaces; all int64 [R, I].

    `pairs` are channels frozen as a whole, `weights` the weights in them (with the scale in a triple). `tuples` are the
    ways to choose a small weight of the row and one of the column in the same channel, in a triple with a small scale.
    """

    pairs: Tensor
    weights: Tensor
    tuples: Tensor


@dataclass(frozen=True)
class Counts:
    """Doubles and triples at all interfaces, and which of these are exclusive."""

    double: Numbers
    triple: Numbers
    exclusive: tuple[bool, ...]

    def totals(self) -> dict[str, Tensor]:
        """Return the sums over exclusive interfaces, int64 [R]: double_pairs, ..., triple_tuples."""
        return {
            f"{kind}_{unit.name}": self._total(getattr(getattr(self, kind), unit.name))
            for kind in ("double", "triple")
            for unit in fields(Numbers)
        }

    def _total(self, numbers: Tensor) -> Tensor:
        counted = [own for own, exclusive in zip(numbers.unbind(1), self.exclusive, strict=True) if exclusive]
        return torch.stack([torch.zeros_like(numbers[:, 0]), *counted]).sum(0)


@torch.no_grad()
def count(parameters: Mapping[str, Tensor], found: Sequence[Interface], threshold: float = THRESHOLD) -> Counts:
    """Count frozen weights in parameters [R, ...] by name, at the interfaces of their network.

    A channel that several layers read is a pair where all its columns are small, and without that has no tuples. One
    without a scale is no triple.
    """
    layers = {name for each in found for name in (each.row, *each.columns)}
    small = {name: parameters[f"{name}.weight"].abs() < threshold for name in layers}
    double, triple = [], []
    for each in found:
        row = small[each.row].flatten(2)  # [R, channels, weights]
        channels = row.shape[1]
        columns = [torch.unflatten(small[name], 2, (channels, -1)).transpose(1, 2).flatten(2) for name in each.columns]
        column = torch.cat(columns, 2)  # [R, channels, weights]
        in_row, in_column = row.sum(2), column.sum(2)
        whole = in_column == column.shape[2]
        pairs = whole & (in_row == row.shape[2])
        tuples = in_row * (in_column if each.exclusive else in_column * whole)
        scaled = torch.zeros_like(pairs)
        if each.scale is not None:
            scaled = parameters[f"{each.scale}.weight"].abs() < threshold
        size = row.shape[2] + column.shape[2]
        double.append(_numbers(pairs, size, tuples))
        triple.append(_numbers(pairs & scaled, size + 1, tuples * scaled))
    return Counts(_beside(double), _beside(triple), tuple(each.exclusive for each in found))


@torch.no_grad()
def small_share(parameters: Mapping[str, Tensor], layers: Sequence[str], threshold: float = THRESHOLD) -> Tensor:
    """Return the share of small ones among the weights of the named layers, float64 [R], from parameters [R, ...]."""
    weights = [parameters[f"{name}.weight"].flatten(1) for name in layers]
    small = torch.stack([(weight.abs() < threshold).sum(1) for weight in weights]).sum(0)
    return small.double() / sum(weight.shape[1] for weight in weights)


def _numbers(pairs: Tensor, size: int, tuples: Tensor) -> Tensor:
    """Sum over channels, pairs and tuples [R, channels], in the order of Numbers: [R, 3]."""
    total = pairs.sum(1)
    return torch.stack([total, total * size, tuples.sum(1)], 1)


def _beside(numbers: Sequence[Tensor]) -> Numbers:
    return Numbers(*torch.stack(list(numbers), 1).unbind(2))
