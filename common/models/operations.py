"""How much work a network is, for plans and for the order of jobs."""

import torch
from torch import Tensor, nn

from common.models.weights import WEIGHT_LAYERS


def forward_operations(model: nn.Module, size: tuple[int, ...]) -> int:
    """Count the floating-point operations of one image's forward pass, a multiplication and an addition a weight.

    `size` is the image's shape. Only convolutions and linear layers count. The model is left in evaluation mode.
    """
    operations = 0

    def count(layer: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal operations
        positions = output[0, 0].numel() if output.dim() == 4 else 1
        operations += 2 * positions * layer.get_parameter("weight").numel()

    handles = [layer.register_forward_hook(count) for layer in model.modules() if isinstance(layer, WEIGHT_LAYERS)]
    with torch.no_grad():
        model.eval()(torch.zeros(1, *size))
    for handle in handles:
        handle.remove()
    return operations
