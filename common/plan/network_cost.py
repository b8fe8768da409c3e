"""How much work a network is, for plans, for the order of jobs, and for what fits a device."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from common.models.architecture import Architecture, build
from common.models.weights import WEIGHT_LAYERS
from common.train.evaluate import BATCH, STACK_BATCH
from common.train.stacking import WIDEST, stackable
from common.work import Work

_FLOAT = 4  # bytes
_STEP_CALLS = 10  # operator calls of a step beside its layers and parameters: indexing, the loss, bookkeeping
_VIEWS = (nn.Flatten, nn.Identity)


@dataclass(frozen=True)
class NetworkCost:
    """What a network is, and what its forward pass takes for one image.

    `operations` count a multiplication and an addition a weight of convolutions and linear layers; `convolved` are
    those in convolutions, `first` those of the first such layer. `activations` are the values that all layers put out,
    `largest` those of one layer. `layers` counts all of them, `products` convolutions and linear layers, `tensors` and
    `parameters` what is trained. `stacks` is as in `Work`; `windows` are the values of all windows of the convolutions,
    which a GPU holds where it stacks them, `largest_windows` those of one layer.
    """

    operations: int = 0
    convolved: int = 0
    first: int = 0
    activations: int = 0
    largest: int = 0
    layers: int = 0
    products: int = 0
    tensors: int = 0
    parameters: int = 0
    windows: int = 0
    largest_windows: int = 0
    stacks: frozenset[str] = frozenset()

    def training(self, images: float, batch_size: int, epochs: float = 1, buffers: int = 1) -> Work:
        """Return the work of training: forward, backward without the gradient of the images, and the update.

        `buffers` is the number of values that the optimizer keeps for a parameter. A step reads the weights forward
        and backward, writes and reads gradients, reads and writes weights and buffers; a layer's output is written,
        read twice, and so is its gradient. Windows are written and read twice, their gradients written and read.
        """
        steps, shown = epochs * math.ceil(images / batch_size), epochs * images
        backward = 2 * self.operations - self.first
        of_an_image = self.activations + 2 * self.largest + self.windows + self.largest_windows
        held = self.parameters * (3 + buffers) + of_an_image * min(batch_size, images)
        return Work(
            operations=shown * (self.operations + backward),
            convolved=shown * (3 * self.convolved - (self.first if self.convolved else 0)),
            bytes=_FLOAT * (steps * self.parameters * (6 + 2 * buffers) + shown * 6 * self.activations),
            calls=steps * (2 * self.layers + self.products + self.tensors * (1 + 2 * buffers) + _STEP_CALLS),
            products=steps * max(3 * self.products - 1, 0),
            unfolded=_FLOAT * shown * 5 * self.windows,
            memory=_FLOAT * held,
            stacks=self.stacks,
        )

    def evaluation(self, images: float, times: float = 1) -> Work:
        """Return the work of forward passes over so many images, so many times."""
        parts, at_once = math.ceil(images / BATCH), min(images, STACK_BATCH if "cuda" in self.stacks else BATCH)
        return Work(
            operations=times * images * self.operations,
            convolved=times * images * self.convolved,
            bytes=_FLOAT * times * (parts * self.parameters + 2 * images * self.activations),
            calls=times * parts * (self.layers + 4),
            products=times * parts * self.products,
            unfolded=_FLOAT * times * images * 2 * self.windows,
            memory=_FLOAT * (self.parameters + (2 * self.largest + self.largest_windows) * at_once),
            stacks=self.stacks,
        )


_SAME = (nn.ReLU, nn.Dropout, nn.BatchNorm1d, nn.BatchNorm2d)
_SHAPED = (*_SAME, *WEIGHT_LAYERS, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)


def _shaped(layer: Any, inputs: Tensor) -> Tensor:
    """Return zeros of the shape that a layer puts out.

    torch's own device without memory would tell the shape too, but first import its compiler, for seconds.
    """
    shape = list(inputs.shape)
    if isinstance(layer, nn.Linear):
        shape[-1] = layer.out_features
    elif isinstance(layer, nn.AdaptiveAvgPool2d):
        shape[-2:] = _pair(layer.output_size)
    elif not isinstance(layer, _SAME):
        shape[-2:] = _sides(layer, shape[-2:])
    if isinstance(layer, nn.Conv2d):
        shape[-3] = layer.out_channels
    return inputs.new_zeros(shape)


def _sides(layer: Any, sides: Sequence[int]) -> list[int]:
    """Return the sides of the maps that a convolution or a pool puts out."""
    windows = zip(
        sides,
        *(_pair(of) for of in (layer.kernel_size, layer.stride, layer.padding, getattr(layer, "dilation", 1))),
        strict=True,
    )
    spare = [(n + 2 * pad - d * (k - 1) - 1, step) for n, k, step, pad, d in windows]
    up = getattr(layer, "ceil_mode", False)
    return [(-(-room // step) if up else room // step) + 1 for room, step in spare]


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


@lru_cache
def architecture_cost(architecture: Architecture, size: tuple[int, ...]) -> NetworkCost:
    """Return the cost of a network of `common.models` on images of one shape."""
    return network_cost(lambda: build(architecture), size)


@lru_cache
def published_cost(name: str, side: int) -> NetworkCost:
    """Return the cost of one of torchvision's networks, by its name there, on images [3, side, side]."""
    from torchvision import models  # slow to import: only who asks for these networks waits

    return network_cost(lambda: models.get_model(name), (3, side, side))


def network_cost(builder: Callable[[], nn.Module], size: tuple[int, ...]) -> NetworkCost:
    """Return the cost of the network that `builder` returns; layers are not computed, and weights take no memory.

    `size` is the shape of one image. Only convolutions and linear layers count as operations.
    """
    found = NetworkCost()

    def count(layer: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal found
        values = output[0].numel()
        found = replace(
            found,
            activations=found.activations + values,
            largest=max(found.largest, values),
            layers=found.layers + 1,
        )
        if isinstance(layer, WEIGHT_LAYERS):
            positions = output[0, 0].numel() if output.dim() > 2 else 1
            operations = 2 * positions * layer.get_parameter("weight").numel()
            found = replace(
                found,
                operations=found.operations + operations,
                convolved=found.convolved + (0 if isinstance(layer, nn.Linear) else operations),
                first=found.first or operations,
                products=found.products + 1,
            )
        if isinstance(layer, nn.Conv2d):
            windows = output[0, 0].numel() * layer.get_parameter("weight")[0].numel()
            found = replace(found, windows=found.windows + windows, largest_windows=max(found.largest_windows, windows))

    with torch.device("meta"):
        model = builder().eval()
    for layer in list(model.modules()):
        if not any(layer.children()) and not isinstance(layer, _VIEWS):
            layer.register_forward_hook(count)
            if isinstance(layer, _SHAPED):
                layer.forward = partial(_shaped, layer)  # type: ignore[method-assign]  # of this throw-away network
    with torch.no_grad():
        model(torch.zeros(1, *size))
    parameters = list(model.parameters())
    stacks = frozenset(kind for kind in WIDEST if stackable(model, torch.device(kind)))
    if "cuda" not in stacks:
        found = replace(found, windows=0, largest_windows=0)
    return replace(
        found,
        tensors=len(parameters),
        parameters=sum(parameter.numel() for parameter in parameters),
        stacks=stacks,
    )
