"""Files that are whole or absent."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from common.errors import UsageError

TEMPORARY = ".tmp-"
"""Begins the name of a file that is being written; one whose process is gone can be deleted."""

DAMAGED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What decoding raises where a file's content is not what was written; an OSError says nothing of the content."""

_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def write(path: Path, content: bytes) -> None:
    """Write a file so that readers, and whoever comes after a crash, see the old or the new content, never a part.

    Its mode is that of any new file: what the umask leaves of 0666. Raises UsageError where it cannot be written, a
    full disk included; the old file then stays.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        try:
            with open(os.open(temporary, _OPEN, 0o666), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # of a closed file: Windows moves no open one
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {reason(error)}") from None


def read(path: Path) -> bytes:
    """Return a file's content.

    Raises FileNotFoundError where there is no file, and UsageError, which says why, where it cannot be read.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UsageError(f"{path} cannot be read: it is not a file")  # a pipe would be waited for
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}; it is left as it is") from None


def reason(error: OSError) -> str:
    """Return what the operating system says, without the number and the file's name."""
    return error.strerror or str(error) or type(error).__name__
