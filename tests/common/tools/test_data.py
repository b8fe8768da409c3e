import errno
import gc
import gzip
import hashlib
import http.client
import importlib
import io
import os
import pkgutil
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import weakref
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets
from torchvision.datasets import utils

import common.datasets
from common.datasets import Published, cache, load, parts, svhn
from common.datasets.caltech256 import CALTECH256
from common.datasets.emnist import EMNIST_LETTERS
from common.datasets.mnist import MNIST
from common.datasets.patch_camelyon import PATCH_CAMELYON
from common.datasets.resisc45 import RESISC45
from common.datasets.tiny_imagenet import TINY_IMAGENET
from common.errors import UsageError
from common.tools import data
from common.tools.data import PUBLISHED, main
from tests.common.datasets import test_resisc45
from tests.common.datasets.writers import (
    PATCHES,
    write_camelyon,
    write_cifar,
    write_hdf5,
    write_idx,
    write_letters,
    write_mnist,
    write_svhn,
)
from tests.small_sets import declare


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    declare(monkeypatch, TINY_IMAGENET, classes=2)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A folder of files that stands for all hosts: what is fetched is its file of the same name. Returns what was."""
    place, asked = tmp_path / "host", []
    place.mkdir()

    def retrieve(url, filename, **_):
        file = url.rpartition("/")[2]
        asked.append(file)
        if not (place / file).exists():
            raise OSError(f"no host for {file}")
        shutil.copy(place / file, filename)

    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr(utils, "_urlretrieve", retrieve)
    return place, asked


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def zipped(source, folder, target):
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted((source / folder).rglob("*")):
            archive.write(path, path.relative_to(source))


def compressed(source, target):
    target.write_bytes(gzip.compress(source.read_bytes()))


def publish_mnist(place, work, monkeypatch, name="MNIST"):
    write_mnist(work / name)
    resources = []
    for file in sorted((work / name).iterdir(), key=lambda f: (f.name[0] == "t" and f.name[1] == "1", f.name)):
        compressed(file, place / f"{file.name}.gz")
        resources.append((f"{file.name}.gz", md5(place / f"{file.name}.gz")))
    monkeypatch.setattr(getattr(datasets, name), "resources", resources)


def publish_letters(place, work, monkeypatch):
    write_letters(work)
    with zipfile.ZipFile(place / "gzip.zip", "w") as archive:
        for file in (work / "EMNIST" / "raw").iterdir():
            archive.writestr(f"gzip/{file.name}.gz", gzip.compress(file.read_bytes()))
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(place / "gzip.zip"))


def publish_cifar(place, work, monkeypatch, reader, per_batch=None):
    write_cifar(work, monkeypatch, reader, per_batch)
    with tarfile.open(place / reader.filename, "w:gz") as archive:
        archive.add(work / reader.base_folder, reader.base_folder)
    monkeypatch.setattr(reader, "tgz_md5", md5(place / reader.filename))


def publish_svhn(place, work, monkeypatch):
    write_svhn(place, monkeypatch)


def publish_camelyon(place, work, monkeypatch):
    write_camelyon(work)
    files = {}
    for part in ("train", "test"):
        files[part] = {}
        for kind, key in (("images", "x"), ("targets", "y")):
            file = PATCHES.format(part, key)
            compressed(work / "pcam" / file, place / f"{file}.gz")
            files[part][kind] = (file, f"id of {file}", md5(place / f"{file}.gz"))
    monkeypatch.setattr(datasets.PCAM, "_FILES", files)

    def from_drive(file_id, root, filename, md5):
        assert file_id == f"id of {filename.removesuffix('.gz')}"
        os.makedirs(root, exist_ok=True)
        shutil.copy(place / filename, root)
        assert utils.check_integrity(os.path.join(root, filename), md5)

    monkeypatch.setattr("torchvision.datasets.pcam.download_file_from_google_drive", from_drive)


def image(path, side):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (10, 20, 30)).save(path, format="JPEG")


def archive_of(dataset):
    """Return the archive that a data set is fetched from."""
    return dataset.fetch.__self__


def publish_tiny(place, work, monkeypatch):
    folder = work / "tiny-imagenet-200"
    for wnid in ("n01", "n02"):
        for number in range(2):
            image(folder / "train" / wnid / "images" / f"{wnid}_{number}.JPEG", 64)
        image(folder / "val" / "images" / f"val_{wnid}.JPEG", 64)
    (folder / "wnids.txt").write_text("n01\nn02\n")
    (folder / "val" / "val_annotations.txt").write_text("val_n01.JPEG\tn01\nval_n02.JPEG\tn02\n")
    zipped(work, folder.name, place / "tiny-imagenet-200.zip")
    archive = replace(archive_of(TINY_IMAGENET), digest=md5(place / "tiny-imagenet-200.zip"))
    declare(monkeypatch, TINY_IMAGENET, fetch=archive.fetch)


def publish_caltech(place, work, monkeypatch):
    for number in range(1, 258):
        folder = work / "256_ObjectCategories" / f"{number:03d}.thing"
        for own in range(1, 6):
            image(folder / f"{number:03d}_{own:04d}.jpg", 8)
    with tarfile.open(place / "256_ObjectCategories.tar", "w") as archive:
        archive.add(work / "256_ObjectCategories", "256_ObjectCategories")
    archive = replace(archive_of(CALTECH256), digest=md5(place / "256_ObjectCategories.tar"))
    declare(monkeypatch, CALTECH256, fetch=archive.fetch)


def publish_resisc(place, work, monkeypatch):
    for name in test_resisc45.CLASSES:
        for number in range(1, 6):
            image(work / "NWPU-RESISC45" / name / f"{name}_{number:03d}.jpg", 256)
    zipped(work, "NWPU-RESISC45", place / "NWPU-RESISC45.zip")
    digest = hashlib.sha256((place / "NWPU-RESISC45.zip").read_bytes()).hexdigest()
    declare(monkeypatch, RESISC45, fetch=replace(archive_of(RESISC45), digest=digest).fetch)


PUBLISH = {
    "mnist": publish_mnist,
    "fashion_mnist": lambda *to: publish_mnist(*to, name="FashionMNIST"),
    "kmnist": lambda *to: publish_mnist(*to, name="KMNIST"),
    "emnist_letters": publish_letters,
    "cifar10": lambda *to: publish_cifar(*to, datasets.CIFAR10, 2),
    "cifar100": lambda *to: publish_cifar(*to, datasets.CIFAR100),
    "svhn": publish_svhn,
    "patch_camelyon": publish_camelyon,
    "tiny_imagenet": publish_tiny,
    "caltech256": publish_caltech,
    "resisc45": publish_resisc,
}


def published(name, host, tmp_path, monkeypatch):
    place, asked = host
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    PUBLISH[name](place, work, monkeypatch)
    return tmp_path / "data", asked


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    return code, captured.out, errors


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_set_is_fetched_read_and_then_present(name, host, tmp_path, monkeypatch, capsys):
    root, asked = published(name, host, tmp_path, monkeypatch)
    code, out, errors = run(capsys, name, "--data-dir", root)
    assert (code, errors) == (0, [])
    data = load(PUBLISHED[name], root)
    sizes = len(data.train_labels), len(data.test_labels)
    assert out.splitlines()[-1].startswith(f"{name}: {sizes[0]:,} training and {sizes[1]:,} test images of ")
    before = list(asked)
    assert run(capsys, name, "--data-dir", root)[0] == 0
    assert asked == before, "fetched again what was there"
    code, out, errors = run(capsys, name, "--check", "--data-dir", root)
    assert (code, errors) == (0, [])
    row = out.splitlines()[2].split("  ")
    assert [cell.strip() for cell in row if cell.strip()] == [
        name,
        "present",
        f"{sizes[0]:,} + {sizes[1]:,}",
        str(data.num_classes),
        str(root / PLACES[name]),
        "whole" if PUBLISHED[name].slow else "not needed",
    ]


PLACES = {
    "mnist": "MNIST/raw",
    "fashion_mnist": "FashionMNIST/raw",
    "kmnist": "KMNIST/raw",
    "emnist_letters": "EMNIST/raw",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
    "svhn": "{train_32x32.mat,test_32x32.mat}",
    "patch_camelyon": "pcam",
    "tiny_imagenet": "tiny-imagenet-200",
    "caltech256": "caltech256/256_ObjectCategories",
    "resisc45": "NWPU-RESISC45",
}


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name != "patch_camelyon"])
def test_a_bit_flipped_on_the_way_is_refused_by_name(name, host, tmp_path, monkeypatch, capsys):
    root, _ = published(name, host, tmp_path, monkeypatch)
    for file in host[0].iterdir():
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    code, _, (error,) = run(capsys, name, "--data-dir", root)
    assert code == 2
    assert error.startswith(f"error: data set {name!r} could not be fetched: ")


def test_no_host_is_one_line_and_other_sets_are_fetched_all_the_same(host, tmp_path, monkeypatch, capsys):
    root, _ = published("mnist", host, tmp_path, monkeypatch)
    code, out, (first, second) = run(capsys, "svhn", "mnist", "resisc45", "--data-dir", root)
    assert code == 2
    urls = datasets.SVHN.split_list["train"][0], archive_of(RESISC45).url
    assert first == f"error: data set 'svhn' could not be fetched: {urls[0]}: no host for train_32x32.mat"
    assert second == f"error: data set 'resisc45' could not be fetched: {urls[1]}: no host for NWPU-RESISC45.zip"
    assert out.splitlines()[-1].startswith("mnist: 12 training")


class QuotaError(Exception):
    """As gdown's, which rests on no error of the standard library."""


