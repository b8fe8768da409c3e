import errno
import os
import stat
from pathlib import Path

import pytest

from common import atomic
from common.errors import UsageError


def test_a_file_is_renamed_only_once_it_is_whole_on_disk_beside_its_place(tmp_path, monkeypatch):
    path, synced, seen = tmp_path / "record.json", [], []
    path.write_bytes(b"old")
    sync, move = os.fsync, os.replace

    def fsync(descriptor):
        synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    def replace(source, target):
        (part,) = tmp_path.glob(f"{atomic.TEMPORARY}*")
        seen.append((part.read_bytes(), path.read_bytes()))
        move(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    atomic.write(path, b"new and longer")
    ((content, old),) = seen
    assert (content, old) == (b"new and longer", b"old")
    assert synced == [len(content)]
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"record\.json cannot be written: No space left on device"):
        atomic.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_modes_follow_the_umask(tmp_path, umask):
    path, before = tmp_path / "record.json", os.umask(umask)
    try:
        atomic.write(path, b"first")
        atomic.write(path, b"second")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_no_open_file_is_moved_as_windows_refuses_that(tmp_path, monkeypatch):
    opened, moved, real_open, move = [], [], os.open, os.replace

    def follow(*arguments, **names):
        opened.append(real_open(*arguments, **names))
        return opened[-1]

    def replace(source, target):
        for descriptor in opened:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(descriptor)
        moved.append(target)
        move(source, target)

    monkeypatch.setattr(os, "open", follow)
    monkeypatch.setattr(os, "replace", replace)
    atomic.write(tmp_path / "record.json", b"new")
    assert len(opened) == len(moved) == 1


def test_a_part_that_cannot_be_deleted_hides_no_interruption(tmp_path, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    def unlink(self, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "fsync", interrupted)
    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(KeyboardInterrupt):
        atomic.write(tmp_path / "record.json", b"new")


def test_what_is_not_there_is_told_from_what_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"content")
    assert atomic.read(tmp_path / "file") == b"content"
    with pytest.raises(FileNotFoundError):
        atomic.read(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match=f"^{path} cannot be read: it is not a file$"):
            atomic.read(path)
    with pytest.raises(UsageError, match=r"none cannot be read: Not a directory; it is left as it is$"):
        atomic.read(tmp_path / "file" / "none")
    with pytest.raises(UsageError, match="cannot be read: File name too long"):
        atomic.read(tmp_path / ("n" * 300))
