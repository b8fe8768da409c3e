"""A FreezeNet as one file: seed, entropy-coded mask and trained values; and the sizes of Table 2.

Layout, little-endian throughout: magic, format version (uint16), length of the header (uint32), header
(JSON), mask, values, SHA-256 of all bytes before it. The header names the architecture, the initialisation
scheme and seed, what the frozen weights are ("initial" or, in a pruned network, "zero") with a checksum of
them, and how many weights of each tensor are trained. The mask is one range-coded stream of 32-bit words; the
share of trained weights of a tensor, rounded to a multiple of 2^-20, is the probability its entries are coded
with. The values are the trained weights of each tensor in index order, then every bias, BatchNorm parameter
and BatchNorm statistic, as float32; batch counters are int64.
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import constriction
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from common.models import Architecture, architecture_of, build, initialisation_of, initialise, weight_tensors
from papers.freezenet.masks import Rate, check_mask, exact_rate

MAGIC = b"FREEZNET"
VERSION = 1
MAX_WEIGHTS = 2**28  # 1 GiB of float32, twelve times a ResNet34: a file that claims more is not believed

_PREFIX = struct.Struct("<8sHI")
_DIGEST_SIZE = hashlib.sha256().digest_size
_STORED_DTYPES: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype("<f4"),
    torch.int64: np.dtype("<i8"),
}
_WORD: np.dtype[Any] = np.dtype("<u4")
_PROBABILITY_STEPS = 2**20

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NetworkSize:
    """Size without mask and seed, in kB of 1,024 bytes, and the factor by which the dense network is larger.

    `printed_kb` and `printed_factor` are computed as Table 2 does, rounded to 0.1; `exact_kb` takes four
    bytes for each trainable weight and each bias, and `exact_factor` divides sizes before they are rounded.
    """

    printed_kb: float
    printed_factor: float
    exact_kb: float
    exact_factor: float


def network_size(weights: int, biases: int, trainable: int, freezing_rate: Rate) -> NetworkSize:
    """Return the network size and compression factor of Table 2, as printed and exact.

    Takes |W|, |B|, the number of trainable weights |m|_0, and q; raises ValueError for q outside [0, 1).

    The paper gives no formula. Its four sizes are those of 4 [(1 - q)(|W| + |B|) + |B|] / 1024: the rate is
    applied to weights and biases together, and the biases, which are never frozen, are added once more. That
    counts (1 - q)|B| values too many: 170.7 kB in place of 170.4 kB for LeNet-5-Caffe at q = 0.9. Its factors
    are ratios of sizes already rounded to 0.1 kB, which makes 431.8 out of 426.8 at q = 0.999. Its row q = 0
    is the dense network, 4 (|W| + |B|) / 1024. A kB is 1,024 bytes.
    """
    rate = exact_rate(freezing_rate)
    dense = Fraction(4 * (weights + biases), 1024)
    exact = Fraction(4 * (trainable + biases), 1024)
    counted = (1 - rate) * (weights + biases) + biases if rate else weights + biases
    printed = round(Fraction(4 * counted, 1024), 1)
    return NetworkSize(
        printed_kb=float(printed),
        printed_factor=float(round(round(dense, 1) / printed, 1)),
        exact_kb=float(exact),
        exact_factor=float(dense / exact),
    )


def save(path: str | os.PathLike[str], model: nn.Module, seed: int, mask: Mapping[str, Tensor]) -> int:
    """Store a network whose frozen weights are all initial, or all zero, and return the bytes written.

    The network must come from a builder of `common.models` and have gone through `initialise`; `seed` and the
    scheme noted there regenerate its frozen weights, the mask is True for the trained ones. A pruned network
    takes as many values as a FreezeNet (Section 3.3). The file appears whole or not at all, replacing an
    older one.

    Raises ValueError where the network lacks architecture or initialisation or no longer has the layout of
    its architecture, the mask does not fit it, the seed is outside [0, 2^63), or frozen weights are neither
    what the seed regenerates nor zero.
    """
    check_mask(model, mask)
    _check_seed(seed)
    architecture, scheme = architecture_of(model), initialisation_of(model).scheme
    fresh = build(architecture)
    _check_layout(model, fresh)
    initialise(fresh, scheme, seed)
    trained = {name: mask[name].cpu().numpy().reshape(-1) for name in weight_tensors(model)}
    values = {name: _flat(name, tensor) for name, tensor in model.state_dict().items()}
    frozen = {name: values[name][~part] for name, part in trained.items()}
    initial = {name: _flat(name, weight)[~trained[name]] for name, weight in weight_tensors(fresh).items()}
    words = _encode(trained)
    header = _Header(
        architecture=architecture.name,
        arguments=architecture.arguments,
        scheme=scheme,
        seed=seed,
        frozen=_origin(frozen, initial, f"{scheme} with seed {seed}"),
        frozen_sha256=_checksum(frozen.values()),
        trained=tuple(int(part.sum()) for part in trained.values()),
        mask_words=words.size,
    )
    stored = [values[name][part] for name, part in trained.items()]
    stored += [array for name, array in values.items() if name not in trained]
    text = json.dumps(asdict(header), separators=(",", ":")).encode()
    frame = _PREFIX.pack(MAGIC, VERSION, len(text)) + text
    content = b"".join([frame, words.tobytes(), *(array.tobytes() for array in stored)])
    return _write_whole(Path(path), content + hashlib.sha256(content).digest())


def load(path: str | os.PathLike[str]) -> nn.Module:
    """Rebuild a stored network, bit for bit, on the CPU and in evaluation mode.

    Nothing in the file is executed, and no tensor is made before the sizes in the header fit the file. Raises
    OSError where the file cannot be read, ValueError where it is damaged, incomplete, of another format or
    version, or where the random generator of this platform does not regenerate its frozen weights.
    """
    content = Path(path).read_bytes()
    try:
        return _rebuild(*_unpack(content))
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


@dataclass(frozen=True)
class _Header:
    architecture: str
    arguments: tuple[tuple[str, int], ...]
    scheme: str
    seed: int
    frozen: str
    frozen_sha256: str
    trained: tuple[int, ...]
    mask_words: int

    def __post_init__(self) -> None:
        names, numbers = zip(*self.arguments, strict=True) if self.arguments else ((), ())
        strings = {type(v) for v in (self.architecture, self.scheme, self.frozen, self.frozen_sha256, *names)}
        integers = {type(v) for v in (self.seed, self.mask_words, *self.trained, *numbers)}
        if strings != {str} or integers != {int}:
            raise ValueError("the header has an entry of the wrong type")
        _check_seed(self.seed)
        if self.frozen not in ("initial", "zero"):
            raise ValueError(f"frozen weights must be 'initial' or 'zero', not {self.frozen!r}")


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**63:
        raise ValueError(f"the seed must be in [0, 2^63), not {seed}")


def _unpack(content: bytes) -> tuple[_Header, bytes]:
    """Check the frame of a file and return its header and the bytes behind it."""
    if not content.startswith(MAGIC) or len(content) < _PREFIX.size + _DIGEST_SIZE:
        raise ValueError("not a stored FreezeNet, or only the beginning of one")
    _, version, header_size = _PREFIX.unpack_from(content)
    if version != VERSION:
        raise ValueError(f"stored in format version {version}, but this program reads version {VERSION}")
    content, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("damaged or incomplete: the checksum does not match; copy or create the file again")
    body = _PREFIX.size + header_size
    if body > len(content):
        raise ValueError("the header is longer than the file")
    return _parse_header(content[_PREFIX.size : body]), content[body:]


def _parse_header(text: bytes) -> _Header:
    try:
        fields = json.loads(text)
        fields["arguments"] = tuple((name, value) for name, value in fields["arguments"])
        fields["trained"] = tuple(fields["trained"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("the header cannot be read") from error
    if fields.keys() != _Header.__dataclass_fields__.keys():
        raise ValueError("the header has missing or unknown entries")
    return _Header(**fields)


def _rebuild(header: _Header, body: bytes) -> nn.Module:
    architecture = Architecture(header.architecture, header.arguments)
    weights, others = _layout(architecture)
    sizes = [shape.numel() for shape in weights.values()]
    counts = list(zip(header.trained, sizes, strict=False))
    if len(header.trained) != len(sizes) or any(not 0 <= count <= size for count, size in counts):
        raise ValueError("the counts of trained weights do not fit the architecture")
    kept_fields = [(_STORED_DTYPES[torch.float32], count) for count in header.trained]
    words, *arrays = _split(body, [(_WORD, header.mask_words), *kept_fields, *others.values()])
    masks = _decode(words, counts)
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
            "the random generator of this platform gives other frozen weights; load the file with the "
            "PyTorch version and on the kind of machine that it was written with"
        )
    for name, values in zip(others, arrays[len(weights) :], strict=True):
        state[name].copy_(torch.from_numpy(values).view(state[name].shape))
    return model.eval()


def _layout(architecture: Architecture) -> tuple[dict[str, torch.Size], dict[str, tuple[np.dtype[Any], int]]]:
    """Return the shapes of the weight tensors and (dtype, size) of all else, taking no memory for them."""
    try:
        with torch.device("meta"):
            skeleton = build(architecture)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"the header describes no network that can be built: {architecture}") from error
    weights = {name: weight.shape for name, weight in weight_tensors(skeleton).items()}
    if sum(shape.numel() for shape in weights.values()) > MAX_WEIGHTS:
        raise ValueError(f"the header describes more than {MAX_WEIGHTS} weights: {architecture}")
    state = skeleton.state_dict()
    return weights, {n: (_STORED_DTYPES[t.dtype], t.numel()) for n, t in state.items() if n not in weights}


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
    not_zero = [name for name in frozen if frozen[name].view(_WORD).any()]
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


def _bernoulli(trained: int, size: int) -> Any:
    """Return the model of a mask's entries; its probability is exact, so that every platform agrees."""
    steps = (2 * trained * _PROBABILITY_STEPS + size) // (2 * size)
    steps = min(max(steps, 1), _PROBABILITY_STEPS - 1)
    return constriction.stream.model.Bernoulli(steps / _PROBABILITY_STEPS, perfect=False)


