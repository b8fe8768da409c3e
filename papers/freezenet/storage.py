"""A FreezeNet as one file: seed, coded mask and trained values (Section 3.3), in the layout of `file_format`."""

import hashlib
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common.errors import UsageError
from common.models import (
    Architecture,
    architecture_of,
    build,
    initialisation_of,
    initialise,
    lenet5_caffe,
    lenet_300_100,
    resnet34,
    resnet_mini,
    vgg16_d,
    vgg_mini,
    weight_tensors,
)
from papers.freezenet.file_format import MAGIC, MAX_WEIGHTS, VERSION, Array, Header, check_seed, pack, split, unpack
from papers.freezenet.mask_code import decode, encode
from papers.freezenet.masks import check_mask

__all__ = ["MAGIC", "MAX_WEIGHTS", "NETWORKS", "VERSION", "load", "save"]

NETWORKS = tuple(
    builder.__name__ for builder in (lenet_300_100, lenet5_caffe, vgg16_d, vgg_mini, resnet34, resnet_mini)
)
"""What a file may ask for: the networks of the paper and their small counterparts, whose depth no argument sets."""
_STORED_DTYPES: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype("<f4"),
    torch.int64: np.dtype("<i8"),
}
_BYTE: np.dtype[Any] = np.dtype("u1")


def save(path: str | os.PathLike[str], model: nn.Module, seed: int, mask: Mapping[str, Tensor]) -> int:
    """Store a network whose frozen weights are all initial, or all zero, and return the bytes written.

    The network must come from a builder of `common.models` and have gone through `initialise`; `seed` and the
    scheme noted there regenerate its frozen weights, the mask is True for the trained ones. A pruned network
    takes as many values as a FreezeNet (Section 3.3). The file appears whole or not at all, replacing an
    older one.

    Raises ValueError where the network lacks architecture or initialisation, is none of `NETWORKS`, has more than
    `MAX_WEIGHTS` weights or no longer the layout of its architecture, the mask does not fit it, the seed is outside
    [0, 2^63), or frozen weights are neither what the seed regenerates nor zero.
    """
    check_mask(model, mask)
    check_seed(seed)
    architecture, scheme = architecture_of(model), initialisation_of(model).scheme
    _check_name(architecture)
    fresh = build(architecture)
    _check_layout(model, fresh)
    _weight_shapes(fresh)
    initialise(fresh, scheme, seed)
    trained = {name: mask[name].cpu().numpy().reshape(-1) for name in weight_tensors(model)}
    values = {name: _flat(name, tensor) for name, tensor in model.state_dict().items()}
    frozen = {name: values[name][~part] for name, part in trained.items()}
    initial = {name: _flat(name, weight)[~trained[name]] for name, weight in weight_tensors(fresh).items()}
    code = encode(trained.values())
    header = Header(
        architecture=architecture.name,
        arguments=architecture.arguments,
        scheme=scheme,
        seed=seed,
        frozen=_origin(frozen, initial, f"{scheme} with seed {seed}"),
        frozen_sha256=_checksum(frozen.values()),
        trained=tuple(int(part.sum()) for part in trained.values()),
        mask_bytes=len(code),
    )
    stored = [values[name][part] for name, part in trained.items()]
    stored += [array for name, array in values.items() if name not in trained]
    parts = [code, *(array.tobytes() for array in stored)]
    return _write_whole(Path(path), pack(header, parts))


def load(path: str | os.PathLike[str]) -> nn.Module:
    """Rebuild a stored network, bit for bit, on the CPU and in evaluation mode.

    The file may come from anywhere: nothing in it is executed, and no tensor is made before the sizes in the
    header are bounded and fit the file. Raises UsageError, and nothing else, where it cannot be read, is damaged,
    incomplete, of another format or version or asks for what is none of `NETWORKS`, and where the random
    generator of this platform does not regenerate its frozen weights.
    """
    try:
        return _rebuild(*unpack(Path(path).read_bytes()))
    except OSError as error:
        raise UsageError(f"{os.fspath(path)} cannot be read: {error.strerror}; check the path") from error
    except ValueError as error:
        raise UsageError(f"{os.fspath(path)}: {error}; get the file, or train and save the network, again") from error


