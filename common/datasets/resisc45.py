"""NWPU-RESISC45: 256x256 aerial and satellite photographs of 45 kinds of places, in one folder for each class."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from common.datasets.archives import Archive
from common.datasets.dataset import ImageData
from common.datasets.image_files import read_rgb, stacked
from common.datasets.problems import corrupt, is_file, is_folder, missing
from common.datasets.published import Published

NAME, FOLDER = "resisc45", "NWPU-RESISC45"
SIDE = 256


def read(dataset: Published, root: Path) -> ImageData:
    """Return RESISC45 from `root`/NWPU-RESISC45/<class>/<class>_001.jpg to _700.jpg, uint8 [N, 3, 256, 256].

    A class's number is its place among the sorted folders. There is no official split: in the order of the file
    numbers, the first 80 % of every class (001 to 560) are training images and the last 20 % (561 to 700) test images.
    That does no harm: the classes stay balanced, networks that are compared meet the same split, and neighbouring
    numbers, which may show neighbouring places, stay on one side, so the test is no easier for it. Accuracies
    published for other splits compare only roughly. All images take 6.2 GB.
    Raises UsageError where files are missing or damaged, OSError or MemoryError where they cannot be read.
    """
    folder = root / FOLDER
    if not is_folder(folder):
        raise missing(NAME, folder, root)
    classes = sorted(path for path in folder.iterdir() if is_folder(path))
    if len(classes) != dataset.classes:
        raise corrupt(NAME, folder, f"{len(classes)} class folders, where {dataset.classes} were published")
    border = dataset.train // dataset.classes
    files = [_files(own, border + dataset.test // dataset.classes) for own in classes]
    train = _loaded([own[:border] for own in files])
    test = _loaded([own[border:] for own in files])
    return ImageData(NAME, *train, *test, dataset.classes)


def _files(folder: Path, per_class: int) -> list[Path]:
    """List a class's images in the order of their numbers; they must be as many as were published."""
    count = sum(path.suffix == ".jpg" for path in folder.iterdir())
    if count != per_class:
        raise corrupt(NAME, folder, f"{count} images, where {per_class} were published")
    files = [folder / f"{folder.name}_{number:03d}.jpg" for number in range(1, per_class + 1)]
    for file in files:
        if not is_file(file):
            raise corrupt(NAME, folder, f"no {file.name} among {count} images")
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
        raise corrupt(NAME, file, error) from error
    if image.size != (SIDE, SIDE):
        raise corrupt(NAME, file, f"not {SIDE}x{SIDE} pixels")
    return image


ARCHIVE = Archive(
    "https://hf.co/datasets/isaaccorley/resisc45/resolve/883edc0eee77b2c84225472f10f126e3ed83fa6e/NWPU-RESISC45.zip",
    "sha256",
    "beeecd0b63656290ae6d65cf7763185b0c1c4c54a753ef8088d6fba3faaf1f53",
    FOLDER,
)
RESISC45 = Published(NAME, 45, (3, SIDE, SIDE), 25_200, 6_300, read, sources=(FOLDER,), fetch=ARCHIVE.fetch)
