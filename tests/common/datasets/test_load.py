from pathlib import Path

import pytest

from common.datasets import load
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
