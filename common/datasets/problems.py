"""The ways in which files on disk can fail, as errors which say what to do."""

import os
import pickle
import shlex
from pathlib import Path

from common.errors import UsageError

UNREADABLE = (
    AssertionError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What readers raise, torchvision's among them, where bytes are not what they should be."""


class MissingError(UsageError):
    """Files of a data set are not there."""


class CorruptError(UsageError):
    """Files of a data set are not what was published; `reason` says in short why."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["CorruptError"], tuple[str, str]]:
        """Let a worker hand the error to its parent, which exceptions of two arguments cannot do by themselves."""
        return type(self), (str(self), self.reason)


def missing(name: str, path: Path, root: Path) -> MissingError:
    """Say that a data set is not there, what was looked for, and the command that gets it."""
    command = f"nox -s data -- {name} --data-dir {shlex.quote(str(root))}"
    return MissingError(f"data set {name!r} not found: there is no {path}; get it with: {command}")


def corrupt(name: str, path: Path, reason: object) -> CorruptError:
    """Say that a file or folder of a data set is not what was published."""
    short = " ".join(str(reason).split())
    message = f"data set {name!r} is corrupt: {path}: {short}; delete it and get the data set again"
    return CorruptError(message, short)


def require_readable(what: str, folder: Path) -> None:
    """Raise UsageError unless `folder` is one and may be read; `what` says where its name came from."""
    try:
        if not folder.exists():
            raise UsageError(f"{what} {folder} does not exist")
        if not folder.is_dir():
            raise UsageError(f"{what} {folder} is not a folder")
    except OSError as error:
        raise UsageError(f"{what} {folder} may not be read: {error.strerror}") from error
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"{what} {folder} may not be read: permission denied")