FAILURES = [
    (
        QuotaError("Failed to retrieve file url:\n\n\tToo many users have viewed or downloaded this file"),
        "Too many users",
    ),
    (http.client.IncompleteRead(b"half", 99), "IncompleteRead(4 bytes read, 99 more expected)"),
    (urllib.error.URLError("Name or service not known"), "Name or service not known"),
    (TimeoutError("timed out"), "timed out"),
    (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    (MemoryError(), "out of memory"),
    (zlib.error("Error -3"), "Error -3"),
    (AssertionError(), "AssertionError"),
]


@pytest.mark.parametrize(("error", "reason"), FAILURES)
@pytest.mark.parametrize("first", ["patch_camelyon", "svhn"])
def test_whatever_keeps_a_set_from_being_fetched_is_one_line_and_the_next_is_fetched(
    host, tmp_path, monkeypatch, capsys, first, error, reason
):
    root, _ = published("mnist", host, tmp_path, monkeypatch)

    def failing(*_, **__):
        raise error

    if first == "patch_camelyon":
        monkeypatch.setattr("torchvision.datasets.pcam.download_file_from_google_drive", failing)
    else:
        monkeypatch.setattr(svhn, "download", failing)
        declare(monkeypatch, MNIST, fetch=lambda root: write_mnist(root / "MNIST" / "raw"))
    code, out, (line,) = run(capsys, first, "mnist", "--data-dir", root)
    assert code == 2
    assert line.startswith(f"error: data set {first!r} could not be fetched: ")
    assert reason in line
    assert out.splitlines()[-1].startswith("mnist: 12 training")


@pytest.mark.parametrize("name", ["mnist", "emnist_letters", "cifar10", "svhn", "tiny_imagenet"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "silent"])
def test_a_fetch_that_ends_half_way_leaves_nothing_that_the_next_one_takes_for_whole(
    name, host, tmp_path, monkeypatch, capsys, told
):
    """A full disk raises an error; a connection that is cut need not."""
    root, asked = published(name, host, tmp_path, monkeypatch)
    whole = utils._urlretrieve

    def half(url, filename, **how):
        whole(url, filename, **how)
        if len(asked) > len(files_of(host[0])) // 2:
            content = Path(filename).read_bytes()
            Path(filename).write_bytes(content[: len(content) // 2])
            if told:
                raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(utils, "_urlretrieve", half)
        code, _, (line,) = run(capsys, name, "--data-dir", root)
    assert code == 2
    assert line.startswith(f"error: data set {name!r} could not be fetched: ")
    assert ("No space left on device" if told else " sum ") in line
    assert not [file for file in files_of(root) if file.endswith(".part")]
    assert run(capsys, name, "--data-dir", root)[::2] == (0, [])


def files_of(root):
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_another_mirror_is_asked_where_one_fails(host, tmp_path, monkeypatch, capsys):
    root, asked = published("mnist", host, tmp_path, monkeypatch)
    assert len(datasets.MNIST.mirrors) == 2
    retrieve, first = utils._urlretrieve, datasets.MNIST.mirrors[0]

    def only_the_second(url, filename, **how):
        if url.split("://")[1].startswith(first.split("://")[1]):
            raise OSError("gone")
        retrieve(url, filename, **how)

    monkeypatch.setattr(utils, "_urlretrieve", only_the_second)
    assert run(capsys, "mnist", "--data-dir", root)[::2] == (0, [])
    assert len(asked) == 4


def test_files_that_lie_there_packed_are_not_fetched_again(host, tmp_path, monkeypatch, capsys):
    root, asked = published("mnist", host, tmp_path, monkeypatch)
    folder = root / "MNIST" / "raw"
    write_mnist(folder)
    for file in list(folder.iterdir()):
        compressed(file, folder / f"{file.name}.gz")
        file.unlink()
    before = files_of(folder)
    assert run(capsys, "mnist", "--data-dir", root)[::2] == (0, [])
    assert (asked, files_of(folder)) == ([], before)


@pytest.mark.parametrize("name", ["cifar10", "tiny_imagenet", "svhn", "emnist_letters"])
def test_any_set_of_which_one_file_is_gone_is_made_whole_again(name, host, tmp_path, monkeypatch, capsys):
    root, _ = published(name, host, tmp_path, monkeypatch)
    assert run(capsys, name, "--data-dir", root)[0] == 0
    before = files_of(root / PLACES[name].partition("{")[0])
    gone = {
        "cifar10": "cifar-10-batches-py/data_batch_3",
        "tiny_imagenet": "tiny-imagenet-200/val/val_annotations.txt",
        "svhn": "test_32x32.mat",
        "emnist_letters": "EMNIST/raw/emnist-letters-test-images-idx3-ubyte.gz",
    }[name]
    (root / gone).unlink()
    assert run(capsys, name, "--data-dir", root)[::2] == (0, [])
    assert files_of(root / PLACES[name].partition("{")[0]) == before


def test_the_letters_are_all_that_is_kept_of_emnist(host, tmp_path, monkeypatch, capsys):
    root, _ = published("emnist_letters", host, tmp_path, monkeypatch)
    assert run(capsys, "emnist_letters", "--data-dir", root)[0] == 0
    letters = [f"{source.rpartition('/')[2]}.gz" for source in EMNIST_LETTERS.sources]
    assert files_of(root) == sorted([*letters, "gzip.zip"])


def test_an_interrupted_fetch_ends_with_code_130(monkeypatch, tmp_path, capsys):
    def interrupted(root):
        raise KeyboardInterrupt

    declare(monkeypatch, MNIST, fetch=interrupted)
    assert main(["mnist", "--data-dir", str(tmp_path)]) == 130
    assert capsys.readouterr().err.startswith("\ninterrupted: ")


@pytest.mark.parametrize(
    ("name", "file"), [("resisc45", "NWPU-RESISC45.zip"), ("tiny_imagenet", "tiny-imagenet-200.zip")]
)
def test_an_archive_that_leaves_its_folder_is_refused_by_name(name, file, host, tmp_path, monkeypatch, capsys):
    root, _ = published(name, host, tmp_path, monkeypatch)
    with zipfile.ZipFile(host[0] / file, "a") as archive:
        archive.writestr("../stray", "evil")
    archive = replace(archive_of(PUBLISHED[name]), algorithm="md5", digest=md5(host[0] / file))
    declare(monkeypatch, PUBLISHED[name], fetch=archive.fetch)
    code, _, (error,) = run(capsys, name, "--data-dir", root)
    assert code == 2
    assert error.endswith(f"{root / file} is refused: its member '../stray' would land outside of the folder")
    assert not (tmp_path / "stray").exists()
    assert os.listdir(root) == [file]


def test_a_tar_that_leaves_its_folder_is_refused_by_name(host, tmp_path, monkeypatch, capsys):
    root, _ = published("cifar10", host, tmp_path, monkeypatch)
    archive = host[0] / datasets.CIFAR10.filename
    with tarfile.open(archive, "w:gz") as opened:
        opened.addfile(tarfile.TarInfo("../stray"), io.BytesIO())
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive))
    code, _, (error,) = run(capsys, "cifar10", "--data-dir", root)
    assert code == 2
    assert error.endswith(f"{root / archive.name} is refused: its member '../stray' would land outside of the folder")
    assert not (tmp_path / "stray").exists()


def test_cifar_is_fetched_without_being_unpickled_by_torchvision(host, tmp_path, monkeypatch, capsys):
    root, _ = published("cifar10", host, tmp_path, monkeypatch)
    monkeypatch.setattr("pickle.load", lambda *_, **__: pytest.fail("unpickled without restriction"))
    assert run(capsys, "cifar10", "--data-dir", root)[0] == 0


def test_a_set_of_which_one_file_is_gone_is_fetched_again(host, tmp_path, monkeypatch, capsys):
    root, _ = published("mnist", host, tmp_path, monkeypatch)
    assert run(capsys, "mnist", "--data-dir", root)[0] == 0
    gone = root / f"{MNIST.sources[-1]}.gz"
    gone.unlink()
    assert run(capsys, "mnist", "--data-dir", root)[0] == 0
    assert gone.is_file()


@pytest.mark.parametrize("counts", [(60_000, 10_000), (12, 3)])
def test_fewer_or_more_images_than_were_published_are_damage(host, tmp_path, monkeypatch, capsys, counts):
    root, _ = published("mnist", host, tmp_path, monkeypatch)
    declare(monkeypatch, MNIST, train=counts[0], test=counts[1])
    code, _, (error,) = run(capsys, "mnist", "--data-dir", root)
    assert code == 2
    assert (
        f"'mnist' is corrupt: {root / 'MNIST/raw'}: 12 + 4 images, where {counts[0]:,} + {counts[1]:,} were published"
        in error
    )


def test_every_set_of_the_suite_can_be_fetched():
    found = {}
    for module in pkgutil.iter_modules(common.datasets.__path__, "common.datasets."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Published):
                found[value.name] = value
    assert found == PUBLISHED


def test_check_says_what_is_there_missing_and_damaged_and_fetches_nothing(host, tmp_path, monkeypatch, capsys):
    root = tmp_path / "data"
    write_mnist(root / "MNIST" / "raw")
    write_mnist(root / "KMNIST" / "raw")
    write_idx(root / "KMNIST" / "raw" / "t10k-labels-idx1-ubyte", np.arange(3))
    write_camelyon(root)
    load(PATCH_CAMELYON, root)
    code, out, errors = run(capsys, "--check", "--data-dir", root)
    assert code == 2
    assert len(errors) == 1
    assert errors[0].startswith(f"error: data set 'kmnist' is corrupt: {root / 'KMNIST/raw'}: ")
    head, _, *rows = out.splitlines()
    assert head.split("  ")[0] == "data set"
    states = {row.split()[0]: row for row in rows if not row.startswith(" ")}  # long reasons fill two lines
    assert list(states) == list(PUBLISHED)
    assert "present  " in states["mnist"]
    assert "damaged: kmnist, test: 4 images need as many" in states["kmnist"]
    assert "12 + 4" not in states["kmnist"]
    assert states["patch_camelyon"].endswith("whole")
    assert sum("missing" in row for row in rows) == 8
    assert host[1] == []


def test_check_of_a_named_set_that_is_missing_fails(tmp_path, capsys):
    code, out, (error,) = run(capsys, "svhn", "--check", "--data-dir", tmp_path)
    assert code == 2
    assert "missing" in out
    assert error.startswith("error: data set 'svhn' not found")
    assert run(capsys, "--check", "--data-dir", tmp_path)[0] == 0


def test_check_tells_files_that_cannot_be_read_from_damaged_ones(tmp_path, monkeypatch, capsys):
    write_mnist(tmp_path / "MNIST" / "raw")
    write_mnist(tmp_path / "KMNIST" / "raw")
    denied, read = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte", Path.read_bytes

    def refused(path):
        if path == denied:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    code, out, (error,) = run(capsys, "--check", "--data-dir", tmp_path)
    assert code == 2
    assert error == f"error: data set 'mnist' cannot be read: {denied}: Permission denied"
    states = {row.split()[0]: row for row in out.splitlines()[2:]}
    assert "  cannot be read: Permission denied  " in states["mnist"]
    assert "  present  " in states["kmnist"]


def test_check_says_of_a_cache_that_it_cannot_be_read(tmp_path, capsys):
    write_camelyon(tmp_path)
    (tmp_path / "cache" / "patch_camelyon.safetensors").mkdir(parents=True)
    code, out, _ = run(capsys, "patch_camelyon", "--check", "--data-dir", tmp_path)
    assert code == 0
    assert out.splitlines()[2].endswith("is no regular file")


def test_check_and_load_count_by_one_table(tmp_path, monkeypatch, capsys):
    write_mnist(tmp_path / "MNIST" / "raw")
    declare(monkeypatch, MNIST, train=60_000, test=10_000)
    with pytest.raises(UsageError) as caught:
        load(MNIST, tmp_path)
    assert run(capsys, "mnist", "--check", "--data-dir", tmp_path)[::2] == (2, [f"error: {caught.value}"])


def test_check_keeps_no_images_while_it_looks_at_other_sets(tmp_path, monkeypatch, capsys):
    made, alive = [], []
    for name in ("MNIST", "KMNIST", "FashionMNIST"):
        write_mnist(tmp_path / name / "raw")
    write_idx(tmp_path / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte", np.arange(3))  # fails when all is read

    def watched(dataset, root, *, cached=True):
        gc.collect()
        alive.append(sum(image() is not None for image in made))
        try:
            data = load(dataset, root, cached=cached)
        finally:
            made.extend(weakref.ref(image) for image in watched_tensors)
            watched_tensors.clear()
        return data

    watched_tensors, checked = [], parts._checked

    def keeping(images, labels, shape):
        watched_tensors.append(images)
        return checked(images, labels, shape)

    monkeypatch.setattr(parts, "_checked", keeping)
    monkeypatch.setattr(data, "load", watched)
    assert run(capsys, "fashion_mnist", "mnist", "kmnist", "svhn", "--check", "--data-dir", tmp_path)[0] == 2
    assert len(made) == 6
    assert alive == [0, 0, 0, 0]


@pytest.mark.skipif(os.name == "nt", reason="has no such names")
def test_a_folder_whose_name_cannot_be_printed_is_printed_all_the_same(tmp_path, capsys):
    root = tmp_path / os.fsdecode(b"data-\xff")
    write_mnist(root / "MNIST" / "raw")
    for option in ("mnist", "--check"):
        code, out, errors = run(capsys, option, "--data-dir", root)
        assert (code, errors) == (0, [])
        assert f"{tmp_path}/data-\\udcff/MNIST/raw" in out


def test_check_reads_files_whose_damage_the_cache_would_hide(tmp_path, capsys):
    write_camelyon(tmp_path)
    load(PATCH_CAMELYON, tmp_path)
    labels = tmp_path / "pcam" / PATCHES.format("train", "y")
    stat = labels.stat()
    write_hdf5(labels, "y", np.full((5, 1, 1, 1), 99, np.uint8))
    os.utime(labels, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert labels.stat().st_size == stat.st_size
    load(PATCH_CAMELYON, tmp_path)
    code, _, (error,) = run(capsys, "patch_camelyon", "--check", "--data-dir", tmp_path)
    assert code == 2
    assert "labels reach from 99 to 99" in error


@pytest.mark.parametrize("state", ["none", "old", "damaged"])
def test_check_says_how_the_cache_is_and_makes_none(tmp_path, capsys, state):
    write_camelyon(tmp_path)
    file = tmp_path / "cache" / "patch_camelyon.safetensors"
    if state != "none":
        load(PATCH_CAMELYON, tmp_path)
    if state == "old":
        os.utime(tmp_path / "pcam" / PATCHES.format("train", "y"), ns=(1, 1))
    if state == "damaged":
        file.write_bytes(file.read_bytes()[:-1])
    before = file.read_bytes() if file.exists() else None
    code, out, _ = run(capsys, "patch_camelyon", "--check", "--data-dir", tmp_path)
    assert code == 0
    assert out.splitlines()[2].endswith(state)
    assert (file.read_bytes() if file.exists() else None) == before


def test_check_calls_a_whole_cache_of_other_images_damaged(tmp_path, capsys):
    write_camelyon(tmp_path)
    data = load(PATCH_CAMELYON, tmp_path)
    other = replace(data, train_images=255 - data.train_images)
    file = tmp_path / "cache" / "patch_camelyon.safetensors"
    cache._write(other, file, cache.origin(PATCH_CAMELYON, tmp_path))
    code, out, _ = run(capsys, "patch_camelyon", "--check", "--data-dir", tmp_path)
    assert code == 0
    assert out.splitlines()[2].endswith("damaged")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["minst"], "error: no data set minst to fetch; there are: mnist, fashion_mnist, "),
        (["digits", "--check"], "error: no data set digits to fetch; there are: mnist, "),
        ([], "error: name the data sets to fetch, of: mnist, "),
    ],
)
def test_bad_usage_is_one_line_and_code_2(capsys, arguments, message):
    code, out, (error,) = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert error.startswith(message)


