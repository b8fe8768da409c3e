"""What the small data sets that tests write count as: published as they are, and of no known sum."""

from common.datasets import mnist
from common.tools.data import PUBLISHED

SIZES = {  # of the sets that the writers in tests/common/datasets write unless they are told otherwise
    "mnist": (12, 4),
    "fashion_mnist": (12, 4),
    "kmnist": (12, 4),
    "emnist_letters": (26, 5),
    "cifar10": (10, 2),
    "cifar100": (100, 100),
    "svhn": (12, 3),
    "patch_camelyon": (5, 3),
    "tiny_imagenet": (4, 2),
    "caltech256": (1024, 256),
    "resisc45": (180, 45),
}


def publish_small(monkeypatch, **others):
    """Let the published sets be declared in these sizes; `others` are sizes of sets that a test writes in another one.

    The declarations are changed in place, for settings hold them.
    """
    for name, (train, test) in {**SIZES, **others}.items():
        declare(monkeypatch, PUBLISHED[name], train=train, test=test)
    monkeypatch.setattr(mnist, "MD5", {})


def declare(monkeypatch, dataset, **fields):
    """Change fields of a declaration in place, until the test is over."""
    for name, value in fields.items():
        assert name in vars(dataset)
        monkeypatch.setitem(vars(dataset), name, value)
