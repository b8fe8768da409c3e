"""Many networks of one architecture as one program.

Layers that multiply matrices get a leading dimension for the runs and work as one batched product; all
other layers of the supported kinds act on any number of leading dimensions as they are. The networks that
were stacked stay ordinary modules: their parameters become views of the stack, so they always hold the
current weights.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

ELEMENTWISE = (nn.ReLU,)


class _BatchedLinear(torch.autograd.Function):
    """y = x W^T + b for R runs at once, with weight gradients laid out like the weights.

    Automatic differentiation of `torch.baddbmm` returns them transposed, which costs the optimizer a
    strided pass.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return torch.baddbmm(bias.unsqueeze(1), inputs, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        inputs, weight = ctx.saved_tensors
        (grad,) = grads
        grad_inputs = torch.bmm(grad, weight) if ctx.needs_input_grad[0] else None
        return grad_inputs, torch.bmm(grad.transpose(1, 2), inputs), grad.sum(1)


class StackedLinear(nn.Module):
    """R linear layers as one: inputs [R, B, in], weight [R, out, in], bias [R, out], outputs [R, B, out]."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))
        for run, layer in enumerate(layers):
            layer.weight.data = self.weight.data[run]
            layer.bias.data = self.bias.data[run]

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply run r's layer to inputs[r]."""
        outputs: Tensor = _BatchedLinear.apply(inputs, self.weight, self.bias)
        return outputs


def stackable(model: nn.Module) -> bool:
    """Tell whether every layer of the network is of a kind that stacks."""
    leaves = [module for module in model.modules() if next(module.children(), None) is None]
    return all(
        isinstance(leaf, ELEMENTWISE) or (isinstance(leaf, nn.Linear) and leaf.bias is not None) for leaf in leaves
    )


def stack(models: Sequence[nn.Module]) -> nn.Module:
    """Return one module over [R, B, ...] inputs whose parameters carry the runs as leading dimension.

    The models' own parameters become views of the stack. Raises ValueError where a layer does not stack.
    """
    if not all(stackable(model) for model in models):
        raise ValueError("only networks of linear and elementwise layers can be stacked")
    program = copy.deepcopy(models[0])
    for name, layer in models[0].named_modules():
        if isinstance(layer, nn.Linear):
            program.set_submodule(name, StackedLinear([_linear(model, name) for model in models]))
    return program


def _linear(model: nn.Module, name: str) -> nn.Linear:
    layer = model.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    return layer