def test_data_folders_that_cannot_be_used_are_named(tmp_path, monkeypatch, capsys):
    file = tmp_path / "file"
    file.write_text("")
    for place, option, message in (
        (file, "--check", f"error: --data-dir {file} is not a folder"),
        (file, "mnist", f"error: the data folder {file} is not a folder"),
        (file / "below", "mnist", f"error: the data folder {file / 'below'} cannot be made: Not a directory"),
        (tmp_path / "none", "--check", f"error: --data-dir {tmp_path / 'none'} does not exist"),
    ):
        assert run(capsys, option, "--data-dir", place) == (2, "", [message])
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    message = f"error: the data folder {tmp_path} may not be written: permission denied"
    assert run(capsys, "mnist", "--data-dir", tmp_path) == (2, "", [message])


def test_the_module_is_a_command(tmp_path):
    command = [sys.executable, "-m", "common.tools.data", "cifar11"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no data set cifar11 to fetch")


def test_tensors_of_a_fetched_set_are_uint8(host, tmp_path, monkeypatch, capsys):
    root, _ = published("tiny_imagenet", host, tmp_path, monkeypatch)
    assert run(capsys, "tiny_imagenet", "--data-dir", root)[0] == 0
    assert load(TINY_IMAGENET, root).train_images.dtype == torch.uint8
