"""Files that are whole or absent."""

import os
import tempfile
from pathlib import Path

from common.errors import UsageError

TEMPORARY = ".tmp-"
"""Begins the name of a file that is being written; one whose process is gone can be deleted."""


def write(path: Path, content: bytes) -> None:
    """Write a file so that readers, and whoever comes after a crash, see the old or the new content, never a part.

    Raises UsageError where it cannot be written, a full disk included; the old file then stays.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=TEMPORARY, delete=False) as temporary:
            try:
                temporary.write(content)
                temporary.flush()
                os.fsync(temporary.fileno())
                os.replace(temporary.name, path)
            except BaseException:
                Path(temporary.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
