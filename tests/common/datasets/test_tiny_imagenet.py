from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.datasets import load, tiny_imagenet
from common.datasets.problems import MissingError, UnreadableError
from common.datasets.tiny_imagenet import TINY_IMAGENET
from common.errors import UsageError
from tests.small_sets import declare, publish_small

WNIDS = ["n02", "n01", "n03"]  # deliberately not sorted


def write_jpeg(path, colour, mode="RGB", side=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (side, side), colour).save(path, format="JPEG", quality=95)


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    publish_small(monkeypatch, tiny_imagenet=(6, 3))
    declare(monkeypatch, TINY_IMAGENET, classes=3)


@pytest.fixture
def root(tmp_path):
    """Three classes of two training images and three validation images, in the published layout.

    Class k's training images are plain with red = 60 k + 20 and image i's green = 100 i.
    """
    folder = tmp_path / "tiny-imagenet-200"
    for label, wnid in enumerate(WNIDS):
        for i in range(2):
            write_jpeg(folder / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", (60 * label + 20, 100 * i, 0))
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t0\t62\t62\n")
    for i, mode in enumerate(["RGB", "RGB", "L"]):
        colour = 77 if mode == "L" else (0, 0, 90 * i + 30)
        write_jpeg(folder / "val" / "images" / f"val_{i}.JPEG", colour, mode)
    lines = [f"val_{i}.JPEG\t{wnid}\t0\t0\t62\t62\n" for i, wnid in enumerate(["n03", "n02", "n01"])]
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in WNIDS))
    return tmp_path


def test_published_layout_is_read(root):
    data = load(TINY_IMAGENET, root)
    assert (data.name, data.num_classes) == ("tiny_imagenet", 3)
    assert data.train_images.dtype == torch.uint8
    assert data.train_images.shape == (6, 3, 64, 64)
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2]
    # JPEG keeps plain colours to a few grey values
    red, green = data.train_images[:, 0].float().mean((1, 2)), data.train_images[:, 1].float().mean((1, 2))
    assert red.tolist() == pytest.approx([20, 20, 80, 80, 140, 140], abs=3)
    assert green.tolist() == pytest.approx([0, 100] * 3, abs=3)


def test_validation_images_are_the_test_set_and_grey_becomes_colour(root):
    data = load(TINY_IMAGENET, root)
    assert data.test_labels.tolist() == [2, 0, 1]
    means = data.test_images.float().mean((2, 3))
    expected = [[0, 0, 30], [0, 0, 120], [77, 77, 77]]
    assert np.abs(means.numpy() - expected).max() < 3


def test_rows_and_columns_are_not_swapped(root):
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32] = 255
    Image.fromarray(pixels).save(root / "tiny-imagenet-200/val/images/val_0.JPEG", quality=95)
    image = load(TINY_IMAGENET, root).test_images[0].float()
    assert image[:, :24].min() > 240
    assert image[:, 40:].max() < 15


@pytest.mark.parametrize("part", ["", "wnids.txt", "val/val_annotations.txt"])
def test_missing_parts_are_named_with_the_command_that_gets_them(root, part):
    path = root / "tiny-imagenet-200" / part
    path.rename(root / "elsewhere")
    with pytest.raises(
        UsageError, match=r"'tiny_imagenet' not found: there is no .*tiny-imagenet-200/.*nox -s data"
    ) as caught:
        load(TINY_IMAGENET, root)
    assert part in str(caught.value)


def test_truncated_image_is_named(root):
    file = root / "tiny-imagenet-200/train/n01/images/n01_1.JPEG"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(UsageError, match=r"is corrupt.*n01_1\.JPEG: .*truncated"):
        load(TINY_IMAGENET, root)


def test_empty_and_wrongly_sized_images_are_named(root):
    file = root / "tiny-imagenet-200/val/images/val_2.JPEG"
    file.write_bytes(b"")
    with pytest.raises(UsageError, match=r"is corrupt.*val_2\.JPEG"):
        load(TINY_IMAGENET, root)
    write_jpeg(file, (0, 0, 0), side=32)
    with pytest.raises(UsageError, match=r"val_2\.JPEG: not 64x64"):
        load(TINY_IMAGENET, root)


def test_half_unpacked_classes_are_named(root):
    images = root / "tiny-imagenet-200/train/n03/images"
    (images / "n03_1.JPEG").unlink()
    with pytest.raises(UsageError, match=r"n03/images: 1 images, where 2 were published"):
        load(TINY_IMAGENET, root)
    (images / "n03_0.JPEG").unlink()
    with pytest.raises(UsageError, match=r"n03/images: 0 images"):
        load(TINY_IMAGENET, root)


