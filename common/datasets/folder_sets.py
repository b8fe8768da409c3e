"""Tiny ImageNet: 64x64 photographs of 200 classes, in one folder for each class."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from common.datasets.dataset import ImageData
from common.datasets.image_files import read_rgb, stacked
from common.datasets.problems import corrupt, missing

TINY_IMAGENET = "tiny_imagenet"
TINY_IMAGENET_URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SIDE = 64


def tiny_imagenet(root: Path) -> ImageData:
    """Return Tiny ImageNet from `root`/tiny-imagenet-200, uint8 [N, 3, 64, 64].

    The official validation images serve as test images, because the labels of the official test images are
    not public. A class's number is its place in wnids.txt. Every file is decoded on each call.
    Raises UsageError where files are missing or damaged.
    """
    folder = root / "tiny-imagenet-200"
    for part in ("wnids.txt", "train", "val/images", "val/val_annotations.txt"):
        if not (folder / part).exists():
            command = f"curl -O {TINY_IMAGENET_URL} && unzip tiny-imagenet-200.zip -d '{root}'"
            raise missing(TINY_IMAGENET, folder / part, command)
    wnids = (folder / "wnids.txt").read_text().split()
    train = _training_files(folder, wnids)
    test = _validation_files(folder, wnids)
    return ImageData(TINY_IMAGENET, *_loaded(train), *_loaded(test), len(wnids))


_Labelled = list[tuple[Path, int]]


def _training_files(folder: Path, wnids: Sequence[str]) -> _Labelled:
    """List the images of train/<wnid>/images, which are equally many for all classes."""
    files: _Labelled = []
    for label, wnid in enumerate(wnids):
        images = folder / "train" / wnid / "images"
        own = sorted(images.glob("*.JPEG"))
        per_class = len(files) // label if label else len(own)
        if not own or len(own) != per_class:
            reason = f"{len(own)} images, where other classes have {per_class}"
            raise corrupt(TINY_IMAGENET, images, reason)
        files += [(file, label) for file in own]
    return files


def _validation_files(folder: Path, wnids: Sequence[str]) -> _Labelled:
    """List the images of val/val_annotations.txt: file name, class, box (unused), split by tabs."""
    annotations = folder / "val" / "val_annotations.txt"
    labels = {wnid: label for label, wnid in enumerate(wnids)}
    files: _Labelled = []
    for number, line in enumerate(annotations.read_text().splitlines(), start=1):
        name, wnid, *_ = [*line.split("\t"), ""]
        if wnid not in labels:
            raise corrupt(TINY_IMAGENET, annotations, f"line {number} names no class of wnids.txt")
        files.append((folder / "val" / "images" / name, labels[wnid]))
    return files


def _loaded(files: _Labelled) -> tuple[Tensor, Tensor]:
    """Decode all files into images uint8 [N, 3, 64, 64] and labels int64 [N]."""
    return stacked(_read, [file for file, _ in files], SIDE), torch.tensor([label for _, label in files])


def _read(file: Path) -> Image.Image:
    """Decode one image of 64x64 pixels; a few are grey."""
    try:
        image = read_rgb(file)
    except OSError as error:
        raise corrupt(TINY_IMAGENET, file, error) from error
    if image.size != (SIDE, SIDE):
        raise corrupt(TINY_IMAGENET, file, f"not {SIDE}x{SIDE} pixels")
    return image
