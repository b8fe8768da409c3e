"""How a network says what it is, so that it can be rebuilt and its first weights redrawn."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

import torch
from torch import nn

P = ParamSpec("P")

_BUILDERS: dict[str, Callable[..., nn.Module]] = {}


@dataclass(frozen=True)
class Architecture:
    """The builder of a network and all its arguments, defaults included."""

    name: str
    arguments: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Initialisation:
    """The scheme and the seed which a network's weights were drawn with."""

    scheme: str
    seed: int


def register(builder: Callable[P, nn.Module]) -> Callable[P, nn.Module]:
    """Make `builder` known to `build` and let its networks carry their `architecture`.

    Building neither reads nor moves the CPU's global random state: the weights a network has before
    `initialise` are the framework's defaults, the same every time.
    """
    signature = inspect.signature(builder)

    @wraps(builder)
    def described(*args: P.args, **kwargs: P.kwargs) -> nn.Module:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            model = builder(*args, **kwargs)
        described_as = Architecture(builder.__name__, tuple(bound.arguments.items()))
        model.architecture = described_as  # type: ignore[assignment]  # typed for tensors and modules only
        return model

    _BUILDERS[builder.__name__] = described
    return described


def architecture(builder: Callable[..., nn.Module], **arguments: int) -> Architecture:
    """Return the description of the network that a builder makes of its arguments."""
    return Architecture(builder.__name__, tuple(sorted(arguments.items())))


def build(architecture: Architecture) -> nn.Module:
    """Build the network that an `architecture` describes.

    Raises ValueError where no builder has that name.
    """
    builder = _BUILDERS.get(architecture.name)
    if builder is None:
        raise ValueError(f"no architecture {architecture.name!r}; there are {', '.join(sorted(_BUILDERS))}")
    return builder(**dict(architecture.arguments))


def architecture_of(model: nn.Module) -> Architecture:
    """Return what the network says it is. Raises ValueError where no builder of `common.models` made it."""
    architecture = vars(model).get("architecture")
    if not isinstance(architecture, Architecture):
        raise ValueError("the network carries no architecture: build it with a builder of common.models")
    return architecture


def initialisation_of(model: nn.Module) -> Initialisation:
    """Return how the network's weights were drawn. Raises ValueError where `initialise` did not draw them."""
    initialisation = vars(model).get("initialisation")
    if not isinstance(initialisation, Initialisation):
        raise ValueError("the network's weights come from no known seed: call common.models.initialise")
    return initialisation