@pytest.mark.parametrize("wnids", ["n02\nn01\n", "n02\nn01\nn03\nn04\n", "n02\nn01\nn02\n", ""])
def test_another_number_of_classes_is_named(root, wnids):
    (root / "tiny-imagenet-200/wnids.txt").write_text(wnids)
    with pytest.raises(UsageError, match=r"wnids\.txt: \d classes, where 3 were published"):
        load(TINY_IMAGENET, root)


def test_lost_annotations_are_named(root):
    annotations = root / "tiny-imagenet-200/val/val_annotations.txt"
    annotations.write_text("".join(annotations.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(UsageError, match=r"val_annotations\.txt: 0 images of n01, where 1 were published"):
        load(TINY_IMAGENET, root)


@pytest.mark.parametrize("part", ["wnids.txt", "val/val_annotations.txt"])
def test_text_that_is_none_is_named(root, part):
    (root / "tiny-imagenet-200" / part).write_bytes(b"n02\xff\n")
    with pytest.raises(UsageError, match=rf"{part}: .*can't decode"):
        load(TINY_IMAGENET, root)


@pytest.mark.parametrize("name", ["", "../val_1.JPEG", "/val_1.JPEG", "val\0.JPEG", "val_1.txt", "x" * 300 + ".JPEG"])
def test_an_annotation_of_what_is_no_file_name_is_named_by_its_line(root, name):
    annotations = root / "tiny-imagenet-200/val/val_annotations.txt"
    annotations.write_text(f"val_1.JPEG\tn01\t0\t0\t1\t1\n{name}\tn02\t0\t0\t1\t1\n")
    with pytest.raises(UsageError, match=r"is corrupt.*val_annotations\.txt: line 2 names no JPEG file"):
        load(TINY_IMAGENET, root)


@pytest.mark.parametrize("line", ["val_0.JPEG\tn99\t0\t0\t1\t1", "val_0.JPEG", ""])
def test_bad_annotation_is_named_by_its_line(root, line):
    annotations = root / "tiny-imagenet-200/val/val_annotations.txt"
    annotations.write_text(f"val_1.JPEG\tn01\t0\t0\t1\t1\n{line}\n")
    with pytest.raises(UsageError, match=r"val_annotations\.txt: line 2 names no class"):
        load(TINY_IMAGENET, root)


def test_annotated_image_that_is_not_there_is_named(root):
    (root / "tiny-imagenet-200/val/images/val_1.JPEG").unlink()
    with pytest.raises(UsageError, match=r"not found: there is no .*val_1\.JPEG; get it with"):
        load(TINY_IMAGENET, root)


@pytest.mark.parametrize("method", ["iterdir", "read_text", "stat"])
def test_a_folder_or_file_that_may_not_be_read_is_not_called_corrupt(root, monkeypatch, method):
    allowed = getattr(Path, method)

    def refused(path, *arguments, **named):
        if path.name in ("images", "wnids.txt") and "train" in str(path) + "train" * (method != "iterdir"):
            raise PermissionError(13, "Permission denied", str(path))
        return allowed(path, *arguments, **named)

    monkeypatch.setattr(Path, method, refused)
    with pytest.raises(UnreadableError, match=r"^data set 'tiny_imagenet' cannot be read: .*: Permission denied$"):
        load(TINY_IMAGENET, root)


@pytest.mark.parametrize(
    ("error", "reason"), [(OSError(5, "Input/output error"), "Input/output error"), (MemoryError(), "out of memory")]
)
def test_an_image_that_cannot_be_read_is_not_called_corrupt(root, monkeypatch, error, reason):
    def refused(*_):
        raise error

    monkeypatch.setattr(Image, "open", refused)
    with pytest.raises(UnreadableError, match=rf"^data set 'tiny_imagenet' cannot be read: .*: {reason}$"):
        load(TINY_IMAGENET, root)


def test_an_image_that_goes_while_the_others_are_read_is_missing(root, monkeypatch):
    files = tiny_imagenet._training_files

    def listed(*arguments):
        found = files(*arguments)
        found[3][0].unlink()
        return found

    monkeypatch.setattr(tiny_imagenet, "_training_files", listed)
    with pytest.raises(MissingError, match=r"'tiny_imagenet' not found: there is no .*n01_1\.JPEG; get it with"):
        load(TINY_IMAGENET, root)


def test_a_class_folder_that_is_not_there_is_missing(root):
    (root / "tiny-imagenet-200/train/n01/images").rename(root / "elsewhere")
    with pytest.raises(MissingError, match=r"there is no .*n01/images; get it with"):
        load(TINY_IMAGENET, root)
