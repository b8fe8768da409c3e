import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.functional import adjust_contrast

from common.datasets.transforms import Flip, Translate, blurred, contrasted, shifted


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def images(*shape, seed=0):
    return torch.rand(shape, generator=rng(seed)) + 1  # nowhere zero


def test_shift_by_hand():
    image = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]]).reshape(1, 1, 3, 3)
    batch = image.repeat(4, 1, 1, 1)
    down, right = torch.tensor([0, 1, -2, 1]), torch.tensor([0, 0, 1, -1])
    assert shifted(batch, down, right, limit=2).squeeze(1).tolist() == [
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[0, 0, 0], [1, 2, 3], [4, 5, 6]],
        [[0, 7, 8], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [2, 3, 0], [5, 6, 0]],
    ]


@settings(deadline=None, max_examples=30)
@given(height=st.integers(1, 6), width=st.integers(1, 6), limit=st.integers(1, 7), data=st.data())
def test_shift_agrees_with_a_loop_over_pixels(height, width, limit, data):
    offsets = st.integers(-limit, limit)
    down, right = data.draw(offsets), data.draw(offsets)
    source = images(2, height, width)
    expected = torch.zeros_like(source)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                expected[:, y, x] = source[:, y - down, x - right]
    moved = shifted(source[None], torch.tensor([down]), torch.tensor([right]), limit)
    assert torch.equal(moved[0], expected)


def test_every_shift_occurs_equally_often():
    source = torch.zeros(8100, 1, 9, 9)
    source[:, :, 4, 4] = 1
    position = Translate(4)(source, rng()).flatten(1).argmax(1)
    counts = torch.bincount(position, minlength=81)
    # 100 expected of each of 81; chi-square with 80 degrees of freedom has mean 80 and deviation 12.6
    assert counts.min() > 0
    assert 40 < ((counts - 100) ** 2 / 100).sum() < 120


def test_translate_keeps_values_inside_and_fills_with_zero():
    moved = Translate(2)(images(500, 3, 4, 4), rng())
    zeros = (moved == 0).all(1)  # all channels move together
    assert torch.equal(zeros, (moved == 0).any(1))
    rows, columns = (~zeros).any(2).sum(1), (~zeros).any(1).sum(1)
    assert set(rows.tolist()) == set(columns.tolist()) == {2, 3, 4}
    assert torch.equal((~zeros).sum((1, 2)), rows * columns)


def test_flip_mirrors_the_columns_and_undoes_itself():
    source = torch.arange(6).reshape(1, 1, 2, 3)
    assert Flip(1)(source, rng()).tolist() == [[[[2, 1, 0], [5, 4, 3]]]]
    assert torch.equal(Flip(1)(Flip(1)(source, rng()), rng()), source)


@pytest.mark.parametrize("p", [0.5, 0.2])
def test_flip_share(p):
    source = torch.tensor([0.0, 1.0]).expand(10_000, 1, 1, 2)
    share = Flip(p)(source, rng())[..., 0].mean().item()
    assert share == pytest.approx(p, abs=0.02)  # four standard errors at p = 0.5


@pytest.mark.parametrize("transform", [Flip(), Translate()])
def test_images_draw_independently_and_by_the_generator(transform):
    source = images(3, 20, 3, 8, 8)
    out = transform(source, rng(1))
    assert out.shape == source.shape
    assert torch.equal(out, transform(source, rng(1)))
    assert not torch.equal(out, transform(source, rng(2)))
    same = transform(source[:1, :1].expand(3, 20, -1, -1, -1), rng(1)).flatten(0, 1)
    assert len(same.unique(dim=0)) > 1
    # leading dimensions only group the images
    assert torch.equal(out.flatten(0, 1), transform(source.flatten(0, 1), rng(1)))


@pytest.mark.parametrize("transform", [Flip(), Translate()])
def test_transforms_leave_global_state_and_input_alone_and_keep_the_type(transform):
    source = (images(9, 3, 8, 8) * 100).to(torch.uint8)
    before, copy = torch.get_rng_state(), source.clone()
    assert transform(source, rng()).dtype == torch.uint8
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(source, copy)


