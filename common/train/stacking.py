"""Many networks of one architecture as one program.

Layers with parameters get a leading dimension for the runs and work as one operation: linear layers as a batched
product, BatchNorm side by side in the channels, convolutions so on a CPU and as a batched product of their windows on a
GPU. Elementwise layers act on any number of leading dimensions as they are. The networks that were stacked stay
ordinary modules: their parameters and buffers become views of the stack, so they always hold the current state.

Maps [R, B, C, H, W] lie in a CPU's memory as [B, H, W, R, C], so that the layers below read R * C channels without a
copy, in a GPU's as [R, B, H, W, C].
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.train.unfolded import Pair, unfolded_conv2d

ELEMENTWISE = (nn.ReLU, nn.Identity)
WIDEST = {"cpu": 32, "cuda": 64}
"""Channels of a convolution beyond which networks are no slower one after another: on a CPU for its grouped
convolutions, on a GPU because one network is work enough."""


class _BatchedLinear(torch.autograd.Function):
    """y = x W^T + b for R runs at once, with weight gradients laid out like the weights.

    Automatic differentiation of `torch.baddbmm` returns them transposed, which costs the optimizer a
    strided pass.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.has_bias = bias is not None
        if bias is None:
            return torch.bmm(inputs, weight.transpose(1, 2))
        return torch.baddbmm(bias.unsqueeze(1), inputs, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        inputs, weight = ctx.saved_tensors
        (grad,) = grads
        grad_inputs = torch.bmm(grad, weight) if ctx.needs_input_grad[0] else None
        grad_bias = grad.sum(1) if ctx.has_bias else None
        return grad_inputs, torch.bmm(grad.transpose(1, 2), inputs), grad_bias


class StackedLinear(nn.Module):
    """R linear layers as one: inputs [R, B, in], weight [R, out, in], bias [R, out] or None, outputs [R, B, out]."""

    bias: Tensor | None

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        _share_parameters(self, layers, torch.stack)

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply run r's layer to inputs[r]."""
        outputs: Tensor = _BatchedLinear.apply(inputs, self.weight, self.bias)
        return outputs


class StackedConv2d(nn.Module):
    """R convolutions as one: maps [R, B, in, H, W], weight [R, out, in, kH, kW], bias [R, out] or None."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layers: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        self.stride, self.padding, self.dilation = (
            _pair(sizes) for sizes in (layers[0].stride, layers[0].padding, layers[0].dilation)
        )
        _share_parameters(self, layers, _stacked_channels_last)

    def forward(self, maps: Tensor) -> Tensor:
        """Apply run r's layer to maps[r]."""
        if unfolds(maps.device):
            return unfolded_conv2d(maps, self.weight, self.bias, self.stride, self.padding, self.dilation)
        runs = len(maps)
        bias = None if self.bias is None else self.bias.flatten()
        weight = self.weight.flatten(0, 1)
        merged = _merged(maps)
        return _split(F.conv2d(merged, weight, bias, self.stride, self.padding, self.dilation, groups=runs), runs)


class StackedBatchNorm(nn.Module):
    """R BatchNorm layers as one: maps [R, B, C, H, W] or features [R, B, C]; all of its own tensors are [R, C].

    `inference`, bool [R], makes some runs use their running statistics, and leave them alone, while the others train.
    """

    weight: Tensor | None
    bias: Tensor | None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layers: Sequence[nn.BatchNorm1d | nn.BatchNorm2d]) -> None:
        super().__init__()
        self.momentum, self.eps = layers[0].momentum or 0.0, layers[0].eps
        self.inference: Tensor | None = None
        _share_parameters(self, layers, torch.stack)
        for name, _ in layers[0].named_buffers():
            self.register_buffer(name, torch.stack([layer.get_buffer(name) for layer in layers]))
            for run, layer in enumerate(layers):
                layer.register_buffer(name, self.get_buffer(name)[run])

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise run r's inputs with its own statistics, those of the batch in training mode."""
        runs, merged = len(inputs), _merged(inputs)
        scale, shift = (None if own is None else own.flatten() for own in (self.weight, self.bias))
        mean, var = self.running_mean.view(-1), self.running_var.view(-1)
        if not self.training or self.inference is None:
            if self.training:
                self.num_batches_tracked += 1
            return _split(F.batch_norm(merged, mean, var, scale, shift, self.training, self.momentum, self.eps), runs)
        updated = mean.clone(), var.clone()
        kept = mean.clone(), var.clone()  # what the backward pass reads must not change below
        of_batch = _split(F.batch_norm(merged, *updated, scale, shift, True, self.momentum, self.eps), runs)
        of_running = _split(F.batch_norm(merged, *kept, scale, shift, False, self.momentum, self.eps), runs)
        for statistic, old, new in zip((self.running_mean, self.running_var), kept, updated, strict=True):
            statistic.copy_(torch.where(self.inference[:, None], old.view(runs, -1), new.view(runs, -1)))
        self.num_batches_tracked += (~self.inference).long()
        return torch.where(self.inference.view(-1, *[1] * (inputs.dim() - 1)), of_running, of_batch)


