"""What was published of the data sets on disk: how many images they have, and the sums of their files."""

from pathlib import Path

from common.datasets.dataset import ImageData
from common.datasets.problems import corrupt

IMAGES = {  # training and test images; of Caltech-256, which is divided by us, those that are no clutter
    "mnist": (60_000, 10_000),
    "fashion_mnist": (60_000, 10_000),
    "kmnist": (60_000, 10_000),
    "emnist_letters": (124_800, 20_800),
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
    "svhn": (73_257, 26_032),
    "patch_camelyon": (262_144, 32_768),
    "tiny_imagenet": (100_000, 10_000),
    "caltech256": (29_780,),
    "resisc45": (25_200, 6_300),
}
MD5 = {  # of unpacked files, under the data folder, whose published sums are those of their archives alone
    "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    "FashionMNIST/raw/train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "FashionMNIST/raw/train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "FashionMNIST/raw/t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


def whole(data: ImageData, place: Path) -> ImageData:
    """Return a data set read from `place`; raise CorruptError unless its images are as many as were published."""
    reason = wrong_number(data)
    if reason is not None:
        raise corrupt(data.name, place, reason)
    return data


def wrong_number(data: ImageData) -> str | None:
    """Say how many images there are, and how many were published; None where that is the same."""
    published = IMAGES[data.name]
    found: tuple[int, ...] = (len(data.train_labels), len(data.test_labels))
    if len(published) == 1:
        found = (sum(found),)
    if found == published:
        return None
    counts = (" + ".join(f"{count:,}" for count in counts) for counts in (found, published))
    return "{} images, where {} were published".format(*counts)