@pytest.mark.parametrize("transform", [Flip(0), Translate(0)])
def test_zero_amount_is_the_identity(transform):
    source = images(5, 3, 4, 4)
    assert torch.equal(transform(source, rng()), source)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("transform", [Flip(), Translate()])
def test_transforms_stay_on_the_device_without_synchronising(transform):
    source = images(9, 3, 8, 8).cuda()
    generator = torch.Generator("cuda").manual_seed(0)
    transform(source, generator)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert transform(source, generator).is_cuda
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_impossible_amounts_are_refused():
    with pytest.raises(ValueError, match="probability"):
        Flip(1.5)
    with pytest.raises(ValueError, match="pixels"):
        Translate(-1)


def bilinear(size, smaller):
    """Return the matrix [smaller, size] or its like that resizes one side, with pixels as areas, edges repeated."""
    matrix = torch.zeros(smaller, size, dtype=torch.float64)
    for target in range(smaller):
        centre = min(max((target + 0.5) * size / smaller - 0.5, 0.0), size - 1.0)
        first = min(int(centre), size - 1)
        second = min(first + 1, size - 1)
        matrix[target, first] += 1 - (centre - first)
        matrix[target, second] += centre - first
    return matrix


def blurred_by_hand(image, small):
    """Resize the sides of an image [..., H, W] to `small` and back, one pixel's weights at a time."""
    for sides in (small, image.shape[-2:]):
        rows, columns = (bilinear(size, to) for size, to in zip(image.shape[-2:], sides, strict=True))
        image = rows @ image @ columns.T
    return image


def test_a_blur_of_four_pixels_by_hand():
    image = torch.tensor([0.0, 2.0, 4.0, 8.0]).expand(1, 4, 4)
    # two pixels of 1 and 6, at 0.5 and 2.5: their neighbours lie a quarter of the way
    assert blurred(image, 0.5, antialias=False)[0].tolist() == [[1.0, 2.25, 4.75, 6.0]] * 4
    # at a quarter one pixel is left, the mean of the middle four
    assert blurred(image, 0.25, antialias=False)[0].tolist() == [[3.0] * 4] * 4
    # with antialias of all four, by how near they lie to its middle: 5, 7, 7 and 5 of 24
    torch.testing.assert_close(blurred(image, 0.25)[0], torch.full((4, 4), (2 * 7 + 4 * 7 + 8 * 5) / 24))


@pytest.mark.parametrize(
    ("sides", "share", "small"),
    [
        ((8, 8), 0.25, (2, 2)),
        ((32, 32), 0.4, (13, 13)),
        ((28, 28), 0.25, (7, 7)),
        ((32, 32), 0.25, (8, 8)),
        ((6, 9), 0.5, (3, 4)),
    ],
)
def test_a_blur_resizes_down_and_up_without_antialias(sides, share, small):
    source = images(2, 3, *sides).double()
    found = blurred(source, share, antialias=False)
    torch.testing.assert_close(found, blurred_by_hand(source, small))
    down = F.interpolate(source, size=small, mode="bilinear", align_corners=False, antialias=False)
    up = F.interpolate(down, size=sides, mode="bilinear", align_corners=False, antialias=False)
    assert torch.equal(found, up)
    assert (found - source).abs().max() > 0.1


def test_antialias_takes_away_what_a_small_image_cannot_hold():
    noise = torch.randn(50, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    stripes = torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0]).repeat(7)[:32].expand(1, 32, 32)  # finer than a quarter
    for source, kept, aliased in ((noise, 0.05, 0.1), (stripes, 0.1, 0.3)):
        smooth, rough = (blurred(source, 0.25, antialias).var() / source.var() for antialias in (True, False))
        assert smooth < kept
        assert rough > aliased


