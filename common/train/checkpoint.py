"""How far a call of a run function has come: one file, from which a killed run goes on as if nothing had happened.

A checkpoint is a tree of parts, one for every loop. The loop in progress saves its state at the end of an epoch; loops
that are finished leave their results, so that going on means walking through the same code once more, past everything
that has a result. Orders of images are not stored but drawn again.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from common import atomic
from common.errors import UsageError

SUFFIX = ".safetensors"
State = Any
"""Tensors, numbers, names and None in any nesting of lists and of mappings from names."""

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


class CheckpointFile:
    """A tree of states on disk. Only one process writes it."""

    def __init__(self, folder: Path, owner: Owner, every: float | None) -> None:
        """Read what is there, if it is whole and the owner's. Saving is due `every` so many seconds; None: never.

        Raises UsageError where the file cannot be read.
        """
        self.path, self.owner, self.every = folder / owner.name, owner, every
        self.tree: dict[str, State] = {}
        self.saved_at = time.monotonic()
        try:
            self.tree = _tree(read(self.path, owner))
        except FileNotFoundError:
            pass
        except ValueError as error:
            print(f"damaged checkpoint {self.path}: {error}; training starts anew", file=sys.stderr)

    def begin(self) -> None:
        """Write down which jobs belong together, so that they stay together whenever the run is interrupted."""
        if not self.path.exists():
            self.save()

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return self.every is not None and time.monotonic() - self.saved_at >= self.every

    def save(self) -> None:
        """Replace the file at once or not at all; raises UsageError where it cannot be written."""
        write(self.path, self.owner, self.tree)
        self.saved_at = time.monotonic()

    def remove(self) -> None:
        """Delete the file: all that came of it is recorded."""
        self.path.unlink(missing_ok=True)
        self.tree.clear()


class Checkpoint:
    """One part of a checkpoint, or of none: then nothing is ever found or saved."""

    def __init__(self, file: CheckpointFile | None = None, node: dict[str, State] | None = None) -> None:
        self.file = file
        self.node: dict[str, State] = {} if node is None else node

    def part(self, name: str) -> "Checkpoint":
        """Return the part of an inner loop."""
        if self.file is None:
            return self
        return Checkpoint(self.file, self.node.setdefault("parts", {}).setdefault(name, {}))

    @property
    def result(self) -> State:
        """What a loop that is finished came to, on the host; None for any other."""
        return self.node.get("result")

    def finish(self, result: Callable[[], State]) -> None:
        """Keep a result, which must not change any more, in place of all that the part held."""
        if self.file is not None:
            self.clear()
            self.node["result"] = result()

    def begun(self) -> State:
        """Return the state, on the host, that a loop goes on from, once; None where it begins."""
        return self.node.pop("state", None)

    def save(self, state: Callable[[], State]) -> None:
        """Save this loop's state with all results so far, if it is time to."""
        if self.file is not None and self.file.due:
            self.node["state"] = state()
            self.file.save()
            del self.node["state"]  # on the device it would take room

    def clear(self) -> None:
        """Forget this part: what came of it is recorded."""
        self.node.clear()


NOWHERE = Checkpoint()


def states(generators: Sequence[torch.Generator]) -> list[Tensor]:
    """Return the states of random number generators."""
    return [generator.get_state() for generator in generators]


def set_states(generators: Sequence[torch.Generator], saved: Sequence[Tensor]) -> None:
    """Take random number generators back to saved states."""
    for generator, state in zip(generators, saved, strict=True):
        generator.set_state(state)


class Tensors:
    """Tensors, wherever they lie, that change in training and are saved with it."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors

    def state_dict(self) -> State:
        """Return their present values."""
        return list(self.tensors)

    def load_state_dict(self, saved: State) -> None:
        """Overwrite them with saved values."""
        copy_into(self.tensors, saved)


@torch.no_grad()
def copy_into(tensors: Sequence[Tensor], saved: Sequence[Tensor]) -> None:
    """Overwrite tensors, wherever they lie, with saved ones."""
    for tensor, value in zip(tensors, saved, strict=True):
        tensor.copy_(value)


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


def _tree(state: State) -> dict[str, State]:
    if not isinstance(state, dict):
        raise ValueError("it holds no tree of parts")
    return state


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
