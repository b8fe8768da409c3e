"""Every convolution of every declared network, in the ways it is trained and scored, against double precision."""

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.experiment import Tier
from common.models.architecture import build
from common.package import find_packages
from common.plan import network_cost
from common.train.stacking import WIDEST, StackedConv2d, stackable
from common.train.unfolded import unfolded_conv2d

BLOCK = 16  # channels that the widest processors' kernels take at once
CHEAP = 5e7  # multiplications of a batch; heavier ones are small batches


@dataclass(frozen=True)
class Shape:
    """A convolution and the maps it is given, without their number."""

    inputs: int
    outputs: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    sides: tuple[int, int]

    def __str__(self):
        kernel, sides = ("x".join(map(str, size)) for size in (self.kernel, self.sides))
        return f"{self.inputs}-{self.outputs}-{kernel}-stride{self.stride[0]}-groups{self.groups}-on-{sides}"

    @property
    def weight(self):
        return (self.outputs, self.inputs // self.groups, *self.kernel)

    @property
    def batch(self):
        """Take 16 images where they are cheap: fewer do not reach the fast kernels of 1x1 convolutions."""
        positions = math.prod(side / step for side, step in zip(self.sides, self.stride, strict=True))
        return 16 if 16 * positions * math.prod(self.weight) <= CHEAP else 2

    def applied(self, maps, weight):
        return F.conv2d(maps, weight, None, self.stride, self.padding, self.dilation, self.groups)


def noted(found, network):
    """Let a network note the shapes of its convolutions, and the kinds of device on which it stacks."""
    kinds = {kind for kind in WIDEST if stackable(network, torch.device(kind))}

    def note(layer, inputs):
        sizes = layer.kernel_size, layer.stride, layer.padding, layer.dilation
        found[Shape(layer.in_channels, layer.out_channels, *sizes, layer.groups, tuple(inputs[0].shape[2:]))] |= kinds

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(note)
    return network


@cache
def declared():
    """Return the convolutions of all networks of all experiments of both tiers, and where they train as a stack.

    What a cell says of its work names its network and the shape of its images.
    """
    found, cost = defaultdict(set), network_cost.network_cost
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_cost, "network_cost", lambda builder, size: cost(lambda: noted(found, builder()), size))
        network_cost.architecture_cost.cache_clear()
        network_cost.published_cost.cache_clear()
        for experiment in (own for package in find_packages() for own in package.experiments):
            for cell in {cell for tier in Tier for cell in experiment.grid(tier).cells}:
                experiment.procedure.work(cell)
                if hasattr(cell.setting, "shape"):  # properties on random images count no work
                    network_cost.network_cost(partial(build, cell.setting.model), cell.setting.shape)
    return dict(found)


def gradients(apply, maps, weight, direction):
    """Return the gradients by maps and weight of what `apply` makes of both, along a direction."""
    maps, weight = maps.detach().requires_grad_(), weight.detach().requires_grad_()
    return torch.autograd.grad(apply(maps, weight), [maps, weight], direction)


def drawn(shape, runs):
    """Return maps [R, B, in, H, W], weights [R, out, in, kH, kW] and a direction, and the exact gradients."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(runs, shape.batch, shape.inputs, *shape.sides, generator=generator)
    weight = torch.randn(runs, *shape.weight, generator=generator)
    with torch.device("meta"):
        outputs = shape.applied(torch.empty(maps.shape[1:]), torch.empty(shape.weight)).shape
    given = maps, weight, torch.randn(runs, *outputs, generator=generator)
    exact = [gradients(shape.applied, *map(torch.Tensor.double, own)) for own in zip(*given, strict=True)]
    return given, [torch.stack(own) for own in zip(*exact, strict=True)]


def stacked(shape, maps, weight, direction):
    """Return the gradients that a stack of convolutions computes."""
    sizes = shape.kernel, shape.stride, shape.padding, shape.dilation
    stack = StackedConv2d([nn.Conv2d(shape.inputs, shape.outputs, *sizes, bias=False) for _ in maps])
    with torch.no_grad():
        stack.weight.copy_(weight)
    maps = maps.detach().requires_grad_()
    return torch.autograd.grad(stack(maps), [maps, stack.weight], direction)


def computed(shape, kinds):
    """Yield every way that a convolution is computed in, its gradients, and the exact ones."""
    given, exact = drawn(shape, 1)
    alone, of_one = [tensor[0] for tensor in given], [gradient[0] for gradient in exact]
    yield "as it is built", gradients(shape.applied, *alone), of_one
    last = [tensor.contiguous(memory_format=torch.channels_last) for tensor in alone]
    yield "alone", gradients(shape.applied, *last), of_one
    if "cpu" in kinds:
        yield "stack of 1", stacked(shape, *given), exact
        given, exact = drawn(shape, 3)
        yield "stack of 3", stacked(shape, *given), exact
    if "cuda" in kinds:
        sizes = {"stride": shape.stride, "padding": shape.padding, "dilation": shape.dilation}
        yield "unfolded", gradients(partial(unfolded_conv2d, bias=None, **sizes), *given), exact


def error(gradient, exact):
    """Return how far a gradient is from the exact one, relative to it."""
    return ((gradient.double() - exact).norm() / exact.norm()).item()


def test_gradients_are_those_of_double_precision_in_every_way_that_a_convolution_is_computed():
    errors = {
        f"{shape}, {way}, by {name}": error(*pair)
        for shape, kinds in declared().items()
        for way, *both in computed(shape, kinds)
        for name, *pair in zip(("maps", "weight"), *both, strict=True)
    }
    assert not {name: found for name, found in errors.items() if not found < 1e-5}


def test_no_strided_1x1_convolution_has_fewer_channels_than_a_kernel_takes_at_once():
    """Of these, oneDNN computes gradients beyond its memory: wrong ones, or none (`common.models.resnet`)."""
    strided = [shape for shape in declared() if shape.kernel == (1, 1) and shape.stride != (1, 1)]
    assert not [str(shape) for shape in strided if shape.inputs // shape.groups < BLOCK]
