"""What the small data sets that tests write count as: published as they are, and of no known sum."""

from common.datasets import published

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
    "caltech256": (1280,),
    "resisc45": (180, 45),
}


def publish_small(monkeypatch, **others):
    """Let `load` expect sets of these sizes; `others` are sizes of sets that a test writes in another one."""
    for name, size in {**SIZES, **others}.items():
        monkeypatch.setitem(published.IMAGES, name, size)
    monkeypatch.setattr(published, "MD5", {})
