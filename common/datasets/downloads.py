"""Files fetched under another name first and verified, so that under their own there is never half of one."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from common.datasets.problems import one_line


def download(urls: Sequence[str], file: Path, algorithm: str, digest: str) -> None:
    """Leave a file that has the sum `digest` by an algorithm of hashlib, from the first of its addresses that gives it.

    Raises OSError, which tells what came of each address, where none does.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    told = []
    for url in urls:
        try:
            return _download(url, file, algorithm, digest)
        except Exception as error:  # whatever failed, the next address may do
            told.append(f"{url}: {one_line(error)}")
    raise OSError("; ".join(told))


def _download(url: str, file: Path, algorithm: str, digest: str) -> None:
    from torchvision.datasets.utils import download_url  # slow to import

    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)  # what an interrupted attempt left, which torchvision would take for the whole
    try:
        download_url(url, file.parent, part.name)
        found = sum_of(part, algorithm)
        if found != digest:
            raise ValueError(f"what came has the {algorithm} sum {found}, not {digest}")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def sum_of(file: Path, algorithm: str) -> str:
    """Return a file's sum by an algorithm of hashlib, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()
