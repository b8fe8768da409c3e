"""The ways in which files on disk can fail, as errors which say what to do."""

import os
import pickle
import shlex
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path

from common.errors import UsageError

FAILURES = (
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zlib.error,
)
"""What readers raise, those of other packages among them, where files cannot be read or are not what they should be."""


class MissingError(UsageError):
    """Files of a data set are not there."""


class UnusableError(UsageError):
    """Files of a data set are there and cannot be used; `state` says how they are, `reason` in short why."""

    state: str

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["UnusableError"], tuple[str, str]]:
        """Let a worker hand the error to its parent, which exceptions of two arguments cannot do by themselves."""
        return type(self), (str(self), self.reason)


class CorruptError(UnusableError):
    """Files of a data set are not what was published."""

    state = "damaged"


class UnreadableError(UnusableError):
    """Files of a data set cannot be read, whatever they hold."""

    state = "cannot be read"


def missing(name: str, path: Path, root: Path) -> MissingError:
    """Say that a data set is not there, what was looked for, and the command that gets it."""
    command = f"nox -s data -- {name} --data-dir {shlex.quote(str(root))}"
    return MissingError(f"data set {name!r} not found: there is no {path}; get it with: {command}")


def corrupt(name: str, path: Path, reason: object) -> CorruptError:
    """Say that a file or folder of a data set is not what was published."""
    short = one_line(reason)
    message = f"data set {name!r} is corrupt: {path}: {short}; delete it and get the data set again"
    return CorruptError(message, short)


def failure(name: str, place: Path, root: Path, error: BaseException) -> UsageError:
    """Say what an error of a reader means: files are missing, cannot be read, or are not what was published.

    `place` holds the files of the data set; an error of the operating system may name one of them.
    """
    named = error.filename if isinstance(error, OSError) else None
    path = Path(named) if isinstance(named, str | os.PathLike) else place
    if isinstance(error, FileNotFoundError):
        return missing(name, path, root)
    reason = hindrance(error)
    if reason is None:
        return corrupt(name, place, error)
    return UnreadableError(f"data set {name!r} cannot be read: {path}: {reason}", reason)


_NO_MEMORY = ("allocate memory", "not enough memory", "memory allocation failed")  # torch's words, and HDF5's


def hindrance(error: BaseException) -> str | None:
    """Return what keeps a file from being read whatever it holds, or None where an error is about what it holds.

    That is memory, or what the operating system says: of permissions, locks, devices, too many open files.
    """
    if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
        return "out of memory"
    if isinstance(error, OSError) and error.errno:
        return one_line(error.strerror or error)
    return None


def one_line(reason: object) -> str:
    """Return a reason, or an error's message, without line breaks; an error that has none gives its name."""
    if isinstance(reason, MemoryError):
        return "out of memory"
    return " ".join(str(reason).split()) or type(reason).__name__


def is_file(path: Path) -> bool:
    """Tell whether there is a file; raise OSError where that cannot be told, which Path.is_file takes for a no."""
    return stat.S_ISREG(mode_of(path))


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder; raise OSError where that cannot be told."""
    return stat.S_ISDIR(mode_of(path))


def mode_of(path: Path) -> int:
    """Return the mode of a file or folder, 0 where there is none; raise OSError where that cannot be told."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def place_of(root: Path, sources: Sequence[str]) -> Path:
    """Return the folder that holds files and folders of a data set, given by their names under the data folder.

    It is a shell's pattern of them where they lie in the data folder itself, which holds other data sets too.
    """
    place = Path(os.path.commonpath([root / source for source in sources]))
    return place if place != root else root / f"{{{','.join(sources)}}}"


def require_readable(what: str, folder: Path) -> None:
    """Raise UsageError unless `folder` is one and may be read; `what` says where its name came from."""
    try:
        mode = mode_of(folder)
    except OSError as error:
        raise UsageError(f"{what} {folder} may not be read: {error.strerror}") from error
    if not mode:
        raise UsageError(f"{what} {folder} does not exist")
    if not stat.S_ISDIR(mode):
        raise UsageError(f"{what} {folder} is not a folder")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"{what} {folder} may not be read: permission denied")
