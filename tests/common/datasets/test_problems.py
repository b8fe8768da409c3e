import errno
import gzip
import pickle
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torchvision import datasets

from common.datasets import idx, load, parts
from common.datasets.mnist import MNIST
from common.datasets.patch_camelyon import PATCH_CAMELYON
from common.datasets.problems import (
    CorruptError,
    MissingError,
    UnreadableError,
    failure,
    hindrance,
    is_file,
    is_folder,
    one_line,
    place_of,
)
from common.tools.data import PUBLISHED
from tests.common.datasets.writers import (
    PATCHES,
    write_camelyon,
    write_cifar,
    write_letters,
    write_mnist,
    write_svhn,
)

ROOT, PLACE = Path("/d"), Path("/d/set")
HINDERED = [
    (OSError(errno.EIO, "Input/output error"), "Input/output error"),
    (OSError(errno.ESTALE, "Stale file handle"), "Stale file handle"),
    (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
    (BlockingIOError(errno.EAGAIN, "unable to lock\nfile"), "unable to lock file"),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory"),
    (MemoryError(), "out of memory"),
    (np._core._exceptions._ArrayMemoryError((1 << 60,), np.dtype("u1")), "out of memory"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."), "out of memory"),
    (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), "out of memory"),
    (OSError("Can't synchronously read data (memory allocation failed for chunk)"), "out of memory"),
]
DAMAGE = [
    OSError("image file is truncated"),
    OSError("Unable to synchronously open file (file signature not found)"),
    gzip.BadGzipFile("CRC check failed"),
    EOFError("Compressed file ended"),
    zlib.error("Error -3 while decompressing data"),
    ValueError("labels reach from 9 to 11"),
    RuntimeError("shape '[1]' is invalid"),
    KeyError("data"),
    pickle.UnpicklingError("it asks for os.system"),
]


@pytest.mark.parametrize(("error", "reason"), HINDERED)
def test_what_says_nothing_of_the_content_never_leads_to_a_deletion(error, reason):
    said = failure("mnist", PLACE, ROOT, error)
    assert type(said) is UnreadableError
    assert str(said) == f"data set 'mnist' cannot be read: /d/set: {reason}"
    assert (said.state, said.reason) == ("cannot be read", reason)


@pytest.mark.parametrize("error", DAMAGE)
def test_what_speaks_of_the_content_is_damage(error):
    said = failure("mnist", PLACE, ROOT, error)
    assert type(said) is CorruptError
    assert str(said) == f"data set 'mnist' is corrupt: /d/set: {error}; delete it and get the data set again"
    assert said.state == "damaged"


def test_the_file_that_the_operating_system_names_is_named():
    denied = PermissionError(errno.EACCES, "Permission denied", "/d/set/a.jpg")
    assert str(failure("x", PLACE, ROOT, denied)) == "data set 'x' cannot be read: /d/set/a.jpg: Permission denied"
    gone = failure("x", PLACE, ROOT, FileNotFoundError(errno.ENOENT, "No such file", "/d/set/a.jpg"))
    assert type(gone) is MissingError
    assert str(gone).startswith("data set 'x' not found: there is no /d/set/a.jpg; get it with: nox -s data -- x ")
    assert "there is no /d/set;" in str(failure("x", PLACE, ROOT, FileNotFoundError(errno.ENOENT, "No such file")))


def test_what_torch_and_numpy_say_where_memory_is_short_is_known():
    for allocate in (lambda: torch.empty(1 << 60, dtype=torch.uint8), lambda: np.empty(1 << 60, dtype=np.uint8)):
        with pytest.raises((RuntimeError, MemoryError)) as caught:
            allocate()
        assert hindrance(caught.value) == "out of memory"


@pytest.mark.parametrize("kind", [CorruptError, UnreadableError])
def test_a_worker_can_hand_them_to_its_parent(kind):
    error = pickle.loads(pickle.dumps(kind("the message", "the reason")))
    assert (type(error), str(error), error.reason) == (kind, "the message", "the reason")


def test_a_reason_is_one_line_and_never_empty():
    assert one_line("a\n  b\t c ") == "a b c"
    assert one_line(AssertionError()) == "AssertionError"
    assert one_line(MemoryError()) == "out of memory"


def test_a_place_that_cannot_be_looked_at_is_not_taken_for_none(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    for path, kinds in ((tmp_path / "file", (True, False)), (tmp_path, (False, True)), (tmp_path / "no", (False,) * 2)):
        assert (is_file(path), is_folder(path)) == kinds
    assert not is_file(tmp_path / "file" / "below")

    def refused(path, **_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refused)
    for tell in (is_file, is_folder):
        with pytest.raises(PermissionError):
            tell(tmp_path / "file")


def test_the_place_of_files_is_their_folder_but_never_the_data_folder():
    assert place_of(ROOT, ["a/b", "a/c/d"]) == Path("/d/a")
    assert place_of(ROOT, ["a/b"]) == Path("/d/a/b")
    assert place_of(ROOT, ["b.mat", "c.mat"]) == Path("/d/{b.mat,c.mat}")


WRITE = {
    "mnist": lambda root, patch: write_mnist(root / "MNIST" / "raw"),
    "emnist_letters": lambda root, patch: write_letters(root),
    "cifar10": lambda root, patch: write_cifar(root, patch, datasets.CIFAR10),
    "svhn": write_svhn,
    "patch_camelyon": lambda root, patch: write_camelyon(root),
}


def refusing(error):
    def refuse(*_, **__):
        raise error

    return refuse


def files_of(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(("error", "reason"), HINDERED[:7])
@pytest.mark.parametrize("name", WRITE)
def test_files_that_cannot_be_read_are_not_called_corrupt(tmp_path, monkeypatch, name, error, reason):
    WRITE[name](tmp_path, monkeypatch)
    before = files_of(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refusing(error))
        patch.setattr(h5py, "File", refusing(error))
        with pytest.raises(UnreadableError) as caught:
            load(PUBLISHED[name], tmp_path)
    assert str(caught.value).startswith(f"data set {name!r} cannot be read: {tmp_path}/")
    assert caught.value.reason == reason
    assert files_of(tmp_path) == before
    load(PUBLISHED[name], tmp_path)


@pytest.mark.parametrize("name", WRITE)
def test_memory_that_is_short_after_the_files_were_read_is_no_damage(tmp_path, monkeypatch, name):
    WRITE[name](tmp_path, monkeypatch)
    monkeypatch.setattr(parts, "_checked", refusing(HINDERED[8][0]))
    with pytest.raises(UnreadableError, match=r"out of memory$"):
        load(PUBLISHED[name], tmp_path)


@pytest.mark.parametrize("name", WRITE)
def test_a_file_that_goes_while_it_is_read_is_missing(tmp_path, monkeypatch, name):
    WRITE[name](tmp_path, monkeypatch)
    (gone,) = list(tmp_path.rglob(PUBLISHED[name].sources[-1].rpartition("/")[2]))
    gone.unlink()
    for module in (parts, idx):
        monkeypatch.setattr(module, "is_file", lambda path: path.suffix != ".gz")
    with pytest.raises(MissingError, match=f"^data set {name!r} not found: there is no "):
        load(PUBLISHED[name], tmp_path)


def test_a_locked_file_is_not_called_corrupt(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    write_camelyon(tmp_path)
    file = tmp_path / "pcam" / PATCHES.format("test", "y")
    with file.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UnreadableError, match=f"^data set 'patch_camelyon' cannot be read: {file}: .*lock"):
            load(PATCH_CAMELYON, tmp_path)
    load(PATCH_CAMELYON, tmp_path)


def test_a_fault_of_the_code_is_no_fault_of_the_files(tmp_path, monkeypatch):
    monkeypatch.setattr("common.datasets.loading.mode_of", refusing(RuntimeError("a fault")))
    with pytest.raises(RuntimeError, match="a fault"):
        load(MNIST, tmp_path)
