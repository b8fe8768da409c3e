"""Tiny ImageNet: 64x64 photographs of 200 classes, in one folder for each class."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from common.datasets.archives import Archive
from common.datasets.dataset import ImageData
from common.datasets.image_files import read_rgb, stacked
from common.datasets.problems import corrupt, missing, mode_of
from common.datasets.published import Published

NAME, FOLDER = "tiny_imagenet", "tiny-imagenet-200"
SIDE = 64
_FILE_NAME = re.compile(r"\w{1,99}\.JPEG")


def read(dataset: Published, root: Path) -> ImageData:
    """Return Tiny ImageNet from `root`/tiny-imagenet-200, uint8 [N, 3, 64, 64].

    The official validation images serve as test images, because the labels of the official test images are
    not public. A class's number is its place in wnids.txt.
    Raises UsageError where files are missing or damaged, OSError or MemoryError where they cannot be read.
    """
    folder = root / FOLDER
    for part in ("wnids.txt", "train", "val/images", "val/val_annotations.txt"):
        if not mode_of(folder / part):
            raise missing(NAME, folder / part, root)
    wnids = _text(folder / "wnids.txt").split()
    if len(set(wnids)) != dataset.classes or len(wnids) != dataset.classes:
        reason = f"{len(set(wnids))} classes, where {dataset.classes} were published"
        raise corrupt(NAME, folder / "wnids.txt", reason)
    train = _training_files(folder, wnids, dataset.train // dataset.classes)
    test = _validation_files(folder, wnids, dataset.test // dataset.classes)
    return ImageData(NAME, *_loaded(train), *_loaded(test), len(wnids))


_Labelled = list[tuple[Path, int]]


def _training_files(folder: Path, wnids: Sequence[str], per_class: int) -> _Labelled:
    """List the images of train/<wnid>/images, which must be as many as were published."""
    files: _Labelled = []
    for label, wnid in enumerate(wnids):
        images = folder / "train" / wnid / "images"
        own = sorted(path for path in images.iterdir() if path.suffix == ".JPEG")
        if len(own) != per_class:
            raise corrupt(NAME, images, f"{len(own)} images, where {per_class} were published")
        files += [(file, label) for file in own]
    return files


def _validation_files(folder: Path, wnids: Sequence[str], per_class: int) -> _Labelled:
    """List the images of val/val_annotations.txt: file name, class, box (unused), split by tabs."""
    annotations = folder / "val" / "val_annotations.txt"
    labels = {wnid: label for label, wnid in enumerate(wnids)}
    files: _Labelled = []
    for number, line in enumerate(_text(annotations).splitlines(), start=1):
        name, wnid, *_ = [*line.split("\t"), ""]
        if wnid not in labels:
            raise corrupt(NAME, annotations, f"line {number} names no class of wnids.txt")
        if not _FILE_NAME.fullmatch(name):
            raise corrupt(NAME, annotations, f"line {number} names no JPEG file")
        files.append((folder / "val" / "images" / name, labels[wnid]))
    counts = Counter(label for _, label in files)
    for wnid, label in labels.items():
        if counts[label] != per_class:
            reason = f"{counts[label]} images of {wnid}, where {per_class} were published"
            raise corrupt(NAME, annotations, reason)
    return files


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise corrupt(NAME, file, error) from error


def _loaded(files: _Labelled) -> tuple[Tensor, Tensor]:
    """Decode all files into images uint8 [N, 3, 64, 64] and labels int64 [N]."""
    return stacked(_read, [file for file, _ in files], SIDE), torch.tensor([label for _, label in files])


def _read(file: Path) -> Image.Image:
    """Decode one image of 64x64 pixels; a few are grey."""
    try:
        image = read_rgb(file)
    except ValueError as error:
        raise corrupt(NAME, file, error) from error
    if image.size != (SIDE, SIDE):
        raise corrupt(NAME, file, f"not {SIDE}x{SIDE} pixels")
    return image


ARCHIVE = Archive("http://cs231n.stanford.edu/tiny-imagenet-200.zip", "md5", "90528d7ca1a48142e341f4ef8d21d0de", FOLDER)
TINY_IMAGENET = Published(
    NAME,
    200,
    (3, SIDE, SIDE),
    100_000,
    10_000,
    read,
    sources=tuple(f"{FOLDER}/{part}" for part in ("wnids.txt", "train", "val")),
    fetch=ARCHIVE.fetch,
)
