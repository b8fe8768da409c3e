import os

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
