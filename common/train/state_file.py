"""A state in one file: tensors as such, all else as JSON, under a checksum, with the name of its owner."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from common import atomic
from common.errors import UsageError
from common.train.states import State

SUFFIX = ".safetensors"
FORMAT = 2  # of the file; a checkpoint of another one is of no use
_HEADER = 8  # bytes of a safetensors file that hold the length of its header


@dataclass(frozen=True)
class Owner:
    """Whose checkpoint it is: the keys of the jobs of one call, in order; where it ran, and a hash of the code."""

    procedure: str
    code: str
    device: str
    jobs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name: other jobs or another device have another."""
        return hashlib.sha256(json.dumps([self.device, self.jobs]).encode()).hexdigest()[:16] + SUFFIX


def write(path: Path, owner: Owner, state: State) -> None:
    """Write a state in one safetensors file: tensors as such, all else as JSON in its metadata."""
    tensors: dict[str, Tensor] = {}
    own = json.dumps({"format": FORMAT, **asdict(owner)})
    plain = json.dumps(_without_tensors(state, tensors))
    sums = {"owner_checksum": _checksum(own, {}), "checksum": _checksum(own + plain, tensors)}
    atomic.write(path, save(tensors, {"owner": own, "plain": plain, **sums}))


def read(path: Path, owner: Owner | None = None) -> State:
    """Return the state in a file, on the host; that of an owner where one is given.

    Raises ValueError where the content is damaged or another's, FileNotFoundError where there is no file, and
    UsageError where it cannot be read.
    """
    content = atomic.read(path)
    try:
        metadata = _metadata(content)
        tensors = load(content)
        if metadata["checksum"] != _checksum(metadata["owner"] + metadata["plain"], tensors):
            raise ValueError("its checksum does not fit its content")
        if owner not in (None, _owner(metadata)):
            raise ValueError("it is that of other jobs or other code")
        return _with_tensors(json.loads(metadata["plain"]), tensors)
    except ValueError:
        raise
    except (*atomic.DAMAGED, SafetensorError, RuntimeError, AssertionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def owner_of(path: Path) -> Owner:
    """Return whose checkpoint a file is, without its tensors; raise ValueError where it does not say.

    Raises UsageError where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER)
            head += file.read(min(int.from_bytes(head, "little"), path.stat().st_size))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {atomic.reason(error)}; it is left as it is") from None
    try:
        return _owner(_metadata(head))
    except ValueError:
        raise
    except atomic.DAMAGED as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _owner(metadata: Mapping[str, str]) -> Owner:
    if metadata["owner_checksum"] != _checksum(metadata["owner"], {}):
        raise ValueError("the checksum of its owner does not fit")
    fields = json.loads(metadata["owner"])
    if fields["format"] != FORMAT:
        raise ValueError(f"format {fields['format']} where {FORMAT} is read")
    owner = Owner(fields["procedure"], fields["code"], fields["device"], tuple(fields["jobs"]))
    if not all(isinstance(text, str) for text in (owner.procedure, owner.code, owner.device, *owner.jobs)):
        raise ValueError("its owner is no text")
    return owner


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:_HEADER], "little")
    metadata: dict[str, str] = json.loads(content[_HEADER : _HEADER + length])["__metadata__"]
    return metadata


def _checksum(plain: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(plain.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _without_tensors(state: State, tensors: dict[str, Tensor]) -> State:
    """Return a state with names in place of its tensors, which are added, copied to the host, to `tensors`."""
    if isinstance(state, Tensor):
        name = str(len(tensors))
        tensors[name] = state.detach().to("cpu", copy=True).contiguous()
        return {"tensor": name}
    if isinstance(state, Mapping):
        return {"mapping": {name: _without_tensors(value, tensors) for name, value in state.items()}}
    if isinstance(state, list | tuple):
        return [_without_tensors(value, tensors) for value in state]
    return state


def _with_tensors(plain: State, tensors: Mapping[str, Tensor]) -> State:
    if isinstance(plain, list):
        return [_with_tensors(value, tensors) for value in plain]
    if not isinstance(plain, dict):
        return plain
    if "tensor" in plain:
        return tensors[plain["tensor"]]
    return {name: _with_tensors(value, tensors) for name, value in plain["mapping"].items()}
