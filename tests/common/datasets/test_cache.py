import errno
import os
import shutil
import struct
import time
from dataclasses import replace
from functools import wraps
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from torchvision import datasets

from common.datasets import cache, load
from common.datasets.mnist import MNIST
from common.datasets.patch_camelyon import PATCH_CAMELYON
from common.datasets.svhn import SVHN
from common.errors import UsageError
from common.tools.data import PUBLISHED
from tests.common.datasets.writers import (
    PATCHES,
    write_camelyon,
    write_cifar,
    write_hdf5,
    write_mnist,
    write_svhn,
)
from tests.small_sets import declare, publish_small


@pytest.fixture
def reads(monkeypatch):
    """Count how often source files are decoded, by the name of the data set."""
    counted = []

    def counting(read):
        @wraps(read)
        def counted_read(dataset, root):
            counted.append(dataset.name)
            return read(dataset, root)

        return counted_read

    for dataset in PUBLISHED.values():
        declare(monkeypatch, dataset, read=counting(dataset.read))
    return counted


@pytest.fixture
def patches(tmp_path):
    write_camelyon(tmp_path)
    return tmp_path


def file_of(root, name="patch_camelyon"):
    return root / "cache" / f"{name}.safetensors"


def same(one, other):
    assert (one.name, one.num_classes, one.fingerprint) == (other.name, other.num_classes, other.fingerprint)


def test_every_slow_set_is_decoded_once_and_then_comes_from_its_cache(tmp_path, monkeypatch, reads):
    write_svhn(tmp_path, monkeypatch)
    write_camelyon(tmp_path)
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR100)
    for name in (names := ("cifar10", "cifar100", "patch_camelyon", "svhn")):
        first, again = load(PUBLISHED[name], tmp_path), load(PUBLISHED[name], tmp_path)
        assert reads.count(name) == 1
        same(first, again)
        assert again.train_images.dtype == torch.uint8
        assert again.train_images.is_contiguous()
    assert sorted(os.listdir(tmp_path / "cache")) == [f"{name}.safetensors" for name in names]


QUICK = ["mnist", "fashion_mnist", "kmnist", "emnist_letters"]


def test_quick_sets_have_no_cache(tmp_path, reads):
    write_mnist(tmp_path / "MNIST" / "raw")
    load(MNIST, tmp_path)
    load(MNIST, tmp_path)
    assert reads == ["mnist"] * 2
    assert not (tmp_path / "cache").exists()
    assert [name for name, dataset in PUBLISHED.items() if not dataset.slow] == QUICK


def test_the_files_themselves_are_read_where_no_cache_is_wanted(patches, reads):
    load(PATCH_CAMELYON, patches, cached=False)
    assert not (patches / "cache").exists()
    load(PATCH_CAMELYON, patches)
    load(PATCH_CAMELYON, patches, cached=False)
    assert len(reads) == 3


def test_metadata_say_what_the_cache_is_of(patches):
    data = load(PATCH_CAMELYON, patches)
    with safe_open(file_of(patches), framework="pt") as opened:
        facts = opened.metadata()
    assert facts == {
        "format": "1",
        "name": "patch_camelyon",
        "num_classes": "2",
        "made_from": cache.origin(PATCH_CAMELYON, patches),
        "sha256": data.fingerprint,
    }


def touched(file, monkeypatch=None):
    os.utime(file, ns=(1, 1))


