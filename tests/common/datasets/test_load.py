import os
from pathlib import Path

import pytest

from common.datasets import load
from common.datasets.problems import require_readable
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
    monkeypatch.delenv("PLASTICITY_BENCH_DATA")
    with pytest.raises(UsageError, match=f"no {Path('data')}/tiny"):
        load("tiny_imagenet")


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
