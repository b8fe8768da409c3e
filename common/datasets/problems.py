"""The two ways in which files on disk can fail, as errors which say what to do."""

from pathlib import Path

from common.errors import UsageError


def missing(name: str, path: Path, command: str) -> UsageError:
    """Say that a data set is not there, what was looked for, and the command that gets it."""
    return UsageError(f"data set {name!r} not found: there is no {path}; get it with: {command}")


def corrupt(name: str, path: Path, reason: object) -> UsageError:
    """Say that a file or folder of a data set is not what was published."""
    return UsageError(f"data set {name!r} is corrupt: {path}: {reason}; delete it and get the data set again")