@pytest.mark.parametrize("share", [1.0, 0.99])
def test_a_blur_to_the_full_size_changes_no_bit(share):
    source = images(2, 3, 32, 32)
    assert torch.equal(blurred(source, share), source)


@pytest.mark.parametrize("share", [0.25, 0.4, 0.7])
def test_a_blur_keeps_constants_and_the_input(share):
    source = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1).expand(3, 8, 8)
    torch.testing.assert_close(blurred(source, share), source)
    source = images(3, 8, 8)
    copy = source.clone()
    blurred(source, share)
    assert torch.equal(source, copy)


def test_contrast_by_hand():
    grey = torch.tensor([0.0, 0.2, 0.4, 1.0]).view(1, 2, 2)  # mean 0.4
    torch.testing.assert_close(contrasted(grey, 0.5).flatten(), torch.tensor([0.2, 0.3, 0.4, 0.7]))
    red = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1).expand(3, 2, 2)  # as grey 0.2989
    expected = torch.tensor([0.5 + 0.14945, 0.14945, 0.14945]).view(3, 1, 1).expand(3, 2, 2)
    torch.testing.assert_close(contrasted(red, 0.5), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.0, 0.1, 0.28, 0.7, 1.0])
def test_contrast_agrees_with_torchvision(channels, factor):
    source = images(4, channels, 5, 7) - 1  # within [0, 1], which torchvision clamps to
    expected = torch.stack([adjust_contrast(image, factor) for image in source])
    torch.testing.assert_close(contrasted(source, factor), expected)


def test_full_contrast_changes_no_bit_and_none_leaves_every_image_uniform():
    source = images(4, 3, 5, 7)
    copy = source.clone()
    assert torch.equal(contrasted(source, 1.0), source)
    uniform = contrasted(source, 0.0)
    assert torch.equal(source, copy)
    for image, original in zip(uniform, source, strict=True):
        assert len(image.unique()) == 1
        red, green, blue = original.mean((1, 2)).tolist()
        assert image[0, 0, 0].item() == pytest.approx(0.2989 * red + 0.587 * green + 0.114 * blue)
    assert len(uniform[:, 0, 0, 0].unique()) == 4  # its own grey for every image


@pytest.mark.parametrize(
    "transform", [lambda x: blurred(x, 0.4), lambda x: contrasted(x, 0.3)], ids=["blur", "contrast"]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_nuisances_treat_images_of_all_runs_as_each_alone(transform, channels):
    source = images(2, 3, channels, 8, 8)
    together = transform(source)
    assert together.shape == source.shape
    for run in range(2):
        for number in range(3):
            torch.testing.assert_close(together[run, number], transform(source[run, number]), rtol=0, atol=1e-7)
    strided = transform(source.transpose(0, 1))
    torch.testing.assert_close(strided, together.transpose(0, 1), rtol=0, atol=1e-7)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.2, float("nan"), float("inf")])
def test_shares_that_blur_nothing_are_refused(share):
    with pytest.raises(ValueError, match=r"a share of the resolution in \(0, 1\]"):
        blurred(images(1, 4, 4), share)


@pytest.mark.parametrize("factor", [-0.1, 1.5, float("nan")])
def test_contrasts_outside_their_range_are_refused(factor):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        contrasted(images(1, 4, 4), factor)


@pytest.mark.parametrize("amount", [0.5, 1.0])
@pytest.mark.parametrize("transform", [blurred, contrasted])
def test_nuisances_refuse_what_are_no_float_images(transform, amount):
    for wrong in (images(4, 4), torch.zeros(1, 4, 4, dtype=torch.uint8), torch.zeros(2, 1, 4, 4, dtype=torch.int64)):
        with pytest.raises(ValueError, match="images are floats"):
            transform(wrong, amount)


def test_a_blur_that_leaves_no_pixel_is_refused():
    with pytest.raises(ValueError, match="leaves no pixel of images of 8 x 2"):
        blurred(images(1, 8, 2), 0.2)


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_two_channels_have_no_contrast(factor):
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        contrasted(images(2, 4, 4), factor)
