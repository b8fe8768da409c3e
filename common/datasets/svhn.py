"""SVHN: colour images of house numbers, 32x32 pixels, from the files that torchvision's own download leaves."""

import io
from pathlib import Path

import torch

from common.datasets.dataset import ImageData
from common.datasets.downloads import download
from common.datasets.parts import Part, from_parts
from common.datasets.problems import is_file
from common.datasets.published import Published
from common.datasets.sums import verified


def read(dataset: Published, root: Path) -> ImageData:
    """Return SVHN without its "extra" images, uint8 [N, 3, 32, 32]; the digit 0 has the label 0.

    The files hold images [H, W, C, N] and labels [N, 1], where the digit 0 has the label 10; they are checked by their
    MD5 sums. Raises UsageError as `from_parts` does.
    """

    def part(train: bool) -> Part:
        import scipy.io  # slow to import
        from torchvision import datasets

        _, file, md5 = datasets.SVHN.split_list["train" if train else "test"]
        found = scipy.io.loadmat(io.BytesIO(verified(root / file, md5)))
        labels = torch.from_numpy(found["y"]).flatten().long()
        return torch.from_numpy(found["X"]).permute(3, 2, 0, 1).contiguous(), torch.where(labels == 10, 0, labels)

    return from_parts(dataset, root, part)


def fetch(root: Path) -> None:
    """Fetch the files that are not there."""
    from torchvision import datasets

    for url, name, md5 in (datasets.SVHN.split_list[part] for part in ("train", "test")):
        if not is_file(root / name):
            download([url], root / name, "md5", md5)


SVHN = Published(
    "svhn",
    10,
    (3, 32, 32),
    73_257,
    26_032,
    read,
    sources=tuple(f"{part}_32x32.mat" for part in ("train", "test")),
    fetch=fetch,
)
