import pytest
import torch
import torch.nn.functional as F

from common.train.unfolded import unfolded_conv2d

CASES = {
    "plain": ((1, 1), (0, 0), (1, 1), (3, 3), 3),
    "one channel": ((1, 1), (0, 0), (1, 1), (5, 5), 1),
    "stride": ((2, 3), (0, 0), (1, 1), (3, 2), 2),
    "padding": ((1, 1), (1, 2), (1, 1), (3, 5), 2),
    "dilation": ((2, 1), (2, 1), (2, 3), (3, 2), 2),
    "one pixel": ((2, 2), (0, 0), (1, 1), (1, 1), 4),
}


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_convolution_of_every_run(case, with_bias):
    stride, padding, dilation, size, channels = CASES[case]
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    maps, weight = drawn(2, 4, channels, 9, 8), drawn(2, 6, channels, *size)
    bias = drawn(2, 6) if with_bias else None
    found = unfolded_conv2d(maps, weight, bias, stride, padding, dilation)
    expected = torch.stack(
        [
            F.conv2d(maps[run], weight[run], None if bias is None else bias[run], stride, padding, dilation)
            for run in range(2)
        ]
    )
    torch.testing.assert_close(found, expected)
    inputs = [tensor for tensor in (maps, weight, bias) if tensor is not None]
    direction = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    gradients = zip(
        torch.autograd.grad(found, inputs, direction), torch.autograd.grad(expected, inputs, direction), strict=True
    )
    for mine, theirs in gradients:
        torch.testing.assert_close(mine, theirs)


def test_maps_come_out_with_their_channels_last():
    found = unfolded_conv2d(torch.randn(2, 4, 3, 8, 8), torch.randn(2, 5, 3, 3, 3), None, (1, 1), (0, 0), (1, 1))
    assert found.permute(0, 1, 3, 4, 2).is_contiguous()


def test_images_that_need_no_gradient_get_none():
    maps, weight = torch.randn(1, 2, 1, 4, 4), torch.randn(1, 2, 1, 3, 3, requires_grad=True)
    unfolded_conv2d(maps, weight, None, (1, 1), (0, 0), (1, 1)).sum().backward()
    assert maps.grad is None
    assert weight.grad.isfinite().all()