def _rebuild(header: Header, body: bytes) -> nn.Module:
    architecture = Architecture(header.architecture, header.arguments)
    weights, others = _layout(architecture)
    sizes = [shape.numel() for shape in weights.values()]
    counts = list(zip(header.trained, sizes, strict=False))
    if len(header.trained) != len(sizes) or any(not 0 <= count <= size for count, size in counts):
        raise ValueError("the counts of trained weights do not fit the architecture")
    kept_fields = [(_STORED_DTYPES[torch.float32], count) for count in header.trained]
    code, *arrays = split(body, [(_BYTE, header.mask_bytes), *kept_fields, *others.values()])
    masks = decode(code.tobytes(), counts)
    model = build(architecture)
    initialise(model, header.scheme, header.seed)
    state = model.state_dict()
    frozen = []
    for (name, shape), part, values in zip(weights.items(), masks, arrays, strict=False):
        kept = torch.from_numpy(part).view(shape)
        if header.frozen == "zero":
            state[name].masked_fill_(~kept, 0.0)
        frozen.append(_flat(name, state[name])[~part])
        state[name].masked_scatter_(kept, torch.from_numpy(values))
    if _checksum(frozen) != header.frozen_sha256:
        raise ValueError(
            "the random generator of this platform gives other frozen weights than the PyTorch version and the "
            "kind of machine that the file was written with"
        )
    for name, values in zip(others, arrays[len(weights) :], strict=True):
        state[name].copy_(torch.from_numpy(values).view(state[name].shape))
    return model.eval()


def _layout(architecture: Architecture) -> tuple[dict[str, torch.Size], dict[str, tuple[np.dtype[Any], int]]]:
    """Return the shapes of the weight tensors and (dtype, size) of all else, taking no memory for them.

    Raises ValueError for a network that no file may ask for.
    """
    _check_name(architecture)
    try:
        if any(number < 1 for _, number in architecture.arguments):
            raise ValueError("an argument below 1")
        with torch.device("meta"):
            skeleton = build(architecture)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"the header describes no network that can be built: {architecture}") from error
    weights, state = _weight_shapes(skeleton), skeleton.state_dict()
    return weights, {n: (_STORED_DTYPES[t.dtype], t.numel()) for n, t in state.items() if n not in weights}


def _check_name(architecture: Architecture) -> None:
    if architecture.name not in NETWORKS:
        raise ValueError(f"no network of FreezeNet: {architecture.name!r}; there are {', '.join(NETWORKS)}")


def _weight_shapes(model: nn.Module) -> dict[str, torch.Size]:
    """Return the shapes of the weight tensors; raise a ValueError where they are too large to be stored."""
    shapes = {name: weight.shape for name, weight in weight_tensors(model).items()}
    if sum(math.prod(shape) for shape in shapes.values()) > MAX_WEIGHTS:
        raise ValueError(f"more than {MAX_WEIGHTS} weights: {architecture_of(model)}")
    return shapes


def _check_layout(model: nn.Module, fresh: nn.Module) -> None:
    """Raise a ValueError unless a network has the tensors of its freshly built architecture."""
    actual, expected = ({n: (t.shape, t.dtype) for n, t in m.state_dict().items()} for m in (model, fresh))
    if list(actual) != list(expected):
        odd = ", ".join(sorted(actual.keys() ^ expected.keys())) or "their order"
        raise ValueError(f"the network is no longer what its architecture builds; they differ in {odd}")
    for name in actual:
        if actual[name] != expected[name]:
            raise ValueError(f"{name!r} is {actual[name]}, but the architecture builds {expected[name]}")


def _flat(name: str, tensor: Tensor) -> Array:
    """Return a tensor in index order with the dtype of the file."""
    if tensor.dtype not in _STORED_DTYPES:
        raise ValueError(f"{name!r} is {tensor.dtype}; only float32 values and int64 counters can be stored")
    return tensor.detach().cpu().numpy().reshape(-1).astype(_STORED_DTYPES[tensor.dtype])


def _origin(frozen: dict[str, Array], initial: dict[str, Array], draw: str) -> str:
    """Return "initial" or "zero", whichever all frozen weights are, bit for bit."""
    changed = [name for name in frozen if frozen[name].tobytes() != initial[name].tobytes()]
    if not changed:
        return "initial"
    not_zero = [name for name in frozen if frozen[name].view("<u4").any()]
    if not not_zero:
        return "zero"
    name = next((name for name in changed if name in not_zero), changed[0])
    raise ValueError(
        f"frozen weights of {name!r} are not what {draw} gives, nor are all frozen weights zero; "
        "give the right seed, or set them to zero by apply_pruning"
    )


def _checksum(arrays: Iterable[Array]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def _write_whole(path: Path, content: bytes) -> int:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return len(content)
