"""How far a call of a run function has come: one file, from which a killed run goes on as if nothing had happened.

A checkpoint is a tree of parts, one for every loop. The loop in progress saves its state at the end of an epoch; loops
that are finished leave their results, so that going on means walking through the same code once more, past everything
that has a result. Orders of images are not stored but drawn again.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from common.train.state_file import Owner, read, write
from common.train.states import State


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


def _tree(state: State) -> dict[str, State]:
    if not isinstance(state, dict):
        raise ValueError("it holds no tree of parts")
    return state


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
