"""EMNIST's letters: grey images of 28x28 pixels, 26 classes, from the files that torchvision's own download leaves."""

import shutil
from pathlib import Path

from common.datasets.archives import Archive
from common.datasets.dataset import ImageData
from common.datasets.idx import KINDS, read_idx
from common.datasets.parts import Part, from_parts
from common.datasets.published import Published

RAW = "EMNIST/raw"


def read(dataset: Published, root: Path) -> ImageData:
    """Return the letters a to z, uint8 [N, 1, 28, 28], with the labels 0 to 25.

    They stand upright here, are published transposed and left so by torchvision; published labels count from 1. No sums
    are published of the unpacked files: headers, sizes, labels and the presence of every class are checked, and a
    changed pixel is not noticed. Raises UsageError as `from_parts` does.
    """

    def part(train: bool) -> Part:
        images, labels = read_idx(root, dataset.sources, train, {})
        return images.transpose(1, 2).contiguous().unsqueeze(1), labels - 1

    return from_parts(dataset, root, part, packed=True)


def fetch(root: Path) -> None:
    """Fetch the archive and keep the packed files of the letters."""
    from torchvision.datasets import EMNIST  # slow to import

    Archive(EMNIST.url, "md5", EMNIST.md5, "gzip", RAW).fetch(root)
    for source in EMNIST_LETTERS.sources:
        packed = f"{Path(source).name}.gz"
        (root / RAW / "gzip" / packed).replace(root / RAW / packed)
    shutil.rmtree(root / RAW / "gzip")


EMNIST_LETTERS = Published(
    "emnist_letters",
    26,
    (1, 28, 28),
    124_800,
    20_800,
    read,
    sources=tuple(f"{RAW}/emnist-letters-{part}-{kind}-ubyte" for part in ("train", "test") for kind in KINDS),
    fetch=fetch,
    slow=False,
)