def longer(file, monkeypatch):
    """One more image, published as it is; sizes and times of the files as they were, where that can be."""
    publish_small(monkeypatch, patch_camelyon=(6, 3))
    stat = file.stat()
    write_hdf5(file, "x", np.random.default_rng(1).integers(0, 256, (6, 96, 96, 3), dtype=np.uint8))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    labels = file.with_name(PATCHES.format("train", "y"))
    stat = labels.stat()
    write_hdf5(labels, "y", np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1) % 2)
    os.utime(labels, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("change", [touched, longer])
def test_changed_source_files_make_it_anew(patches, reads, capsys, monkeypatch, change):
    load(PATCH_CAMELYON, patches)
    change(patches / "pcam" / PATCHES.format("train", "x"), monkeypatch)
    changed = load(PATCH_CAMELYON, patches)
    assert len(reads) == 2
    assert capsys.readouterr().err == "data set 'patch_camelyon': its cache is old; it is made anew\n"
    same(changed, load(PATCH_CAMELYON, patches))
    assert len(reads) == 2
    same(changed, load(PATCH_CAMELYON, patches, cached=False))


def test_who_reads_the_old_cache_keeps_it_while_another_takes_its_place(patches, monkeypatch):
    load(PATCH_CAMELYON, patches)
    os.link(file_of(patches), patches / "old")  # stands for a process that has mapped it
    old = (patches / "old").read_bytes()
    longer(patches / "pcam" / PATCHES.format("train", "x"), monkeypatch)
    load(PATCH_CAMELYON, patches)
    assert (patches / "old").read_bytes() == old
    assert file_of(patches).read_bytes() != old


def test_files_that_came_went_or_were_renamed_are_noticed(tmp_path):
    for name in ("a/x", "a/b/y", "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(5, 5))

    def fingerprint():
        return cache.fingerprint(tmp_path, ("a", "c"), "common.datasets.cifar")

    seen = [fingerprint()]
    assert seen == [fingerprint()]
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "z")
    seen.append(fingerprint())
    (tmp_path / "a" / "new").mkdir()
    seen.append(fingerprint())
    (tmp_path / "a" / "b" / "y").unlink()
    seen.append(fingerprint())
    (tmp_path / "c").write_text("longer")
    os.utime(tmp_path / "c", ns=(5, 5))
    seen.append(fingerprint())
    os.utime(tmp_path / "c", ns=(6, 6))
    seen.append(fingerprint())
    (tmp_path / "elsewhere").write_text("no source")
    assert fingerprint() == seen[-1]
    assert len({*seen}) == 6


def test_a_moved_data_folder_keeps_its_caches(patches, reads, tmp_path_factory):
    load(PATCH_CAMELYON, patches)
    moved = tmp_path_factory.mktemp("moved") / "data"
    shutil.copytree(patches, moved)
    load(PATCH_CAMELYON, moved)
    assert len(reads) == 1


@pytest.mark.parametrize("what", ["reader", "format"])
def test_other_code_or_another_format_make_it_anew(patches, reads, monkeypatch, what):
    load(PATCH_CAMELYON, patches)
    if what == "reader":
        monkeypatch.setattr(cache, "code_fingerprint", lambda module: f"another {module}")
    else:
        monkeypatch.setattr(cache, "FORMAT", "2")
    load(PATCH_CAMELYON, patches)
    assert len(reads) == 2


def flipped(place):
    def flip(content):
        content[place] ^= 1
        return content

    return flip


def header(content):
    return 8 + struct.unpack("<Q", content[:8])[0]


@pytest.mark.parametrize(
    "damage",
    [
        flipped(-1),
        flipped(-5000),
        lambda content: flipped(header(content))(content),
        lambda content: content[:-1],
        lambda content: content[: header(content) - 3],
        lambda content: content[:5],
        lambda content: b"",
        lambda content: content.replace(b'"num_classes":"2"', b'"num_classes":"x"'),
        lambda content: content.replace(b'"num_classes":"2"', b'"num_classos":"2"'),
        lambda content: content.replace(b'"name":"patch_camelyon"', b'"name":"patch_camelyan"'),
        lambda content: content.replace(b'"test_labels"', b'"test_labals"'),
    ],
)
def test_a_damaged_cache_is_noticed_and_made_anew(patches, reads, capsys, damage):
    first = load(PATCH_CAMELYON, patches)
    good = file_of(patches).read_bytes()
    file_of(patches).write_bytes(damage(bytearray(good)))
    assert file_of(patches).read_bytes() != good
    same(first, load(PATCH_CAMELYON, patches))
    assert len(reads) == 2
    assert capsys.readouterr().err == "data set 'patch_camelyon': its cache is damaged; it is made anew\n"
    same(first, load(PATCH_CAMELYON, patches))
    assert len(reads) == 2
    assert len(file_of(patches).read_bytes()) == len(good)


def test_every_flipped_bit_of_the_tensors_is_noticed(patches):
    load(PATCH_CAMELYON, patches)
    good, made_from = file_of(patches).read_bytes(), cache.origin(PATCH_CAMELYON, patches)
    rng = np.random.default_rng(0)
    for place in rng.integers(header(good), len(good), 100):
        content = bytearray(good)
        content[place] ^= 1 << rng.integers(8)
        file_of(patches).write_bytes(content)
        with pytest.raises(cache.UnfitError, match="damaged"):
            cache.read_cache(PATCH_CAMELYON, file_of(patches), made_from)


def test_the_cache_of_another_set_under_this_name_is_not_taken(patches, reads, monkeypatch):
    write_svhn(patches, monkeypatch)
    load(SVHN, patches)
    load(PATCH_CAMELYON, patches)
    shutil.copy(file_of(patches, "svhn"), file_of(patches))
    assert load(PATCH_CAMELYON, patches).num_classes == 2
    assert len(reads) == 3


def test_missing_source_files_are_named_although_there_is_a_cache(patches):
    load(PATCH_CAMELYON, patches)
    (patches / "pcam" / PATCHES.format("test", "y")).unlink()
    with pytest.raises(UsageError, match=r"not found.*split_test_y\.h5"):
        load(PATCH_CAMELYON, patches)


def test_a_folder_that_cannot_be_written_costs_one_line_and_no_data(patches, capsys, reads):
    (patches / "cache").write_text("a file where the folder would be")
    first, again = load(PATCH_CAMELYON, patches), load(PATCH_CAMELYON, patches)
    same(first, again)
    assert len(reads) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(
            f"data set 'patch_camelyon' goes without a cache: {file_of(patches)} cannot be written: "
        )


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("I/O error: No space left on device")]
)
def test_a_full_disk_leaves_no_half_a_cache(patches, capsys, monkeypatch, error):
    def full(tensors, part, facts):
        part.write_bytes(b"half")
        raise error

    monkeypatch.setattr(cache, "save_file", full)
    data = load(PATCH_CAMELYON, patches)
    assert len(data.train_labels) == 5
    assert "cannot be written: " in (line := capsys.readouterr().err)
    assert "No space left" in line
    assert os.listdir(patches / "cache") == []


