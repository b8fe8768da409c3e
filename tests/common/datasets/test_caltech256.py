import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from common.datasets import load
from common.datasets.caltech256 import CALTECH256, _images
from common.datasets.problems import UnreadableError
from common.errors import UsageError
from tests.small_sets import publish_small

PER_CLASS = 5
FOLDERS = [*(f"{number:03d}.thing-{number}" for number in range(1, 257)), "257.clutter"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """All 257 folders with five JPEG images of 8x8 pixels each, plain, coloured by class and place in it."""
    root = tmp_path_factory.mktemp("published")
    for label, name in enumerate(FOLDERS):
        folder = root / "caltech256" / "256_ObjectCategories" / name
        folder.mkdir(parents=True)
        for place in range(PER_CLASS):
            image = Image.new("RGB", (8, 8), (8 * (label % 32), 40 * place, 24 * (label // 32)))
            image.save(folder / f"{label + 1:03d}_{place + 1:04d}.jpg", quality=95, subsampling=0)
    return root


@pytest.fixture(scope="module")
def data(published):
    with pytest.MonkeyPatch.context() as patch:
        publish_small(patch)
        return load(CALTECH256, published)


@pytest.fixture
def categories(published, tmp_path):
    """Return the folder of classes in a copy that a test may damage."""
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    return tmp_path / "caltech256" / "256_ObjectCategories"


def written(images):
    """Return the classes and the places that images were written with; JPEG keeps colours to a few grey values."""
    steps = torch.tensor([8, 40, 24])
    red, green, blue = (images[:, :, 74, 74] / steps).round().long().T
    return 32 * blue + red, green


def test_published_layout_is_read_without_the_clutter(data):
    assert (data.name, data.num_classes) == ("caltech256", 256)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_images.shape == (4 * 256, 3, 148, 148)
    assert data.test_images.shape == (256, 3, 148, 148)


def test_one_fifth_of_every_class_is_for_testing_and_nothing_is_lost(data):
    assert torch.bincount(data.train_labels).tolist() == [4] * 256
    assert torch.bincount(data.test_labels).tolist() == [1] * 256
    places = torch.cat([written(images)[1] for images in (data.train_images, data.test_images)])
    labels = torch.cat([data.train_labels, data.test_labels])
    assert sorted((PER_CLASS * labels + places).tolist()) == list(range(PER_CLASS * 256))


def test_labels_belong_to_their_images_and_test_images_are_drawn(data):
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert torch.equal(written(images)[0], labels)
    drawn = torch.bincount(written(data.test_images)[1], minlength=PER_CLASS)
    assert drawn.min() > 20  # of 256, whichever the place


def test_the_split_is_drawn_once_and_for_all(published, data):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        assert load(CALTECH256, published).fingerprint == data.fingerprint


def resized(folder, image):
    image.save(folder / "image.jpg", format="PNG")  # loss-free, whatever the name
    return _images(folder, [folder / "image.jpg"])[0]


@pytest.mark.parametrize("shape", [(300, 500), (100, 60), (148, 148)])
def test_images_are_resized_bilinearly_with_antialias(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
    expected = F.interpolate(batch, (148, 148), mode="bilinear", align_corners=False, antialias=True)[0]
    assert (resized(tmp_path, Image.fromarray(pixels)).double() - expected).abs().max() <= 1.5


def test_grey_becomes_colour(tmp_path):
    assert resized(tmp_path, Image.new("L", (20, 30), 77)).unique().tolist() == [77]


def test_files_of_other_names_are_no_images(categories):
    (categories / FOLDERS[197] / "RENAME2").write_text("#!/bin/sh\n")
    (categories / FOLDERS[55] / "greg").mkdir()
    assert len(load(CALTECH256, categories.parent.parent).train_labels) == 4 * 256


def test_missing_folder_is_named_with_the_command_that_fills_it(tmp_path):
    with pytest.raises(UsageError) as caught:
        load(CALTECH256, tmp_path)
    message, command = str(caught.value).split("get it with: ")
    assert f"'caltech256' not found: there is no {tmp_path / 'caltech256' / '256_ObjectCategories'};" in message
    assert command == f"nox -s data -- caltech256 --data-dir {tmp_path}"


@pytest.mark.parametrize("name", [FOLDERS[6], FOLDERS[256]])
def test_missing_and_doubled_class_folders_are_named(categories, name):
    (categories / name).rename(categories / "elsewhere")
    with pytest.raises(UsageError, match=rf"corrupt: {categories}: 0 class folders {name[:4]}\*"):
        load(CALTECH256, categories.parent.parent)
    (categories / name).mkdir()
    (categories / "elsewhere").rename(categories / f"{name[:4]}again")
    with pytest.raises(UsageError, match=rf"2 class folders {name[:4]}\*"):
        load(CALTECH256, categories.parent.parent)


def test_empty_class_is_named(categories):
    shutil.rmtree(categories / FOLDERS[41])
    (categories / FOLDERS[41]).mkdir()
    with pytest.raises(UsageError, match=f"0 images in {FOLDERS[41]}, where at least 5"):
        load(CALTECH256, categories.parent.parent)


def test_gap_in_the_numbers_is_named(categories):
    folder = categories / FOLDERS[255]
    (folder / "256_0003.jpg").rename(folder / "256_0006.jpg")
    with pytest.raises(UsageError, match=f"no {FOLDERS[255]}/256_0003.jpg among 5 images"):
        load(CALTECH256, categories.parent.parent)


@pytest.mark.parametrize("kept", [0, 3, -100])
def test_undecodable_image_is_named(tmp_path, kept):
    file = tmp_path / "001.ak47" / "001_0001.jpg"
    file.parent.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(UsageError, match=r"'caltech256' is corrupt.*001\.ak47/001_0001\.jpg: .+"):
        _images(tmp_path, [file])


def test_undecodable_image_is_named_among_all(categories):
    file = categories / FOLDERS[2] / "003_0002.jpg"
    file.write_bytes(b"no image")
    with pytest.raises(UsageError, match=rf"corrupt: {categories}: {FOLDERS[2]}/003_0002\.jpg: cannot identify"):
        load(CALTECH256, categories.parent.parent)


def test_a_class_folder_that_may_not_be_read_is_not_called_empty(published, monkeypatch):
    folder, allowed = published / "caltech256" / "256_ObjectCategories" / FOLDERS[7], Path.iterdir

    def refused(path):
        if path == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return allowed(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(UnreadableError, match=f"^data set 'caltech256' cannot be read: {folder}: Permission denied$"):
        load(CALTECH256, published, cached=False)


@pytest.mark.parametrize(
    ("error", "reason"), [(OSError(24, "Too many open files"), "Too many open files"), (MemoryError(), "out of memory")]
)
def test_an_image_that_cannot_be_read_is_not_called_corrupt(published, monkeypatch, error, reason):
    def refused(*_):
        raise error

    monkeypatch.setattr(Image, "open", refused)
    with pytest.raises(
        UnreadableError,
        match=f"^data set 'caltech256' cannot be read: {published / 'caltech256' / '256_ObjectCategories'}: {reason}$",
    ):
        load(CALTECH256, published, cached=False)
