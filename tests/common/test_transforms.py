import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from common.transforms import Flip, Translate, shifted


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
