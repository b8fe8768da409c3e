"""NWPU-RESISC45: 256x256 aerial and satellite photographs of 45 kinds of places, in one folder for each class."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from common.datasets.dataset import ImageData
from common.datasets.image_files import read_rgb, stacked
from common.datasets.problems import corrupt, is_file, is_folder, missing

RESISC45 = "resisc45"
SOURCES = ("NWPU-RESISC45",)
NUM_CLASSES = 45
PER_CLASS = 700
SIDE = 256


def resisc45(root: Path) -> ImageData:
    """Return RESISC45 from `root`/NWPU-RESISC45/<class>/<class>_001.jpg to _700.jpg, uint8 [N, 3, 256, 256].

    A class's number is its place among the sorted folders. There is no official split: in the order of the file
    numbers, the first 80 % of every class (001 to 560) are training images and the last 20 % (561 to 700) test images.
    That does no harm: the classes stay balanced, networks that are compared meet the same split, and neighbouring
    numbers, which may show neighbouring places, stay on one side, so the test is no easier for it. Accuracies
    published for other splits compare only roughly. All images take 6.2 GB.
    Raises UsageError where files are missing or damaged, OSError or MemoryError where they cannot be read.
    """
    folder = root / "NWPU-RESISC45"
    if not is_folder(folder):
        raise missing(RESISC45, folder, root)
    classes = sorted(path for path in folder.iterdir() if is_folder(path))
    if len(classes) != NUM_CLASSES:
        raise corrupt(RESISC45, folder, f"{len(classes)} class folders, where {NUM_CLASSES} were published")
    files = [_files(own) for own in classes]
    border = PER_CLASS * 4 // 5
    train = _loaded([own[:border] for own in files])
    test = _loaded([own[border:] for own in files])
    return ImageData(RESISC45, *train, *test, NUM_CLASSES)


def _files(folder: Path) -> list[Path]:
    """List a class's images in the order of their numbers; they must be those that were published."""
    count = sum(path.suffix == ".jpg" for path in folder.iterdir())
    if count != PER_CLASS:
        raise corrupt(RESISC45, folder, f"{count} images, where {PER_CLASS} were published")
    files = [folder / f"{folder.name}_{number:03d}.jpg" for number in range(1, PER_CLASS + 1)]
    for file in files:
        if not is_file(file):
            raise corrupt(RESISC45, folder, f"no {file.name} among {count} images")
    return files


def _loaded(files: Sequence[Sequence[Path]]) -> tuple[Tensor, Tensor]:
    """Decode the files of all classes into images uint8 [N, 3, 256, 256] and labels int64 [N]."""
    labels = torch.arange(len(files)).repeat_interleave(torch.tensor([len(own) for own in files]))
    return stacked(_read, [file for own in files for file in own], SIDE), labels


def _read(file: Path) -> Image.Image:
    """Decode one image of 256x256 pixels."""
    try:
        image = read_rgb(file)
    except ValueError as error:
        raise corrupt(RESISC45, file, error) from error
    if image.size != (SIDE, SIDE):
        raise corrupt(RESISC45, file, f"not {SIDE}x{SIDE} pixels")
    return image
