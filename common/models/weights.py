"""Which parameters are weights: the only ones that are ever scored, frozen or pruned."""

from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

WEIGHT_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class Counts:
    """Numbers of parameters by kind; `batch_norm` counts scales and shifts together."""

    weights: int
    biases: int
    batch_norm: int

    @property
    def total(self) -> int:
        """All parameters."""
        return self.weights + self.biases + self.batch_norm


def weight_tensors(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights of the convolutions and linear layers, by parameter name, in registration order.

    Biases and BatchNorm parameters are not weights: they always train (FreezeNet, sections 3.1 and 4.2).
    """
    layers = [name for name, module in model.named_modules() if isinstance(module, WEIGHT_LAYERS)]
    names = {f"{layer}.weight".lstrip(".") for layer in layers}
    return {name: parameter for name, parameter in model.named_parameters() if name in names}


def parameter_counts(model: nn.Module) -> Counts:
    """Count a network's parameters by kind."""
    layers = [module for module in model.modules() if isinstance(module, WEIGHT_LAYERS)]
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    return Counts(
        weights=sum(weight.numel() for weight in weight_tensors(model).values()),
        biases=sum(layer.bias.numel() for layer in layers if layer.bias is not None),
        batch_norm=sum(parameter.numel() for norm in norms for parameter in norm.parameters()),
    )
