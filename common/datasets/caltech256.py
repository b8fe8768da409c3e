"""Caltech-256: photographs of many sizes, in one folder for each class."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from common.datasets.archives import Archive
from common.datasets.dataset import ImageData
from common.datasets.image_files import read_rgb, stacked
from common.datasets.problems import corrupt, is_file, is_folder, missing
from common.datasets.published import Published
from common.datasets.splits import stratified_split

NAME = "caltech256"
NUM_CLASSES = 256
SIDE = 148
TEST_SHARE = Fraction(1, 5)
_FEWEST = 5  # images of a class: one for the test set, the others for training


def read(dataset: Published, root: Path) -> ImageData:
    """Return Caltech-256 from `root`/caltech256/256_ObjectCategories, uint8 [N, 3, 148, 148].

    That is the layout which torchvision's own download leaves. Class k is folder k + 1; the last folder,
    257.clutter, is left out. Every image is resized bilinearly with antialias, whatever its shape, to twice the
    74x74 pixels that FAST takes for the original size (Section 6.7). One fifth of every class, rounded down, are
    test images, drawn once and for all.
    Raises UsageError where files are missing or damaged, OSError or MemoryError where they cannot be read.
    """
    categories = root / NAME / "256_ObjectCategories"
    if not is_folder(categories):
        raise missing(NAME, categories, root)
    files = [_files(categories, folder) for folder in _class_folders(categories)]
    labels = torch.arange(NUM_CLASSES).repeat_interleave(torch.tensor([len(own) for own in files]))
    train, test = stratified_split(labels, torch.Generator().manual_seed(0), share=TEST_SHARE)
    flat = [file for own in files for file in own]
    train_images, test_images = (_images(categories, [flat[i] for i in part.tolist()]) for part in (train, test))
    return ImageData(NAME, train_images, labels[train], test_images, labels[test], NUM_CLASSES)


def _class_folders(categories: Path) -> list[Path]:
    """Return the folders 001.<name> to 256.<name>; 257.clutter must be there as well."""
    folders = [path for path in categories.iterdir() if is_folder(path)]
    found: list[Path] = []
    for number in range(1, NUM_CLASSES + 2):
        own = [folder for folder in folders if folder.name.startswith(f"{number:03d}.")]
        if len(own) != 1:
            raise corrupt(NAME, categories, f"{len(own)} class folders {number:03d}.*, where 1 was published")
        found += own
    return found[:NUM_CLASSES]


def _files(categories: Path, folder: Path) -> list[Path]:
    """List a class's images <class>_0001.jpg, <class>_0002.jpg and so on; the few files of other names are no images.

    The published numbers have no gaps, so a gap is a file that was lost.
    """
    count = sum(path.suffix == ".jpg" for path in folder.iterdir())
    if count < _FEWEST:
        reason = f"{count} images in {folder.name}, where at least {_FEWEST} are needed"
        raise corrupt(NAME, categories, reason)
    files = [folder / f"{folder.name[:3]}_{number:04d}.jpg" for number in range(1, count + 1)]
    for file in files:
        if not is_file(file):
            raise corrupt(NAME, categories, f"no {folder.name}/{file.name} among {count} images")
    return files


def _images(categories: Path, files: Sequence[Path]) -> Tensor:
    """Decode and resize files to uint8 [N, 3, 148, 148]."""

    def one(file: Path) -> Image.Image:
        try:
            # Pillow's bilinear filter widens with the reduction, which is what antialias means
            return read_rgb(file).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        except ValueError as error:
            raise corrupt(NAME, categories, f"{file.parent.name}/{file.name}: {error}") from error

    return stacked(one, files, SIDE)


ARCHIVE = Archive(
    "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar",
    "md5",
    "67b4f42ca05d46448c6bb8ecd2220f6d",
    "256_ObjectCategories",
    below=NAME,
)
CALTECH256 = Published(
    NAME,
    NUM_CLASSES,
    (3, SIDE, SIDE),
    23_824,
    5_956,
    read,
    sources=(f"{NAME}/256_ObjectCategories",),
    fetch=ARCHIVE.fetch,
    divided=True,
)
"""29,780 images are no clutter. About a fifth of them are for testing: every class is rounded down."""
