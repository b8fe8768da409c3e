"""Networks pretrained on ImageNet, from torchvision's published weights, and the input that they were trained on.

FAST (Section 6) keeps the feature extractor of such a network and lays its last linear layer aside.
"""

import hashlib
import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlparse

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.errors import UsageError

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

LAST_LAYERS = {
    "resnet18": "fc",
    "resnet50": "fc",
    "vgg19": "classifier.6",
    "densenet201": "classifier",
    "resnext101_32x8d": "fc",
}
"""The networks that `backbone` knows, by torchvision's names, and where their last linear layer sits."""

_UNREADABLE = (EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError)
_NAMED_KEYS = 10


class ImageNetInput(nn.Module):
    """Turn images into what the pretrained networks expect; it has no parameters and saves nothing.

    Grey becomes three equal channels, images are resized bilinearly with antialias to `side` x `side` (None leaves
    their size), and ImageNet's channel means and standard deviations are taken out.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, side: int | None) -> None:
        super().__init__()
        self.side = side
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, 1 or 3, H, W], uint8 in 0..255 or floats in [0, 1], to float32 [B, 3, side, side].

        Raises ValueError for images of another shape or type.
        """
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(f"images must have the shape [B, 1 or 3, H, W], not {list(images.shape)}")
        if images.dtype != torch.uint8 and not images.is_floating_point():
            raise ValueError(f"images must be uint8 or floats, not {images.dtype}")
        unit = images.float() / 255 if images.dtype == torch.uint8 else images.float()
        if self.side is not None:
            unit = F.interpolate(unit, (self.side, self.side), mode="bilinear", align_corners=False, antialias=True)
        return (unit - self.mean) / self.std  # one grey channel meets three means


def backbone(name: str, folder: Path) -> tuple[nn.Module, nn.Linear]:
    """Return a network of LAST_LAYERS with its ImageNet weights: the extractor, and its last layer, kept aside.

    The extractor maps normalised images [B, 3, H, W] to features [B, D]; VGG-19's ends with its dropout. The last
    layer maps features to 1000 logits. Both are in training mode, on the CPU. The weights are torchvision's
    IMAGENET1K_V1, in the file that torchvision names, from `folder` or else from the cache of torch.hub; nothing is
    downloaded. Raises UsageError where the file is missing, damaged or does not fit; ValueError for an unknown name.
    """
    network, url = _published(name)
    path = _weights_file(name, url, folder)
    _fill(network, _state(path), path)
    return _divided(name, network)


def _published(name: str) -> tuple[nn.Module, str]:
    """Return a network without memory for its parameters, and where torchvision publishes its weights."""
    from torchvision import models  # slow to import: only who asks for these networks waits

    if name not in LAST_LAYERS:
        raise ValueError(f"no pretrained network {name!r}; there are {', '.join(LAST_LAYERS)}")
    with torch.device("meta"):
        network: nn.Module = models.get_model(name)
    return network, models.get_model_weights(name).IMAGENET1K_V1.url


def _weights_file(name: str, url: str, folder: Path) -> Path:
    """Return the file of published weights, from `folder` or torch.hub's cache; raise UsageError if in neither."""
    file = Path(urlparse(url).path).name
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    for path in (folder / file, cache / file):
        try:
            if path.is_file():
                return path
        except OSError as error:
            raise UsageError(f"weights {path} cannot be read: {error.strerror}") from error
    call = f"torch.hub.load_state_dict_from_url({url!r}, model_dir={str(folder)!r}, check_hash=True)"
    raise UsageError(
        f"no ImageNet weights for {name!r}: {file} is neither in {folder} nor in {cache}; "
        f'get it with: python -c "import torch; {call}"'
    )


def _state(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a file <name>-<first digits of its SHA-256>.pth; raise UsageError where damaged."""
    promised = path.stem.rpartition("-")[2]
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(promised):
            raise ValueError(f"its SHA-256 is {digest[: len(promised)]}..., not {promised}...")
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
            raise ValueError("it holds something other than tensors by name")
    except _UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(f"weights {path} are corrupt: {reason}; delete the file and get it again") from error
    return {_today(key): value for key, value in state.items()}


def _today(key: str) -> str:
    """Return the present name of a tensor: the file of DenseNet has denselayer1.norm.1 for denselayer1.norm1."""
    return re.sub(r"(\.denselayer\d+\.(?:norm|conv))\.(?=[12]\.)", r"\1", key)


def _fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Give the network the tensors of `state` themselves; raise UsageError, naming keys, where they do not fit.

    Files from before BatchNorm counted its batches lack these counts, which then begin at 0.
    """
    own = network.state_dict()
    common = [(key, value, own[key]) for key, value in state.items() if key in own]
    misshapen = {k: f"{k} {list(v.shape)} for {list(o.shape)}" for k, v, o in common if v.shape != o.shape}
    mistyped = {k: f"{k} {v.dtype} for {o.dtype}" for k, v, o in common if v.dtype != o.dtype}
    fitting = {key: value for key, value in state.items() if key not in misshapen and key not in mistyped}
    missing, unexpected = network.load_state_dict(fitting, strict=False, assign=True)
    problems = {
        "missing": [key for key in missing if key not in misshapen and key not in mistyped],
        "unexpected": unexpected,
        "of another shape": [*misshapen.values()],
        "of another type": [*mistyped.values()],
    }
    found = [f"{what} {_few(keys)}" for what, keys in problems.items() if keys]
    if found:
        raise UsageError(f"weights {path} do not fit this version of torchvision's network: {'; '.join(found)}")


def _few(keys: Sequence[str]) -> str:
    """Name the first keys and say how many more there are."""
    more = len(keys) - _NAMED_KEYS
    return ", ".join(keys[:_NAMED_KEYS]) + (f" and {more} more" if more > 0 else "")


def _divided(name: str, network: nn.Module) -> tuple[nn.Module, nn.Linear]:
    """Take a network's last layer out, in place, and return (extractor, last layer)."""
    last = network.get_submodule(LAST_LAYERS[name])
    if not isinstance(last, nn.Linear):
        raise TypeError(f"the last layer of {name!r} is no linear layer but {last}")
    network.set_submodule(LAST_LAYERS[name], nn.Identity())
    return network, last
