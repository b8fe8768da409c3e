import errno
import os
import shutil
import struct
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from torchvision import datasets

import common.datasets
from common.datasets import ON_DISK, cache, load
from common.errors import UsageError
from tests.common.datasets.test_torchvision_sets import (
    LETTERS,
    write_camelyon,
    write_cifar,
    write_idx,
    write_letters,
    write_mnist,
    write_svhn,
)


@pytest.fixture
def reads(monkeypatch):
    """Count how often source files are decoded, by the name of the data set."""
    counted = []

    def counting(name, found):
        def read(root):
            counted.append(name)
            return found.read(root)

        return replace(found, read=read)

    counts = {name: counting(name, found) for name, found in ON_DISK.items()}
    monkeypatch.setattr(common.datasets, "ON_DISK", counts)
    return counted


@pytest.fixture
def letters(tmp_path):
    write_letters(tmp_path)
    return tmp_path


def file_of(root, name="emnist_letters"):
    return root / "cache" / f"{name}.safetensors"


def same(one, other):
    assert (one.name, one.num_classes, one.fingerprint) == (other.name, other.num_classes, other.fingerprint)


def test_every_slow_set_is_decoded_once_and_then_comes_from_its_cache(tmp_path, monkeypatch, reads):
    write_letters(tmp_path)
    write_svhn(tmp_path, monkeypatch)
    write_camelyon(tmp_path)
    write_cifar(tmp_path, monkeypatch, datasets.CIFAR10)
    for name in ("emnist_letters", "svhn", "patch_camelyon", "cifar10"):
        first, again = load(name, tmp_path), load(name, tmp_path)
        assert reads.count(name) == 1
        same(first, again)
        assert again.train_images.dtype == torch.uint8
        assert again.train_images.is_contiguous()
    assert sorted(os.listdir(tmp_path / "cache")) == [
        f"{name}.safetensors" for name in ("cifar10", "emnist_letters", "patch_camelyon", "svhn")
    ]


def test_quick_sets_have_no_cache(tmp_path, reads):
    write_mnist(tmp_path / "MNIST" / "raw")
    load("mnist", tmp_path)
    load("mnist", tmp_path)
    assert reads == ["mnist"] * 2
    assert not (tmp_path / "cache").exists()
    assert [name for name, found in ON_DISK.items() if not found.slow] == ["mnist", "fashion_mnist", "kmnist"]


def test_the_files_themselves_are_read_where_no_cache_is_wanted(letters, reads):
    load("emnist_letters", letters, cached=False)
    assert not (letters / "cache").exists()
    load("emnist_letters", letters)
    load("emnist_letters", letters, cached=False)
    assert len(reads) == 3


def test_metadata_say_what_the_cache_is_of(letters):
    data = load("emnist_letters", letters)
    with safe_open(file_of(letters), framework="pt") as opened:
        facts = opened.metadata()
    assert facts == {
        "format": "1",
        "name": "emnist_letters",
        "num_classes": "26",
        "made_from": ON_DISK["emnist_letters"].made_from(letters),
        "sha256": data.fingerprint,
    }


def touched(file):
    os.utime(file, ns=(1, 1))


def longer(file):
    stat = file.stat()
    write_idx(file, np.random.default_rng(1).integers(0, 256, (27, 28, 28)))
    write_idx(file.with_name(LETTERS.format("train", "labels-idx1")), np.array([*range(1, 27), 1]))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("change", [touched, longer])
def test_changed_source_files_make_it_anew(letters, reads, capsys, change):
    load("emnist_letters", letters)
    change(letters / "EMNIST" / "raw" / LETTERS.format("train", "images-idx3"))
    changed = load("emnist_letters", letters)
    assert len(reads) == 2
    assert capsys.readouterr().err == "data set 'emnist_letters': its cache is old; it is made anew\n"
    same(changed, load("emnist_letters", letters))
    assert len(reads) == 2
    same(changed, load("emnist_letters", letters, cached=False))


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


def test_a_moved_data_folder_keeps_its_caches(letters, reads, tmp_path_factory):
    load("emnist_letters", letters)
    moved = tmp_path_factory.mktemp("moved") / "data"
    shutil.copytree(letters, moved)
    load("emnist_letters", moved)
    assert len(reads) == 1


