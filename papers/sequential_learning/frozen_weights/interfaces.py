"""Where weights can freeze mutually: between a layer that makes channels and those that read them (Figure 2).

A channel has a row in the layer that makes it (its filter), perhaps a BatchNorm scale, and a column in every layer that
reads it (the slice of this input channel).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from common.models.resnet import ResidualBlock


@dataclass(frozen=True)
class Interface:
    """The channels that one layer makes, in the names of modules.

    `row` makes them, `scale` is the BatchNorm that scales them (None where it does not), `columns` are the layers that
    read them. `exclusive` where no other layer makes them and one layer reads them: only then do row, scale and column
    appear as nothing but a product (Definition 3).
    """

    row: str
    scale: str | None
    columns: tuple[str, ...]
    exclusive: bool


@dataclass
class _Producer:
    """A layer whose channels may still be read, scaled or added to those of another."""

    row: str
    scale: str | None = None
    columns: list[str] = field(default_factory=list)
    alone: bool = True


def interfaces(model: nn.Module) -> list[Interface]:
    """Return a network's interfaces in forward order; the output layer makes no channels.

    Knows chains of linear layers, convolutions, BatchNorm and layers without parameters, our residual blocks, and
    torchvision's ResNets. Raises ValueError for any other layer with parameters.
    """
    return [
        Interface(made.row, made.scale, tuple(made.columns), made.alone and len(made.columns) == 1)
        for made in _producers(model)
        if made.columns
    ]


def weight_layers(model: nn.Module) -> list[str]:
    """Return the names of the convolutions and linear layers in forward order, the output layer last.

    Raises ValueError where `interfaces` does.
    """
    return [made.row for made in _producers(model)]


def _producers(model: nn.Module) -> list[_Producer]:
    made: list[_Producer] = []
    _walk("", model, [], made)
    return made


def _walk(name: str, module: nn.Module, stream: list[_Producer], made: list[_Producer]) -> list[_Producer]:
    """Follow the channels through a module: who makes the ones that come in, and, returned, those that go out."""
    if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
        for producer in stream:
            producer.columns.append(name)
        made.append(_Producer(name))
        return made[-1:]
    if isinstance(module, _BatchNorm):
        for producer in stream if module.affine else ():
            if producer.scale is not None:
                raise ValueError(f"no rule for a second scale {name!r} on the channels of {producer.row!r}")
            producer.scale = name
        return stream
    if isinstance(module, ResidualBlock):
        return _add(name, [[("residual", module.residual)], [("shortcut", module.shortcut)]], stream, made)
    if _of_torchvision(module, "BasicBlock", "Bottleneck"):
        children = list(module.named_children())
        shortcut = [child for child in children if child[0] == "downsample"]
        return _add(name, [[child for child in children if child not in shortcut], shortcut], stream, made)
    if isinstance(module, nn.Sequential) or _of_torchvision(module, "ResNet"):
        return _chain(name, module.named_children(), stream, made)
    if next(module.parameters(), None) is None:
        return stream
    raise ValueError(f"no rule for the interfaces of {type(module).__name__} {name!r}")


def _chain(
    name: str, children: Iterable[tuple[str, nn.Module]], stream: list[_Producer], made: list[_Producer]
) -> list[_Producer]:
    for own, child in children:
        stream = _walk(f"{name}.{own}".lstrip("."), child, stream, made)
    return stream


def _add(
    name: str, branches: Sequence[Sequence[tuple[str, nn.Module]]], stream: list[_Producer], made: list[_Producer]
) -> list[_Producer]:
    """Follow the channels through branches whose outputs are added; an empty one is the identity."""
    added = [producer for branch in branches for producer in _chain(name, branch, stream, made)]
    for producer in added:
        producer.alone = False
    return added


def _of_torchvision(module: nn.Module, *names: str) -> bool:
    """Tell whether a module is one of torchvision's ResNet file, which is slow to import, by its class's name."""
    return type(module).__module__ == "torchvision.models.resnet" and type(module).__name__ in names
