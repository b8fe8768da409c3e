"""The intervention before retraining that leaves no mutually frozen weights (Section 5.2)."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from papers.sequential_learning.frozen_weights.interfaces import weight_layers

SCALES = ("one", "add")
NOISE = 1e-5  # standard deviation


@torch.no_grad()
def reset(model: nn.Module, constant: float, scales: str, generator: torch.Generator) -> None:
    """Add `constant` times the identity and a little noise to every layer but the output layer, in place.

    The identity of a convolution sits at its kernel's centre. Noise is normal with standard deviation 1e-5, drawn on
    the CPU, layer by layer in forward order. BatchNorm's scales become one with `scales` "one", or grow by the constant
    with "add". Shifts, biases, running statistics and the output layer stay as they are. Nothing is counted here: that
    no frozen pair is left is what claims measure. Raises ValueError for a constant that is not positive, and for
    unknown `scales`.
    """
    if not constant > 0:
        raise ValueError(f"the constant of a reset must be positive, not {constant}")
    if scales not in SCALES:
        raise ValueError(f"no way {scales!r} to reset scales; there are {', '.join(SCALES)}")
    for name in weight_layers(model)[:-1]:
        weight = model.get_parameter(f"{name}.weight")
        centre: Tensor = weight
        while centre.dim() > 2:
            centre = centre.select(2, centre.shape[2] // 2)
        centre.add_(identity(*centre.shape).to(weight), alpha=constant)
        noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        weight.add_((NOISE * noise).to(weight))
    for module in model.modules():
        if isinstance(module, _BatchNorm) and module.affine:
            module.weight.fill_(1.0) if scales == "one" else module.weight.add_(constant)


def identity(outputs: int, inputs: int) -> Tensor:
    """Return the identity [outputs, inputs], wrapped where it is not square: no row and no column is without a one."""
    o, i = torch.arange(outputs).unsqueeze(1), torch.arange(inputs)
    return ((o % inputs == i) | (i % outputs == o)).float()
