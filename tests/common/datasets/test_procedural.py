import pytest
import torch
from torch.nn.functional import one_hot

from common.datasets import load
from common.datasets.procedural import PROCEDURAL_10, PROCEDURAL_40, _class_waves, procedural


@pytest.fixture(scope="module")
def ten():
    return load(PROCEDURAL_10)


def power(images):
    """Mean power spectrum of grey-free images [N, 3, S, S] -> [N, 3 * S * (S / 2 + 1)], shift-invariant."""
    pixels = images.double() / 255
    return torch.fft.rfft2(pixels - pixels.mean((2, 3), keepdim=True)).abs().square().flatten(1)


def least_squares_accuracy(data, features):
    """Test accuracy of ridge regression to one-hot labels."""
    train, test = features(data.train_images), features(data.test_images)
    mean, std = train.mean(0), train.std(0) + 1e-9
    train, test = (train - mean) / std, (test - mean) / std
    gram = train.T @ train + len(train) * torch.eye(train.shape[1], dtype=train.dtype)
    weights = torch.linalg.solve(gram, train.T @ one_hot(data.train_labels).to(train.dtype))
    return ((test @ weights).argmax(1) == data.test_labels).double().mean().item()


def test_sizes_and_balance(ten):
    assert (ten.name, ten.num_classes) == ("procedural10", 10)
    assert ten.train_images.shape == (1200, 3, 16, 16)
    assert torch.bincount(ten.train_labels).tolist() == [120] * 10
    assert torch.bincount(ten.test_labels).tolist() == [40] * 10
    forty = load(PROCEDURAL_40)
    assert torch.bincount(forty.train_labels).tolist() == [30] * 40
    assert torch.bincount(forty.test_labels).tolist() == [10] * 40
    assert procedural(3, 2, 1, size=24).train_images.shape == (6, 3, 24, 24)


def test_the_seed_decides():
    assert procedural(4, 3, 2, seed=1).fingerprint == procedural(4, 3, 2, seed=1).fingerprint
    assert procedural(4, 3, 2, seed=1).fingerprint != procedural(4, 3, 2, seed=2).fingerprint


def test_no_two_images_are_alike(ten):
    assert len(torch.cat([ten.train_images, ten.test_images]).unique(dim=0)) == 1600


def test_classes_are_hard_for_a_linear_map_of_pixels_and_easy_by_their_spectrum(ten):
    assert least_squares_accuracy(ten, lambda images: images.double().flatten(1)) < 0.5
    assert least_squares_accuracy(ten, power) > 0.9


@pytest.mark.parametrize("slow", [True, False])
def test_both_low_and_high_frequencies_tell_classes_apart(ten, slow):
    frequency = torch.fft.fftfreq(16, 1 / 16)[:, None].square() + torch.arange(9).square()
    band = ((frequency <= 2) if slow else (frequency > 4)).repeat(3, 1, 1).flatten()
    assert least_squares_accuracy(ten, lambda images: power(images)[:, band]) > 0.4


def test_no_class_is_another_ones_mirror_image_and_textures_are_distinct():
    vectors, colours = _class_waves(10, 16, torch.Generator().manual_seed(0))
    # a mirror turns (down, across) into (down, -across): all pointing one way, none becomes another
    assert (vectors >= 0).all()
    assert len(vectors[1].unique(dim=0)) == 10
    assert torch.allclose(colours.norm(dim=-1), torch.ones(2, 10).double())