def test_an_interrupted_writer_leaves_the_old_cache_and_its_remains_are_cleared_later(patches, monkeypatch):
    load(PATCH_CAMELYON, patches)
    touched(patches / "pcam" / PATCHES.format("train", "x"))
    old = file_of(patches).read_bytes()

    def killed(tensors, part, facts):
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cache, "save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            load(PATCH_CAMELYON, patches)
    assert file_of(patches).read_bytes() == old
    young, abandoned = (file_of(patches).with_name(f"patch_camelyon.safetensors.{pid}.part") for pid in (1, 2))
    young.write_bytes(b"another process is at it")
    abandoned.write_bytes(b"killed yesterday")
    os.utime(abandoned, (time.time() - 86400,) * 2)
    load(PATCH_CAMELYON, patches)
    assert sorted(os.listdir(patches / "cache")) == ["patch_camelyon.safetensors", young.name]


def refusing(error):
    def refuse(*_, **__):
        raise error

    return refuse


@pytest.mark.parametrize(
    ("refused", "error", "reason"),
    [
        ("stat", PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        ("open", PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        ("open", OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        ("safe_open", OSError("No such device (os error 19)"), "No such device (os error 19)"),
        ("safe_open", MemoryError("Cannot allocate memory (os error 12)"), "out of memory"),
        ("safe_open", FileNotFoundError("No such file or directory: it"), "No such file or directory: it"),
    ],
)
def test_a_cache_that_cannot_be_read_may_be_good_and_stays(patches, reads, capsys, monkeypatch, refused, error, reason):
    first = load(PATCH_CAMELYON, patches)
    good, made = file_of(patches).read_bytes(), file_of(patches).stat().st_mtime_ns
    with monkeypatch.context() as patch:
        if refused == "safe_open":
            patch.setattr(cache, "safe_open", refusing(error))
        else:
            allowed = getattr(Path, refused)
            refuse = refusing(error)
            patch.setattr(
                Path, refused, lambda path, *a, **k: (refuse if path == file_of(patches) else allowed)(path, *a, **k)
            )
        same(first, load(PATCH_CAMELYON, patches))
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"data set 'patch_camelyon' goes without a cache: {file_of(patches)} cannot be read: {reason}"
    assert (file_of(patches).read_bytes(), file_of(patches).stat().st_mtime_ns) == (good, made)
    same(first, load(PATCH_CAMELYON, patches))
    assert len(reads) == 2
    assert os.listdir(patches / "cache") == [file_of(patches).name]


def folder(place):
    place.mkdir()
    (place / "own").write_text("mine")


def pipe(place):
    os.mkfifo(place)


@pytest.mark.skipif(os.name == "nt", reason="has no such files")
@pytest.mark.parametrize("make", [folder, pipe, lambda place: place.symlink_to("/dev/null")])
def test_what_is_no_file_in_the_place_of_a_cache_costs_one_line_and_stays(patches, reads, capsys, make):
    (patches / "cache").mkdir()
    make(file_of(patches))
    before = file_of(patches).lstat()
    first, again = load(PATCH_CAMELYON, patches), load(PATCH_CAMELYON, patches)
    same(first, again)
    assert len(reads) == 2
    expected = f"data set 'patch_camelyon' goes without a cache: {file_of(patches)} is no regular file"
    assert capsys.readouterr().err.splitlines() == [expected] * 2
    assert (file_of(patches).lstat().st_ino, file_of(patches).lstat().st_mode) == (before.st_ino, before.st_mode)
    assert os.listdir(patches / "cache") == [file_of(patches).name]


@pytest.mark.skipif(os.name == "nt", reason="has no such names")
def test_a_name_that_safetensors_cannot_read_costs_one_line_and_no_cache(patches, reads, capfd):
    root = patches.parent / os.fsdecode(b"data-\xff")
    patches.rename(root)
    try:
        first, again = load(PATCH_CAMELYON, root), load(PATCH_CAMELYON, root)
        same(first, again)
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == len(reads) == 2
        assert all(line.endswith("cannot be read: its name is not UTF-8") for line in lines)
        assert not (root / "cache").exists()
    finally:
        root.rename(patches)


def test_memory_that_is_short_for_a_cache_costs_one_line_and_no_data(patches, capsys, monkeypatch):
    monkeypatch.setattr(cache, "save_file", refusing(MemoryError()))
    assert len(load(PATCH_CAMELYON, patches).train_labels) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"goes without a cache: {file_of(patches)} cannot be written: out of memory")
    assert os.listdir(patches / "cache") == []


def test_a_cache_of_another_number_of_images_is_made_anew(patches, reads, capsys):
    data = load(PATCH_CAMELYON, patches)
    fewer = replace(data, train_images=data.train_images[:4], train_labels=data.train_labels[:4])
    cache._write(fewer, file_of(patches), cache.origin(PATCH_CAMELYON, patches))
    same(data, load(PATCH_CAMELYON, patches))
    assert len(reads) == 2
    assert capsys.readouterr().err == "data set 'patch_camelyon': its cache is damaged; it is made anew\n"


@pytest.mark.skipif(os.name == "nt", reason="has no such permissions")
def test_a_cache_may_be_read_by_whom_this_user_lets_read(patches):
    before = os.umask(0o027)
    try:
        load(PATCH_CAMELYON, patches)
    finally:
        os.umask(before)
    assert file_of(patches).stat().st_mode & 0o777 == 0o640


def test_a_change_to_cached_images_in_memory_does_not_reach_the_file(patches):
    first = load(PATCH_CAMELYON, patches)
    mapped = load(PATCH_CAMELYON, patches)
    mapped.train_images.fill_(7)
    same(first, load(PATCH_CAMELYON, patches))
