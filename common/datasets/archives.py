"""Zip archives of data sets: fetched, verified by their published sums, and unpacked as a whole or not at all."""

import hashlib
import shutil
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath


@dataclass(frozen=True)
class Archive:
    """Where a zip archive is published, its sum by an algorithm of hashlib, and the one folder that it is for."""

    url: str
    algorithm: str
    digest: str
    folder: str

    def fetch(self, root: Path) -> None:
        """Leave the archive and its unpacked folder under `root`; an archive that is there already is not fetched.

        Raises ValueError for an archive with another sum and for one that `unpack` refuses; OSError, RuntimeError or
        zipfile.BadZipFile where fetching or unpacking fails.
        """
        from torchvision.datasets.utils import download_url  # slow to import

        file = root / self.url.rpartition("/")[2]
        if not file.exists():
            part = file.with_name(f"{file.name}.part")
            part.unlink(missing_ok=True)  # what an interrupted attempt left, which torchvision would take for the whole
            download_url(self.url, root, part.name)
            part.replace(file)
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, self.algorithm).hexdigest()
        if digest != self.digest:
            raise ValueError(f"the {self.algorithm} sum of {file} is {digest}, not {self.digest}; delete it")
        unpack(file, root, self.folder)


def unpack(file: Path, root: Path, folder: str) -> None:
    """Unpack `folder` of a zip archive to `root`/`folder`, which does not exist yet.

    All is written beside it first and renamed in the end, so that the folder is whole or not there. Members outside
    of the archive's `folder` are left out. Raises ValueError, before anything is written, for a member that would land
    outside of `root` or is a link.
    """
    beside = root / f".{folder}.part"
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            _refuse_stray(file, member)
        own = [name for name in archive.namelist() if PurePosixPath(name).parts[:1] == (folder,)]
        shutil.rmtree(beside, ignore_errors=True)
        try:
            archive.extractall(beside, own)
            if not (beside / folder).is_dir():
                raise ValueError(f"{file} has no folder {folder}")
            (beside / folder).rename(root / folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _refuse_stray(file: Path, member: zipfile.ZipInfo) -> None:
    """Raise ValueError for an absolute path, on any system, for one with "..", and for a link."""
    name = member.orig_filename
    windows = PureWindowsPath(name)  # knows both kinds of slashes, and drives
    if windows.anchor or ".." in windows.parts:
        raise ValueError(f"{file} is refused: its member {name!r} would land outside of the folder")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ValueError(f"{file} is refused: its member {name!r} is a link")
