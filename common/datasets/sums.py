"""MD5 sums of files, held against those that were published."""

import hashlib
from pathlib import Path


def verified(path: Path, md5: str) -> bytes:
    """Return a file's bytes; raise ValueError where their MD5 sum is not the published one."""
    content = path.read_bytes()
    require_md5(path.name, content, md5)
    return content


def require_md5(name: str, content: bytes, md5: str) -> None:
    """Raise ValueError where the MD5 sum of a file's bytes is not the published one."""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(f"the MD5 sum of {name} is {found}, not {md5}")
