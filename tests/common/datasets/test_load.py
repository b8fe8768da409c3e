import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import common.datasets
from common.datasets import ON_DISK, ImageData, default_folder, load, published
from common.datasets.problems import CorruptError, require_readable
from common.errors import UsageError


@pytest.mark.parametrize("name", ["digits", "digits28", "procedural10", "procedural40"])
def test_embedded_sets_carry_their_name(name):
    assert load(name).name == name


def test_unknown_name_lists_all_names():
    with pytest.raises(UsageError, match="'imagenet21k'") as caught:
        load("imagenet21k")
    names = (
        "digits, digits28, procedural10, procedural40, templates, mnist, fashion_mnist, kmnist, emnist_letters, "
        "cifar10, cifar100, svhn, patch_camelyon, tiny_imagenet, caltech256, resisc45"
    )
    assert str(caught.value).endswith(names)


def test_data_dir_is_the_argument_then_the_environment_then_data(monkeypatch, tmp_path):
    monkeypatch.setenv("PLASTICITY_BENCH_DATA", str(tmp_path / "from-environment"))
    with pytest.raises(UsageError, match="from-argument"):
        load("tiny_imagenet", tmp_path / "from-argument")
    with pytest.raises(UsageError, match="from-environment"):
        load("tiny_imagenet")
    monkeypatch.setenv("PLASTICITY_BENCH_DATA", "")  # as good as none, and not the current folder
    with pytest.raises(UsageError, match=f"no {Path('data')}/tiny"):
        load("tiny_imagenet")
    assert default_folder() == Path("data")
    monkeypatch.delenv("PLASTICITY_BENCH_DATA")
    assert default_folder() == Path("data")


def test_a_data_folder_that_is_none_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match=f"^the data folder {file} is not a folder$"):
        load("mnist", file)
    with pytest.raises(UsageError, match=f"'mnist' not found: there is no {file / 'below'}"):
        load("mnist", file / "below")


@pytest.mark.parametrize("name", ["mnist", "cifar10", "tiny_imagenet", "caltech256", "resisc45"])
def test_a_data_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch, name):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match=f"^the data folder {tmp_path} may not be read: permission denied$"):
        load(name, tmp_path)


def test_a_folder_within_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "NWPU-RESISC45").mkdir()

    def refused(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refused)
    message = rf"^data set 'resisc45' cannot be read: {tmp_path / 'NWPU-RESISC45'}: Permission denied$"
    with pytest.raises(UsageError, match=message):
        load("resisc45", tmp_path)


def test_a_folder_behind_one_that_may_not_be_entered_is_named(monkeypatch):
    def refused(folder, **_):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "stat", refused)
    with pytest.raises(UsageError, match=r"^--data-dir /locked/data may not be read: Permission denied$"):
        require_readable("--data-dir", Path("/locked/data"))


def test_embedded_sets_need_no_folder(tmp_path):
    assert load("digits", tmp_path / "nowhere").name == "digits"


def images(count):
    return torch.zeros(count, 1, 2, 2, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64)


@pytest.fixture(params=ON_DISK)
def seven(request, monkeypatch):
    """The name of a data set on disk that has five training images and two test images, whatever lies there."""
    data = ImageData(request.param, *images(5), *images(2), 1)
    found = replace(ON_DISK[request.param], read=lambda root: data)
    monkeypatch.setattr(common.datasets, "ON_DISK", {**ON_DISK, request.param: found})
    return request.param


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(("counts", "told"), [((6, 2), "6 + 2"), ((5, 1), "5 + 1"), ((6,), "6"), ((4, 3), "4 + 3")])
def test_another_number_of_images_than_was_published_is_never_trained_on(
    seven, tmp_path, monkeypatch, cached, counts, told
):
    monkeypatch.setitem(published.IMAGES, seven, counts)
    with pytest.raises(CorruptError) as caught:
        load(seven, tmp_path, cached=cached)
    found = "7" if len(counts) == 1 else "5 + 2"
    assert str(caught.value).startswith(f"data set {seven!r} is corrupt: {ON_DISK[seven].place(tmp_path)}: ")
    assert caught.value.reason == f"{found} images, where {told} were published"
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("counts", [(5, 2), (7,)])
def test_as_many_images_as_were_published_are_read(seven, tmp_path, monkeypatch, counts):
    monkeypatch.setitem(published.IMAGES, seven, counts)
    assert len(load(seven, tmp_path).train_labels) == 5


def test_a_cache_that_was_made_of_another_number_of_images_is_not_trained_on(seven, tmp_path, monkeypatch):
    monkeypatch.setitem(published.IMAGES, seven, (5, 2))
    load(seven, tmp_path)
    assert (tmp_path / "cache" / f"{seven}.safetensors").exists() == ON_DISK[seven].slow
    monkeypatch.setitem(published.IMAGES, seven, (50, 20))
    with pytest.raises(CorruptError, match="5 \\+ 2 images, where 50 \\+ 20 were published"):
        load(seven, tmp_path)


def test_a_set_without_a_published_number_is_never_read_unchecked(seven, tmp_path, monkeypatch):
    monkeypatch.delitem(published.IMAGES, seven)
    with pytest.raises(KeyError):
        load(seven, tmp_path)
