"""Which layers keep what they learnt: groups of a network are drawn again after pretraining (Figure 6, Section A.5)."""

from collections.abc import Collection

import torch
from torch import nn

from common.models.architecture import architecture_of, build, initialisation_of
from common.models.init import initialise


def groups_of(model: nn.Module) -> list[str]:
    """Return the names of a network's groups, first to last."""
    return [name for name, _ in model.named_children()]


def require_groups(model: nn.Module, groups: Collection[int]) -> None:
    """Raise ValueError for a group that does not exist."""
    count = len(groups_of(model))
    for number in groups:
        if not 1 <= number <= count:
            raise ValueError(f"no group {number} to reset: the network has groups 1 to {count}")


@torch.no_grad()
def reset(model: nn.Module, groups: Collection[int], seed: int) -> None:
    """Draw the numbered groups anew, in place, from the distribution that they were first drawn from.

    Numbers count from 1, the group nearest to the input. BatchNorm's scales, shifts and running statistics begin anew
    with their group; all other groups stay bit-identical. Raises ValueError for a group that does not exist.
    """
    require_groups(model, groups)
    known = groups_of(model)
    fresh = build(architecture_of(model))
    initialise(fresh, initialisation_of(model).scheme, seed)
    for number in groups:
        drawn = fresh.get_submodule(known[number - 1]).state_dict()
        for name, value in model.get_submodule(known[number - 1]).state_dict().items():
            value.copy_(drawn[name])
