import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from common.datasets import DataSet, ImageData, default_folder, hashes_of, load, loading
from common.datasets.digits import DIGITS, DIGITS_28
from common.datasets.mnist import MNIST
from common.datasets.problems import CorruptError, require_readable
from common.datasets.procedural import PROCEDURAL_10, PROCEDURAL_40
from common.datasets.resisc45 import RESISC45
from common.datasets.templates import TEMPLATES
from common.datasets.tiny_imagenet import TINY_IMAGENET
from common.errors import UsageError
from common.tools.data import PUBLISHED
from tests.small_sets import declare


@pytest.mark.parametrize("dataset", [DIGITS, DIGITS_28, PROCEDURAL_10, PROCEDURAL_40, TEMPLATES], ids=str)
def test_what_needs_no_files_is_what_is_declared(dataset):
    data = load(dataset)
    assert (data.name, data.num_classes) == (dataset.name, dataset.classes)
    assert data.train_images.shape == (dataset.train, *dataset.shape)
    assert data.test_images.shape == (dataset.test, *dataset.shape)


def test_data_dir_is_the_argument_then_the_environment_then_data(monkeypatch, tmp_path):
    monkeypatch.setenv("PLASTICITY_BENCH_DATA", str(tmp_path / "from-environment"))
    with pytest.raises(UsageError, match="from-argument"):
        load(TINY_IMAGENET, tmp_path / "from-argument")
    with pytest.raises(UsageError, match="from-environment"):
        load(TINY_IMAGENET)
    monkeypatch.setenv("PLASTICITY_BENCH_DATA", "")  # as good as none, and not the current folder
    with pytest.raises(UsageError, match=f"no {Path('data')}/tiny"):
        load(TINY_IMAGENET)
    assert default_folder() == Path("data")
    monkeypatch.delenv("PLASTICITY_BENCH_DATA")
    assert default_folder() == Path("data")


def test_a_data_folder_that_is_none_is_named(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match=f"^the data folder {file} is not a folder$"):
        load(MNIST, file)
    with pytest.raises(UsageError, match=f"'mnist' not found: there is no {file / 'below'}"):
        load(MNIST, file / "below")


@pytest.mark.parametrize("name", ["mnist", "cifar10", "tiny_imagenet", "caltech256", "resisc45"])
def test_a_data_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch, name):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UsageError, match=f"^the data folder {tmp_path} may not be read: permission denied$"):
        load(PUBLISHED[name], tmp_path)


def test_a_folder_within_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "NWPU-RESISC45").mkdir()

    def refused(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refused)
    message = rf"^data set 'resisc45' cannot be read: {tmp_path / 'NWPU-RESISC45'}: Permission denied$"
    with pytest.raises(UsageError, match=message):
        load(RESISC45, tmp_path)


def test_a_folder_behind_one_that_may_not_be_entered_is_named(monkeypatch):
    def refused(folder, **_):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "stat", refused)
    with pytest.raises(UsageError, match=r"^--data-dir /locked/data may not be read: Permission denied$"):
        require_readable("--data-dir", Path("/locked/data"))


def test_embedded_sets_need_no_folder(tmp_path):
    assert load(DIGITS, tmp_path / "nowhere").name == "digits"


def images(count):
    return torch.zeros(count, 1, 2, 2, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64)


@pytest.fixture(params=PUBLISHED)
def seven(request, monkeypatch):
    """A published data set that has five training images and two test images, whatever lies there."""
    data = ImageData(request.param, *images(5), *images(2), 1)
    declare(monkeypatch, PUBLISHED[request.param], train=5, test=2, read=lambda dataset, root: data)
    return PUBLISHED[request.param]


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(("counts", "told"), [((6, 2), "6 + 2"), ((5, 1), "5 + 1"), ((4, 3), "4 + 3")])
def test_another_number_of_images_than_was_published_is_never_trained_on(
    seven, tmp_path, monkeypatch, cached, counts, told
):
    declare(monkeypatch, seven, train=counts[0], test=counts[1], divided=False)
    with pytest.raises(CorruptError) as caught:
        load(seven, tmp_path, cached=cached)
    assert str(caught.value).startswith(f"data set {seven.name!r} is corrupt: {seven.place(tmp_path)}: ")
    assert caught.value.reason == f"5 + 2 images, where {told} were published"
    assert not (tmp_path / "cache").exists()


def test_of_what_the_reader_divides_the_sum_was_published(seven, tmp_path, monkeypatch):
    declare(monkeypatch, seven, train=4, test=3, divided=True)
    assert len(load(seven, tmp_path).train_labels) == 5
    declare(monkeypatch, seven, train=3)
    with pytest.raises(CorruptError) as caught:
        load(seven, tmp_path, cached=False)
    assert caught.value.reason == "7 images, where 6 were published"


def test_as_many_images_as_were_published_are_read(seven, tmp_path):
    assert len(load(seven, tmp_path).train_labels) == 5


def test_a_cache_that_was_made_of_another_number_of_images_is_not_trained_on(seven, tmp_path, monkeypatch):
    load(seven, tmp_path)
    assert (tmp_path / "cache" / f"{seven}.safetensors").exists() == seven.slow
    declare(monkeypatch, seven, train=50, test=20, divided=False)
    with pytest.raises(CorruptError, match="5 \\+ 2 images, where 50 \\+ 20 were published"):
        load(seven, tmp_path)


@dataclass(frozen=True)
class Learnt:
    stages: tuple[DataSet, ...]


@dataclass(frozen=True)
class Setting:
    name: str
    dataset: DataSet
    path: Learnt


@dataclass(frozen=True)
class Cell:
    setting: Setting
    source: DataSet | str = "none"


def test_hashes_are_those_of_what_was_loaded_under_the_names_in_a_cell(monkeypatch):
    monkeypatch.setattr(loading, "_loaded", {})
    cell = Cell(Setting("a", DIGITS, Learnt((PROCEDURAL_10, DIGITS_28))), TEMPLATES)
    assert hashes_of(cell) == {}
    found = {dataset.name: load(dataset).fingerprint[:16] for dataset in (DIGITS, PROCEDURAL_10, TEMPLATES)}
    load(PROCEDURAL_40)
    assert hashes_of(cell) == found
    assert hashes_of(replace(cell, source="none")) == {name: found[name] for name in ("digits", "procedural10")}


def test_the_hash_is_that_of_the_images_loaded_last(seven, tmp_path, monkeypatch):
    cell = Cell(Setting("a", seven, Learnt(())))
    load(seven, tmp_path, cached=False)
    before = hashes_of(cell)
    other = ImageData(seven.name, images(5)[0] + 1, images(5)[1], *images(2), 1)
    declare(monkeypatch, seven, read=lambda dataset, root: other)
    load(seven, tmp_path, cached=False)
    assert hashes_of(cell) == {seven.name: other.fingerprint[:16]} != before
