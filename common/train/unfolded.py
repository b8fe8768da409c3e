"""Convolutions of many runs as one batched matrix product over unfolded maps.

GPUs have no fast kernels for grouped convolutions, which convolutions side by side in the channels are.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Pair = tuple[int, int]
"""A number for the height and one for the width."""


def unfolded_conv2d(
    maps: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, dilation: Pair
) -> Tensor:
    """Convolve run r's maps with run r's kernels; [R, B, out, H', W'], channels last in memory.

    `maps` [R, B, C, H, W], `weight` [R, out, C, kH, kW], `bias` [R, out] or None.
    """
    outputs: Tensor = _UnfoldedConv2d.apply(maps, weight, bias, stride, padding, dilation)
    return outputs


class _UnfoldedConv2d(torch.autograd.Function):
    """Columns of all windows, times the kernels; the windows' gradients are added up kernel position by position."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, dilation: Pair
    ) -> Tensor:
        windows = _windows(maps, (weight.shape[3], weight.shape[4]), stride, padding, dilation)
        columns = windows.reshape(len(maps), -1, weight[0, 0].numel())
        ctx.save_for_backward(columns, weight)
        ctx.how, ctx.has_bias = (stride, padding, dilation), bias is not None
        ctx.maps, ctx.windows = maps.shape, windows.shape
        kernels = _kernels(weight).transpose(1, 2)
        outputs = torch.bmm(columns, kernels) if bias is None else torch.baddbmm(bias.unsqueeze(1), columns, kernels)
        return outputs.view(*windows.shape[:4], -1).permute(0, 1, 4, 2, 3)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        columns, weight = ctx.saved_tensors
        grad = grads[0].permute(0, 1, 3, 4, 2).reshape(*columns.shape[:2], -1)  # [R, B * H' * W', out]
        shape = (*weight.shape[:2], *weight.shape[3:], weight.shape[2])
        grad_weight = torch.bmm(grad.transpose(1, 2), columns).view(shape).permute(0, 1, 4, 2, 3)
        grad_bias = grad.sum(1) if ctx.has_bias else None
        grad_maps = None
        if ctx.needs_input_grad[0]:
            grad_maps = _folded(torch.bmm(grad, _kernels(weight)).view(ctx.windows), ctx.maps, *ctx.how)
        return grad_maps, grad_weight, grad_bias, None, None, None


def _windows(maps: Tensor, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Tensor:
    """View the windows of all positions, [R, B, H', W', kH, kW, C]."""
    (height, width), (down, right) = padding, dilation
    padded = F.pad(maps, (width, width, height, height)) if height or width else maps
    spans = [step * (side - 1) + 1 for side, step in zip(size, dilation, strict=True)]
    windows = padded.unfold(3, spans[0], stride[0]).unfold(4, spans[1], stride[1])
    return windows[..., ::down, ::right].permute(0, 1, 3, 4, 5, 6, 2)


def _folded(windows: Tensor, shape: torch.Size, stride: Pair, padding: Pair, dilation: Pair) -> Tensor:
    """Add up windows [R, B, H', W', kH, kW, C] where they lay in maps of a shape [R, B, C, H, W]."""
    runs, batch, channels, height, width = shape
    (top, left), (across, along) = padding, windows.shape[2:4]
    padded = windows.new_zeros(runs, batch, height + 2 * top, width + 2 * left, channels)
    for i in range(windows.shape[4]):
        for j in range(windows.shape[5]):
            first = i * dilation[0], j * dilation[1]
            rows = slice(first[0], first[0] + stride[0] * (across - 1) + 1, stride[0])
            columns = slice(first[1], first[1] + stride[1] * (along - 1) + 1, stride[1])
            padded[:, :, rows, columns] += windows[:, :, :, :, i, j]
    return padded[:, :, top : top + height, left : left + width].permute(0, 1, 4, 2, 3)


def _kernels(weight: Tensor) -> Tensor:
    """Lay kernels [R, out, C, kH, kW] out like the columns, [R, out, kH * kW * C]."""
    return weight.permute(0, 1, 3, 4, 2).flatten(2)
