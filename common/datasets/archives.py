"""Archives of data sets: fetched, verified by their published sums, and unpacked as a whole or not at all."""

import posixpath
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from common.datasets.downloads import download, sum_of


@dataclass(frozen=True)
class Archive:
    """Where a zip or tar archive is published, its sum by an algorithm of hashlib, and the one folder that it is for.

    `below` is the folder under the data folder that this one goes to.
    """

    url: str
    algorithm: str
    digest: str
    folder: str
    below: str = ""

    def fetch(self, root: Path) -> None:
        """Leave the archive and its unpacked folder under `root`; an archive that is there already is not fetched.

        Raises ValueError for an archive with another sum and for one that `unpack` refuses; what the standard library
        raises where fetching or unpacking fails.
        """
        place = root / self.below
        file = place / self.url.rpartition("/")[2]
        if not file.exists():
            download([self.url], file, self.algorithm, self.digest)
        elif (found := sum_of(file, self.algorithm)) != self.digest:
            raise ValueError(f"the {self.algorithm} sum of {file} is {found}, not {self.digest}; delete it")
        unpack(file, place, self.folder)


class Kind(Enum):
    """What a member of an archive is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "device, pipe or the like"


@dataclass(frozen=True)
class Member:
    """A member of an archive: its name as it stands there, what it is, and where a link leads, as a member's name."""

    name: str
    kind: Kind
    target: str = ""


def unpack(file: Path, root: Path, folder: str) -> None:
    """Unpack `folder` of a zip or tar archive to `root`/`folder`.

    All is written beside it first and moved in the end, so that a folder that was not there is whole or still not
    there; in one that was there the archive's files take the place of those of their names. Members outside of the
    archive's `folder` are left out; a link becomes a copy of what it leads to. Raises ValueError, before anything is
    written, for a member that `refusal` names.
    """
    beside = root / f".{folder}.part"
    with _opened(file) as (members, content):
        for member in members:
            reason = refusal(member)
            if reason is not None:
                raise ValueError(f"{file} is refused: its member {member.name!r} {reason}")
        known = {posixpath.normpath(member.name): member for member in members}
        own = {name: member for name, member in known.items() if PurePosixPath(name).parts[:1] == (folder,)}
        sources = {name: _source(file, name, known) for name in own}
        shutil.rmtree(beside, ignore_errors=True)
        try:
            for name, source in sources.items():
                _write(beside / name, source, content)
            if not (beside / folder).is_dir():
                raise ValueError(f"{file} has no folder {folder}")
            _move(beside / folder, root / folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def refusal(member: Member) -> str | None:
    """Say why a member is never unpacked: for where it or its link leads, on any system, or for what it is; or None."""
    if _leads_outside(member.name):
        return "would land outside of the folder"
    if member.kind is Kind.LINK and _leads_outside(member.target):
        return f"is a link that leads outside of the folder, to {member.target!r}"
    if member.kind is Kind.OTHER:
        return f"is a {member.kind.value}"
    return None


def _leads_outside(name: str) -> bool:
    path = PureWindowsPath(name)  # knows both kinds of slashes, and drives
    return bool(path.anchor) or ".." in path.parts


def _source(file: Path, name: str, known: Mapping[str, Member]) -> Member:
    """Return the file or folder that a member is, or leads to by links; raise ValueError where they lead nowhere."""
    member = known[name]
    for _ in known:
        if member.kind is Kind.FILE or (member.kind is Kind.FOLDER and member is known[name]):
            return member
        if member.kind is not Kind.LINK or member.target not in known:
            break
        member = known[member.target]
    raise ValueError(f"{file} is refused: its member {known[name].name!r} is a link to no file in it")


_Content = Callable[[Member], IO[bytes]]


def _write(path: Path, source: Member, content: _Content) -> None:
    if source.kind is Kind.FOLDER:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with content(source) as read, path.open("wb") as written:
        shutil.copyfileobj(read, written)


def _move(source: Path, target: Path) -> None:
    """Move a file or folder; into a folder that is there, file by file."""
    if source.is_dir() and target.is_dir():
        for inner in source.iterdir():
            _move(inner, target / inner.name)
    else:
        source.replace(target)


@contextmanager
def _opened(file: Path) -> Iterator[tuple[list[Member], _Content]]:
    """Open an archive: its members, and what opens one of them, a file, for reading."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            zipped = {_of_zip(archive, info): info for info in archive.infolist()}
            yield list(zipped), lambda member: archive.open(zipped[member])
    else:
        with tarfile.open(file) as tar:
            packed = {_of_tar(info): info for info in tar.getmembers()}
            yield list(packed), lambda member: _present(tar.extractfile(packed[member]))


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = info.orig_filename
    kind = _BY_MODE.get(stat.S_IFMT(info.external_attr >> 16), Kind.OTHER)
    if info.is_dir():
        kind = Kind.FOLDER
    target = _joined(name, archive.read(info).decode(errors="replace")) if kind is Kind.LINK else ""
    return Member(name, kind, target)


_BY_MODE = {0: Kind.FILE, stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}


def _of_tar(info: tarfile.TarInfo) -> Member:
    if info.isreg():
        return Member(info.name, Kind.FILE)
    if info.isdir():
        return Member(info.name, Kind.FOLDER)
    if info.issym():
        return Member(info.name, Kind.LINK, _joined(info.name, info.linkname))
    if info.islnk():
        return Member(info.name, Kind.LINK, posixpath.normpath(info.linkname))
    return Member(info.name, Kind.OTHER)


def _joined(name: str, link: str) -> str:
    """Return where a symbolic link leads that a member of this name is."""
    if PureWindowsPath(link).anchor:
        return link
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), link))


def _present(opened: IO[bytes] | None) -> IO[bytes]:
    assert opened is not None, "a member that is a file"
    return opened