class StackedPool2d(nn.Module):
    """A pool over maps [R, B, C, H, W]."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.pool = copy.copy(layers[0])

    def forward(self, maps: Tensor) -> Tensor:
        """Pool every map."""
        if maps.stride(0) > maps.stride(1):  # the runs lie one after another
            pooled: Tensor = self.pool(maps.flatten(0, 1))
            return pooled.view(*maps.shape[:2], *pooled.shape[1:])
        return _split(self.pool(_merged(maps)), len(maps))


STACKED: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    nn.Linear: StackedLinear,
    nn.Conv2d: StackedConv2d,
    nn.BatchNorm1d: StackedBatchNorm,
    nn.BatchNorm2d: StackedBatchNorm,
    nn.MaxPool2d: StackedPool2d,
    nn.AvgPool2d: StackedPool2d,
    nn.AdaptiveAvgPool2d: StackedPool2d,
}


def unfolds(device: torch.device) -> bool:
    """Tell whether a device convolves the maps of many runs unfolded: a GPU does, for lack of grouped kernels."""
    return device.type != "cpu"


def stackable(model: nn.Module, device: torch.device) -> bool:
    """Tell whether every layer of the network stacks, and gains by it on a device.

    Only layers of exactly the known kinds do, for one derived from them may compute something else; and whatever has
    layers inside may hold no parameters or buffers of its own.
    """
    widest = WIDEST["cuda" if unfolds(device) else "cpu"]
    return all(_stacks(module, widest) for module in model.modules())


def _stacks(module: nn.Module, widest: int) -> bool:
    if next(module.children(), None) is not None:
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        return not own
    if type(module) not in (nn.Flatten, *ELEMENTWISE, *STACKED):
        return False
    if isinstance(module, nn.Conv2d):
        small = module.out_channels <= widest
        return small and module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return module.track_running_stats and module.momentum is not None
    return not isinstance(module, nn.Flatten) or (module.start_dim == -3 and module.end_dim == -1)


def stack(models: Sequence[nn.Module]) -> nn.Module:
    """Return one module over [R, B, ...] inputs whose parameters carry the runs as leading dimension.

    The models' own parameters and buffers become views of the stack. Raises ValueError where a layer does not stack.
    """
    device = next(models[0].parameters()).device
    if not all(stackable(model, device) for model in models):
        raise ValueError("these networks cannot be stacked: a layer is of another kind, or too wide to gain by it")
    program = copy.deepcopy(models[0])
    for name, layer in models[0].named_modules():
        if type(layer) in STACKED:
            program.set_submodule(name, STACKED[type(layer)]([model.get_submodule(name) for model in models]))
    return program


def _pair(sizes: Any) -> Pair:
    height, width = sizes
    return height, width


def _share_parameters(
    stacked: nn.Module, layers: Sequence[nn.Module], together: Callable[[list[Tensor]], Tensor]
) -> None:
    """Give the stack its layers' parameters with a leading dimension, and make theirs views of it."""
    for name in ("weight", "bias"):
        if getattr(layers[0], name) is None:
            stacked.register_parameter(name, None)
            continue
        stacked.register_parameter(
            name, nn.Parameter(together([layer.get_parameter(name).detach() for layer in layers]))
        )
        for run, layer in enumerate(layers):
            layer.get_parameter(name).data = stacked.get_parameter(name).data[run]


def _stacked_channels_last(tensors: list[Tensor]) -> Tensor:
    """Stack weights [out, in, kH, kW] with their input channels last in memory; other tensors as they are."""
    stacked = torch.stack(tensors)
    if stacked.dim() != 5:
        return stacked
    flat = stacked.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return flat.view(stacked.shape)


def _merged(inputs: Tensor) -> Tensor:
    """View maps [R, B, C, H, W] as [B, R * C, H, W], channels last; a copy only where they lie otherwise.

    Features [R, B, C] become [B, R * C].
    """
    side_by_side = inputs.transpose(0, 1).flatten(1, 2)
    return side_by_side.contiguous(memory_format=torch.channels_last) if inputs.dim() == 5 else side_by_side


def _split(merged: Tensor, runs: int) -> Tensor:
    """View maps [B, R * C, H, W] as [R, B, C, H, W], features [B, R * C] as [R, B, C]."""
    return merged.view(len(merged), runs, -1, *merged.shape[2:]).transpose(0, 1)
