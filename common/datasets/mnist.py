"""MNIST, FashionMNIST and KMNIST: grey images of 28x28 pixels, from the files that torchvision's download leaves."""

from functools import partial
from pathlib import Path

from common.datasets.dataset import ImageData
from common.datasets.downloads import download
from common.datasets.idx import KINDS, read_idx
from common.datasets.parts import Part, from_parts
from common.datasets.problems import is_file
from common.datasets.published import Published

MD5 = {  # of unpacked files, whose published sums are those of their archives alone
    "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    "FashionMNIST/raw/train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "FashionMNIST/raw/train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "FashionMNIST/raw/t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}


def read(dataset: Published, root: Path) -> ImageData:
    """Return one of the sets, uint8 [N, 1, 28, 28].

    The files of MNIST and FashionMNIST are checked by their MD5 sums. Those of KMNIST have none: headers, sizes, labels
    and the presence of every class are checked, and a changed pixel is not noticed. Raises UsageError as `from_parts`.
    """

    def part(train: bool) -> Part:
        images, labels = read_idx(root, dataset.sources, train, MD5)
        return images.unsqueeze(1), labels

    return from_parts(dataset, root, part, packed=True)


def fetch(name: str, root: Path) -> None:
    """Fetch the packed files, of the four of torchvision's class `name`, that are not there."""
    from torchvision import datasets  # slow to import

    known = getattr(datasets, name)
    for packed, md5 in known.resources:
        file = root / name / "raw" / packed
        if not is_file(file) and not is_file(file.with_suffix("")):
            download([f"{mirror}{packed}" for mirror in known.mirrors], file, "md5", md5)


def _declared(name: str, folder: str) -> Published:
    files = tuple(f"{folder}/raw/{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in KINDS)
    return Published(
        name, 10, (1, 28, 28), 60_000, 10_000, read, sources=files, fetch=partial(fetch, folder), slow=False
    )


MNIST = _declared("mnist", "MNIST")
FASHION_MNIST = _declared("fashion_mnist", "FashionMNIST")
KMNIST = _declared("kmnist", "KMNIST")