@pytest.mark.parametrize("what", ["reader", "format"])
def test_other_code_or_another_format_make_it_anew(letters, reads, monkeypatch, what):
    load("emnist_letters", letters)
    if what == "reader":
        monkeypatch.setattr(cache, "code_fingerprint", lambda module: f"another {module}")
    else:
        monkeypatch.setattr(cache, "FORMAT", "2")
    load("emnist_letters", letters)
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
        lambda content: content.replace(b'"num_classes":"26"', b'"num_classes":"2x"'),
        lambda content: content.replace(b'"num_classes":"26"', b'"num_classos":"26"'),
        lambda content: content.replace(b'"name":"emnist_letters"', b'"name":"emnist_lettres"'),
        lambda content: content.replace(b'"test_labels"', b'"test_labals"'),
    ],
)
def test_a_damaged_cache_is_noticed_and_made_anew(letters, reads, capsys, damage):
    first = load("emnist_letters", letters)
    good = file_of(letters).read_bytes()
    file_of(letters).write_bytes(damage(bytearray(good)))
    assert file_of(letters).read_bytes() != good
    same(first, load("emnist_letters", letters))
    assert len(reads) == 2
    assert capsys.readouterr().err == "data set 'emnist_letters': its cache is damaged; it is made anew\n"
    same(first, load("emnist_letters", letters))
    assert len(reads) == 2
    assert len(file_of(letters).read_bytes()) == len(good)


def test_every_flipped_bit_of_the_tensors_is_noticed(letters):
    load("emnist_letters", letters)
    good, made_from = file_of(letters).read_bytes(), ON_DISK["emnist_letters"].made_from(letters)
    rng = np.random.default_rng(0)
    for place in rng.integers(header(good), len(good), 100):
        content = bytearray(good)
        content[place] ^= 1 << rng.integers(8)
        file_of(letters).write_bytes(content)
        with pytest.raises(cache.UnfitError, match="damaged"):
            cache.read_cache("emnist_letters", file_of(letters), made_from)


def test_the_cache_of_another_set_under_this_name_is_not_taken(letters, reads, monkeypatch):
    write_svhn(letters, monkeypatch)
    load("svhn", letters)
    load("emnist_letters", letters)
    shutil.copy(file_of(letters, "svhn"), file_of(letters))
    assert load("emnist_letters", letters).num_classes == 26
    assert len(reads) == 3


def test_missing_source_files_are_named_although_there_is_a_cache(letters):
    load("emnist_letters", letters)
    (letters / "EMNIST" / "raw" / LETTERS.format("test", "labels-idx1")).unlink()
    with pytest.raises(UsageError, match=r"not found.*emnist-letters-test-labels-idx1-ubyte"):
        load("emnist_letters", letters)


def test_a_folder_that_cannot_be_written_costs_one_line_and_no_data(letters, capsys, reads):
    (letters / "cache").write_text("a file where the folder would be")
    first, again = load("emnist_letters", letters), load("emnist_letters", letters)
    same(first, again)
    assert len(reads) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(
            f"data set 'emnist_letters' goes without a cache: {file_of(letters)} cannot be written: "
        )


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("I/O error: No space left on device")]
)
def test_a_full_disk_leaves_no_half_a_cache(letters, capsys, monkeypatch, error):
    def full(tensors, part, facts):
        part.write_bytes(b"half")
        raise error

    monkeypatch.setattr(cache, "save_file", full)
    data = load("emnist_letters", letters)
    assert len(data.train_labels) == 26
    assert "cannot be written: " in (line := capsys.readouterr().err)
    assert "No space left" in line
    assert os.listdir(letters / "cache") == []


def test_an_interrupted_writer_leaves_the_old_cache_and_its_remains_are_cleared_later(letters, monkeypatch):
    load("emnist_letters", letters)
    touched(letters / "EMNIST" / "raw" / LETTERS.format("train", "images-idx3"))
    old = file_of(letters).read_bytes()

    def killed(tensors, part, facts):
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(cache, "save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            load("emnist_letters", letters)
    assert file_of(letters).read_bytes() == old
    young, abandoned = (file_of(letters).with_name(f"emnist_letters.safetensors.{pid}.part") for pid in (1, 2))
    young.write_bytes(b"another process is at it")
    abandoned.write_bytes(b"killed yesterday")
    os.utime(abandoned, (time.time() - 86400,) * 2)
    load("emnist_letters", letters)
    assert sorted(os.listdir(letters / "cache")) == ["emnist_letters.safetensors", young.name]


@pytest.mark.skipif(os.name == "nt", reason="has no such permissions")
def test_a_cache_may_be_read_by_whom_this_user_lets_read(letters):
    before = os.umask(0o027)
    try:
        load("emnist_letters", letters)
    finally:
        os.umask(before)
    assert file_of(letters).stat().st_mode & 0o777 == 0o640


def test_a_change_to_cached_images_in_memory_does_not_reach_the_file(letters):
    first = load("emnist_letters", letters)
    mapped = load("emnist_letters", letters)
    mapped.train_images.fill_(7)
    same(first, load("emnist_letters", letters))
