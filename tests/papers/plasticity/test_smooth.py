import math
from itertools import pairwise

import pytest
import torch

from papers.plasticity.settings import DIGITS, Cell
from papers.plasticity.smooth import require, share_of_all, smooth_epochs

EPOCHS = 500
CURVES = [  # gamma, p at the end, epochs drawn from the half, n/N where p is one half
    (0.1, 1.0000, 4.3, 0.006),
    (0.3, 1.0000, 8.3, 0.0115),
    (0.5, 1.0000, 14.4, 0.020),
    (0.7, 1.0000, 28.0, 0.039),
    (0.8, 1.0000, 44.8, 0.062),
    (0.9, 0.9948, 94.4, 0.132),
    (0.95, 0.9231, 180.0, 0.270),
    (0.98, 0.6358, 314.7, 0.686),
    (0.99, 0.3950, 393.0, None),
]


@pytest.mark.parametrize(("gamma", "end", "biased", "middle"), CURVES)
def test_the_share_of_all_follows_its_closed_form(gamma, end, biased, middle):
    steps = 10_000
    assert share_of_all(steps, steps, gamma) == pytest.approx(end, abs=5e-5)
    from_half = sum(1.0 - share_of_all(n + 0.5, steps, gamma) for n in range(steps)) / steps * EPOCHS
    assert from_half == pytest.approx(EPOCHS * (1 - gamma**50) / (50 * -math.log(gamma)), rel=1e-3)
    assert from_half == pytest.approx(biased, abs=0.06)
    if middle is None:
        assert end < 0.5
    else:
        assert math.log(0.5) / (50 * math.log(gamma)) == pytest.approx(middle, abs=7e-4)
        assert share_of_all(math.log(0.5) / (50 * math.log(gamma)) * steps, steps, gamma) == pytest.approx(0.5)


def test_the_share_starts_at_nothing_and_grows_the_slower_the_larger_gamma():
    shares = [[share_of_all(n, 100, gamma) for n in range(101)] for gamma in (0.0, 0.3, 0.9, 0.99)]
    for share in shares:
        assert share[0] == 0.0
        assert share == sorted(share)
    assert shares[0][1:] == [1.0] * 100
    for faster, slower in pairwise(shares):
        assert all(a >= b for a, b in zip(faster, slower, strict=True))
        assert faster[10] > slower[10]


def test_images_come_from_all_with_the_share_of_their_step():
    gammas, images, batch, epochs = (0.0, 0.5, 0.9, 0.98), 4000, 2000, 15
    full = torch.arange(images).expand(len(gammas), -1)
    half = full[:, : images // 2]
    drawn = torch.cat(list(smooth_epochs(half, full, gammas, epochs, batch, seeds=[0, 1, 2, 3])))
    assert drawn.shape == (30, len(gammas), batch)  # an epoch is one pass: 2 steps
    outside = (drawn >= images // 2).double().mean(2)
    expected = torch.tensor([[share_of_all(n, 30, gamma) / 2 for gamma in gammas] for n in range(30)])
    torch.testing.assert_close(outside, expected.double(), rtol=0, atol=4.5 * math.sqrt(0.25 / batch))
    assert (outside[0] == 0).all()  # p(0) = 0


def test_gamma_0_draws_uniformly_from_all_and_with_replacement():
    images = 50
    full = torch.arange(images)[None]
    drawn = torch.cat(list(smooth_epochs(full[:, :25], full, [0.0], 400, images, [0])))[1:].flatten(1)
    counts = torch.bincount(drawn.flatten(), minlength=images).double()
    assert (counts - 399).abs().max() < 5 * math.sqrt(399)
    distinct = torch.tensor([len(epoch.unique()) for epoch in drawn]).double().mean() / images
    assert distinct == pytest.approx(1 - (1 - 1 / images) ** images, abs=0.02)


def test_every_run_draws_from_its_own_sets_as_it_would_alone():
    full = torch.stack([torch.randperm(40, generator=torch.Generator().manual_seed(s)) for s in range(3)])
    half, gammas, seeds = full[:, :20], [0.3, 0.95, 0.95], [5, 6, 7]
    together = list(smooth_epochs(half, full, gammas, 3, 8, seeds))
    assert [tuple(epoch.shape) for epoch in together] == [(5, 3, 8)] * 3
    for r in range(3):
        alone = smooth_epochs(half[r : r + 1], full[r : r + 1], gammas[r : r + 1], 3, 8, seeds[r : r + 1])
        for epoch, own in zip(together, alone, strict=True):
            assert torch.equal(epoch[:, r : r + 1], own)
        assert set(together[0][0, r].tolist()) <= set(half[r].tolist())
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("gamma", [-0.1, 1.0, 1.5, math.nan])
def test_a_gamma_outside_its_range_is_refused(gamma):
    with pytest.raises(ValueError, match=r"it lies in \[0, 1\)"):
        require(gamma)
    with pytest.raises(ValueError, match=r"it lies in \[0, 1\)"):
        Cell(DIGITS, stages=0, gamma=gamma)


def test_images_that_do_not_fill_a_batch_are_refused():
    full = torch.arange(4)[None]
    with pytest.raises(ValueError, match="4 images do not fill a batch of 8"):
        next(smooth_epochs(full[:, :2], full, [0.5], 1, 8, [0]))
