import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.datasets import load
from common.datasets.problems import UnreadableError
from common.datasets.resisc45 import RESISC45
from common.errors import UsageError

PER_CLASS = 5
CLASSES = [f"place_{letter}{digit}" for letter in "abcde" for digit in range(1, 10)]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """All 45 folders with five JPEG images of 256x256 pixels each, plain, coloured by class and place in it.

    The folders are made in reverse order, so that the order on disk is not the sorted one.
    """
    root = tmp_path_factory.mktemp("published")
    for label in reversed(range(45)):
        folder = root / "NWPU-RESISC45" / CLASSES[label]
        folder.mkdir(parents=True)
        for place in range(PER_CLASS):
            image = Image.new("RGB", (256, 256), (20 * (label % 9), 40 * place, 40 * (label // 9)))
            image.save(folder / f"{CLASSES[label]}_{place + 1:03d}.jpg", quality=95, subsampling=0)
    return root


@pytest.fixture
def folder(published, tmp_path):
    """Return the folder of classes in a copy that a test may damage."""
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    return tmp_path / "NWPU-RESISC45"


def written(images):
    """Return the classes and the places that images were written with; JPEG keeps colours to a few grey values."""
    red, green, blue = (images[:, :, 128, 128] / torch.tensor([20, 40, 40])).round().long().T
    return 9 * blue + red, green


def test_published_layout_is_read_and_divided_by_file_order(published):
    data = load(RESISC45, published)
    assert (data.name, data.num_classes) == ("resisc45", 45)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (4 * 45, 3, 256, 256)
    assert data.test_images.shape == (45, 3, 256, 256)
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert torch.equal(written(images)[0], labels)
    assert data.train_labels.tolist() == [label for label in range(45) for _ in range(4)]
    assert data.test_labels.tolist() == list(range(45))
    assert written(data.train_images)[1].tolist() == [0, 1, 2, 3] * 45
    assert written(data.test_images)[1].tolist() == [4] * 45


def test_rows_and_columns_are_not_swapped(folder):
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[:128] = 255
    Image.fromarray(pixels).save(folder / CLASSES[0] / f"{CLASSES[0]}_001.jpg", quality=95)
    image = load(RESISC45, folder.parent).train_images[0]
    assert image[:, :120].min() > 240
    assert image[:, 136:].max() < 15


def test_missing_folder_is_named_with_the_command_that_gets_it(tmp_path):
    with pytest.raises(UsageError) as caught:
        load(RESISC45, tmp_path)
    message, command = str(caught.value).split("get it with: ")
    assert f"'resisc45' not found: there is no {tmp_path / 'NWPU-RESISC45'};" in message
    assert command == f"nox -s data -- resisc45 --data-dir {tmp_path}"


def test_another_number_of_classes_is_named(folder):
    (folder / "another").mkdir()
    with pytest.raises(UsageError, match=f"'resisc45' is corrupt: {folder}: 46 class folders, where 45"):
        load(RESISC45, folder.parent)
    (folder / "another").rmdir()
    shutil.rmtree(folder / CLASSES[7])
    with pytest.raises(UsageError, match="44 class folders, where 45"):
        load(RESISC45, folder.parent)


def test_lost_and_additional_images_are_named(folder):
    own = folder / CLASSES[7]
    file = own / f"{CLASSES[7]}_003.jpg"
    shutil.copy(file, own / f"{CLASSES[7]}_006.jpg")
    with pytest.raises(UsageError, match=f"corrupt: {own}: 6 images, where 5 were published"):
        load(RESISC45, folder.parent)
    file.unlink()
    with pytest.raises(UsageError, match=f"corrupt: {own}: no {file.name} among 5 images"):
        load(RESISC45, folder.parent)
    (own / f"{CLASSES[7]}_006.jpg").unlink()
    with pytest.raises(UsageError, match=f"corrupt: {own}: 4 images, where 5"):
        load(RESISC45, folder.parent)


@pytest.mark.parametrize("kept", [0, 3, -200])
def test_undecodable_image_is_named(folder, kept):
    file = folder / CLASSES[44] / f"{CLASSES[44]}_005.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UsageError, match=f"'resisc45' is corrupt: {file}: ."):
        load(RESISC45, folder.parent)


def test_wrongly_sized_image_is_named(folder):
    file = folder / CLASSES[0] / f"{CLASSES[0]}_001.jpg"
    Image.new("RGB", (256, 255)).save(file)
    with pytest.raises(UsageError, match=f"corrupt: {file}: not 256x256 pixels"):
        load(RESISC45, folder.parent)


def test_a_class_folder_that_may_not_be_read_is_not_called_empty(published, monkeypatch):
    folder, allowed = published / "NWPU-RESISC45" / CLASSES[7], Path.iterdir

    def refused(path):
        if path == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return allowed(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(UnreadableError, match=f"^data set 'resisc45' cannot be read: {folder}: Permission denied$"):
        load(RESISC45, published, cached=False)


@pytest.mark.parametrize(
    ("error", "reason"), [(OSError(24, "Too many open files"), "Too many open files"), (MemoryError(), "out of memory")]
)
def test_an_image_that_cannot_be_read_is_not_called_corrupt(published, monkeypatch, error, reason):
    def refused(*_):
        raise error

    monkeypatch.setattr(Image, "open", refused)
    with pytest.raises(
        UnreadableError, match=f"^data set 'resisc45' cannot be read: {published / 'NWPU-RESISC45'}: {reason}$"
    ):
        load(RESISC45, published, cached=False)