def _encode(masks: dict[str, Array]) -> Array:
    encoder = constriction.stream.queue.RangeEncoder()
    for mask in masks.values():
        encoder.encode(mask.astype(np.int32), _bernoulli(int(mask.sum()), mask.size))
    words: Array = encoder.get_compressed().astype(_WORD)
    return words


def _decode(words: Array, counts: Iterable[tuple[int, int]]) -> list[Array]:
    """Return a mask for each (number of trained weights, number of weights)."""
    decoder = constriction.stream.queue.RangeDecoder(words)
    masks = []
    for count, size in counts:
        try:
            mask = decoder.decode(_bernoulli(count, size), size).astype(bool)
        except AssertionError as error:  # how the decoder reports an impossible stream
            raise ValueError("the mask cannot be decoded") from error
        if int(mask.sum()) != count:
            raise ValueError("the mask does not have the stated number of trained weights")
        masks.append(mask)
    return masks


def _split(body: bytes, fields: Sequence[tuple[np.dtype[Any], int]]) -> list[Array]:
    """Cut bytes into arrays of the given dtypes and sizes, which must use them up exactly."""
    lengths = [dtype.itemsize * size for dtype, size in fields]
    if sum(lengths) != len(body) or min(lengths) < 0:
        raise ValueError("the sizes in the header do not fit the length of the file")
    arrays: list[Array] = []
    offset = 0
    for (dtype, size), length in zip(fields, lengths, strict=True):
        arrays.append(np.frombuffer(body, dtype, size, offset).astype(dtype.newbyteorder("=")))
        offset += length
    return arrays


def _write_whole(path: Path, content: bytes) -> int:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return len(content)
