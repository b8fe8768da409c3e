"""One process writes a results folder at a time."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from common import atomic
from common.errors import UsageError

LOCK, HOLDER = ".lock", ".holder"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder for this process, and clear away what a killed one was writing.

    The operating system lets go of it when the process ends, however it ends. Raises UsageError, which names the other
    process, where another one holds it.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"results folder {folder} is in use by {_holder(folder)}; wait for it, or name another with --results"
        ) from None
    except (OSError, NotImplementedError) as error:  # the latter where the file system knows no locks
        raise UsageError(f"results folder {folder} cannot be locked: {error}") from None
    try:
        for part in folder.rglob(f"{atomic.TEMPORARY}*"):
            with suppress(OSError):  # what cannot be deleted, a folder among it, does no harm
                part.unlink()
        atomic.write(folder / HOLDER, f"process {os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        lock.release()


def _holder(folder: Path) -> str:
    try:
        content = atomic.read(folder / HOLDER)
    except (FileNotFoundError, UsageError):
        return "another process"
    return content[:200].decode(errors="replace").strip() or "another process"
