"""The bytes of a stored FreezeNet (Section 3.3): what a file is made of, and the checks of one from anywhere.

Layout, little-endian throughout: magic, format version (uint16), length of the header (uint32), header
(JSON), mask, values, SHA-256 of all bytes before it. The header names the architecture, the initialisation
scheme and seed, what the frozen weights are ("initial" or, in a pruned network, "zero") with a checksum of
them, and how many weights of each tensor are trained. The mask is as in `mask_code`. The values are the trained
weights of each tensor in index order, then every bias, BatchNorm parameter and BatchNorm statistic, as float32;
batch counters are int64.
"""

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = b"FREEZNET"
VERSION = 2  # a change of any byte that `save` writes is another version
MAX_WEIGHTS = 2**26  # 256 MiB of float32, three times a ResNet34: a file that claims more is not believed
MAX_NAME = 100  # characters of a name in the header
MAX_ARGUMENTS = 8

_PREFIX = struct.Struct("<8sHI")
_DIGEST_SIZE = hashlib.sha256().digest_size

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Header:
    """What a file says of its network; raises ValueError for what no network needs.

    `frozen` is "initial" or "zero", `trained` counts the trained weights of every tensor.
    """

    architecture: str
    arguments: tuple[tuple[str, int], ...]
    scheme: str
    seed: int
    frozen: str
    frozen_sha256: str
    trained: tuple[int, ...]
    mask_bytes: int

    def __post_init__(self) -> None:
        names, numbers = zip(*self.arguments, strict=True) if self.arguments else ((), ())
        strings = {type(v) for v in (self.architecture, self.scheme, self.frozen, self.frozen_sha256, *names)}
        integers = {type(v) for v in (self.seed, self.mask_bytes, *self.trained, *numbers)}
        if strings != {str} or integers != {int}:
            raise ValueError("the header has an entry of the wrong type")
        longest = max(len(name) for name in (self.architecture, self.scheme, self.frozen, *names))
        if longest > MAX_NAME or len(numbers) > MAX_ARGUMENTS or max(map(abs, numbers), default=0) > MAX_WEIGHTS:
            raise ValueError("the header has an entry that is larger than any network needs")
        check_seed(self.seed)
        if self.frozen not in ("initial", "zero"):
            raise ValueError(f"frozen weights must be 'initial' or 'zero', not {self.frozen!r}")


def check_seed(seed: int) -> None:
    """Raise ValueError for a seed outside [0, 2^63)."""
    if not 0 <= seed < 2**63:
        raise ValueError("the seed must be in [0, 2^63)")


def unpack(content: bytes) -> tuple[Header, bytes]:
    """Return a file's header and the bytes behind it; raise ValueError where it is damaged or of another version."""
    if not content.startswith(MAGIC) or len(content) < _PREFIX.size + _DIGEST_SIZE:
        raise ValueError("not a stored FreezeNet, or only the beginning of one")
    _, version, header_size = _PREFIX.unpack_from(content)
    if version != VERSION:
        raise ValueError(f"stored in format version {version}, but this program reads version {VERSION}")
    content, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("damaged or incomplete: the checksum does not match")
    body = _PREFIX.size + header_size
    if body > len(content):
        raise ValueError("the header is longer than the file")
    return _parse_header(content[_PREFIX.size : body]), content[body:]


def _parse_header(text: bytes) -> Header:
    try:
        fields = json.loads(text)
        fields["arguments"] = tuple((name, value) for name, value in fields["arguments"])
        fields["trained"] = tuple(fields["trained"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("the header cannot be read") from error
    if fields.keys() != Header.__dataclass_fields__.keys():
        raise ValueError("the header has missing or unknown entries")
    return Header(**fields)


def pack(header: Header, parts: Iterable[bytes]) -> bytes:
    """Return the content of a file: its header and the parts behind it, under a checksum."""
    text = json.dumps(asdict(header), separators=(",", ":")).encode()
    content = b"".join([_PREFIX.pack(MAGIC, VERSION, len(text)) + text, *parts])
    return content + hashlib.sha256(content).digest()


def split(body: bytes, fields: Sequence[tuple[np.dtype[Any], int]]) -> list[Array]:
    """Cut bytes into arrays of such dtypes and sizes; raise ValueError where they do not use them up exactly."""
    lengths = [dtype.itemsize * size for dtype, size in fields]
    if sum(lengths) != len(body) or min(lengths) < 0:
        raise ValueError("the sizes in the header do not fit the length of the file")
    arrays: list[Array] = []
    offset = 0
    for (dtype, size), length in zip(fields, lengths, strict=True):
        arrays.append(np.frombuffer(body, dtype, size, offset).astype(dtype.newbyteorder("=")))
        offset += length
    return arrays
