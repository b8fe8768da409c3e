"""Weight initialisation from one seed (FreezeNet, sections 4, 4.5 and S1.4).

Every scheme is a function of a weight's shape and a CPU generator. Draws are made in double precision and
rounded, so that the last bit of a vectorised logarithm does not show in the stored single-precision weight.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from common.models.architecture import Initialisation
from common.models.weights import WEIGHT_LAYERS, weight_tensors


def fans(shape: torch.Size) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight [out, in, *kernel]: channels times kernel positions."""
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _sigma(shape: torch.Size) -> float:
    """Return sqrt(2 / (fan_in + fan_out)), the layer's standard deviation of section 4.5."""
    return math.sqrt(2 / sum(fans(shape)))


def _normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _xavier_normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return _sigma(shape) * _normal(shape, generator)


def _kaiming_uniform(shape: torch.Size, generator: torch.Generator) -> Tensor:
    bound = math.sqrt(6 / fans(shape)[0])
    return bound * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)


def _framework_uniform(shape: torch.Size, generator: torch.Generator) -> Tensor:
    bound = math.sqrt(1 / fans(shape)[0])
    return bound * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)


def _pm_sigma(shape: torch.Size, generator: torch.Generator) -> Tensor:
    signs = 2 * torch.randint(2, shape, generator=generator) - 1
    return _sigma(shape) * signs


def _ones(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.ones(shape)


def _constant_sigma(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.full(shape, _sigma(shape))


SCHEMES: dict[str, Callable[[torch.Size, torch.Generator], Tensor]] = {
    "xavier_normal": _xavier_normal,
    "kaiming_uniform": _kaiming_uniform,
    "framework_uniform": _framework_uniform,
    "pm_sigma": _pm_sigma,
    "ones": _ones,
    "constant_sigma": _constant_sigma,
    "normal": _normal,
}


@torch.no_grad()
def initialise(model: nn.Module, scheme: str, seed: int) -> None:
    """Redraw all weights of a network in place and note the scheme and seed in `model.initialisation`.

    Weights: "xavier_normal" N(0, sigma^2) with sigma^2 = 2 / (fan_in + fan_out); "kaiming_uniform" U(-b, b)
    with b = sqrt(6 / fan_in), the ReLU gain; "framework_uniform" U(-b, b) with b = sqrt(1 / fan_in), PyTorch's default,
    for biases too; "pm_sigma" +sigma or -sigma, each with probability 1/2; "ones";
    "constant_sigma", every weight sigma; "normal" N(0, 1). They are drawn on the CPU, tensor by tensor in
    registration order, so they do not depend on the model's device. Biases become 0 but for "framework_uniform", which
    draws them after all weights; BatchNorm is reset.
    Raises ValueError for an unknown scheme, TypeError for a layer whose parameters have no rule.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"no initialisation scheme {scheme!r}; there are {', '.join(SCHEMES)}")
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_parameters()
        elif isinstance(module, WEIGHT_LAYERS):
            if module.bias is not None:
                module.bias.zero_()
        elif next(module.parameters(recurse=False), None) is not None:
            raise TypeError(f"no rule to initialise a {type(module).__name__}; extend common/models/init.py")
    generator = torch.Generator().manual_seed(seed)
    for weight in weight_tensors(model).values():
        weight.copy_(SCHEMES[scheme](weight.shape, generator))
    if scheme == "framework_uniform":
        _draw_biases(model, generator)
    model.initialisation = Initialisation(scheme, seed)  # type: ignore[assignment]  # as for `architecture`


def _draw_biases(model: nn.Module, generator: torch.Generator) -> None:
    """Draw every layer's biases from the range of its weights, U(-b, b) with b = sqrt(1 / fan_in)."""
    for module in model.modules():
        if isinstance(module, WEIGHT_LAYERS) and module.bias is not None:
            bound = math.sqrt(1 / fans(module.weight.shape)[0])
            module.bias.copy_(bound * (2 * torch.rand(module.bias.shape, generator=generator, dtype=torch.float64) - 1))
