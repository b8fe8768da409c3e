import pytest
import torch

from common.datasets import load, templates
from common.datasets.templates import TEMPLATES

make = templates.templates


def spectra(images):
    """Power spectra [N, K] of images [N, 1, S, S], which know neither shift nor gain; length 1."""
    power = torch.fft.rfft2(images[:, 0].double()).abs().square().flatten(1)
    return power / power.norm(dim=1, keepdim=True)


def matches(images):
    """Tell for each pair of images whether they show the same map, bool [N, N]."""
    return torch.cdist(spectra(images), spectra(images)) < 1e-4


def test_sizes_and_balance():
    data = make(7, 3, noise=0.5)
    assert (data.name, data.num_classes) == ("templates", 10)
    assert data.train_images.shape == (70, 1, 12, 12)
    assert data.test_images.shape == (30, 1, 12, 12)
    assert data.train_images.dtype == torch.float32
    assert torch.bincount(data.train_labels).tolist() == [7] * 10
    assert torch.bincount(data.test_labels).tolist() == [3] * 10


def test_the_seed_decides():
    assert make(3, 2, 0.5).fingerprint == make(3, 2, 0.5, seed=0).fingerprint
    assert make(3, 2, 0.5).fingerprint != make(3, 2, 0.5, seed=1).fingerprint
    assert load(TEMPLATES).fingerprint == load(TEMPLATES).fingerprint


def test_no_two_images_are_alike():
    data = make(20, 10, noise=0.5)
    assert len(torch.cat([data.train_images, data.test_images]).unique(dim=0)) == 300


@pytest.mark.parametrize("part", ["SMOOTH", "TEXTURE"])
def test_each_part_has_mean_square_1_but_for_the_gain(part, monkeypatch):
    for name in ("SMOOTH", "TEXTURE"):
        monkeypatch.setattr(templates, name, float(name == part))
    gains = make(100, 1, noise=0.0).train_images.double().square().mean((1, 2, 3)).sqrt()
    assert 0.7 - 1e-6 <= gains.min() < 0.71
    assert 1.29 < gains.max() <= 1.3 + 1e-6
    assert gains.mean() == pytest.approx(1.0, abs=0.02)


def test_noise_adds_its_own_variance():
    clean, noisy = (make(100, 1, noise).train_images.double() for noise in (0.0, 0.4))
    assert (noisy - clean).square().mean() == pytest.approx(0.16, rel=0.02)


def test_every_image_of_a_class_shows_its_texture_and_no_other_class_does(monkeypatch):
    monkeypatch.setattr(templates, "SMOOTH", 0.0)
    data = make(10, 1, noise=0.0)
    assert torch.equal(matches(data.train_images), data.train_labels[:, None] == data.train_labels)


def test_the_smooth_part_is_that_of_the_class_for_half_of_the_images_and_any_class_for_the_others(monkeypatch):
    monkeypatch.setattr(templates, "TEXTURE", 0.0)
    data = make(100, 1, noise=0.0)
    same = matches(data.train_images)
    own = torch.stack([same[data.train_labels == c][:, data.train_labels == c].sum(1).max() / 100 for c in range(10)])
    assert own.mean() == pytest.approx(0.5 + 0.5 / 10, abs=0.04)
    assert own.min() > 0.4
    assert len(same.unique(dim=0)) == 10


def test_images_move_by_up_to_two_pixels_each_way(monkeypatch):
    monkeypatch.setattr(templates, "SMOOTH", 0.0)
    images = make(200, 1, noise=0.0).train_images
    first = images[::10, 0].double()  # of class 0
    overlap = torch.fft.ifft2(torch.fft.fft2(first).conj() * torch.fft.fft2(first[:1])).real
    places = overlap.flatten(1).argmax(1)
    moves = {(int(place // 12 + 6) % 12 - 6, int(place % 12 + 6) % 12 - 6) for place in places}
    down, right = zip(*moves, strict=True)
    assert len(moves) == 25
    assert max(down) - min(down) == max(right) - min(right) == 4


def test_the_texture_tells_noisy_images_apart_which_the_smooth_part_does_not(monkeypatch):
    def accuracy(part):
        """Name the class whose map, found without the other part, fits best at any shift."""
        with monkeypatch.context() as patch:
            patch.setattr(templates, part, 0.0)
            clean = make(1, 50, noise=0.0).train_images[:, 0].double()
        data = make(1, 50, noise=0.3)
        maps = torch.fft.fft2(clean / clean.norm(dim=(1, 2), keepdim=True))
        noisy = torch.fft.fft2(data.test_images.double())
        fit = torch.fft.ifft2(noisy * maps.conj()).real.amax((2, 3))
        return (fit.argmax(1) == data.test_labels).double().mean()

    assert accuracy("SMOOTH") > 0.9
    assert accuracy("TEXTURE") < 0.7
