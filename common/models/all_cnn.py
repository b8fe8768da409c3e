"""All-CNN for 32x32 images, convolutions only, and a small net of the same kind for the digits."""

from collections.abc import Sequence

from torch import nn

from common.models.architecture import register

CONVOLUTIONS = (
    *((96, 3, 1), (96, 3, 1), (192, 3, 2)),
    *((192, 3, 1), (192, 3, 1), (192, 3, 2)),
    *((192, 3, 1), (192, 1, 1)),
)
"""Output channels, side of the kernel and stride of every convolution."""


@register
def all_cnn(num_classes: int = 10, affine: int = 1) -> nn.Module:
    """Build All-CNN for images [B, 3, 32, 32]: 1,620,010 parameters, 1,637,380 for 100 classes.

    Eight convolutions with BatchNorm, the mean over 8x8 maps, and the output layer. `affine` 0 leaves out BatchNorm's
    scales and shifts: 1,617,322 parameters.
    """
    head = [nn.AvgPool2d(8), nn.Flatten(-3), nn.Linear(192, num_classes)]
    return nn.Sequential(*_blocks(3, CONVOLUTIONS, affine), *head)


@register
def all_cnn_small(width: int = 8, affine: int = 1, num_classes: int = 10) -> nn.Module:
    """Build four convolutions of `width` and 2 `width` channels for images [B, 1, 8, 8], which train as a stack."""
    convolutions = [(width, 3, 1), (width, 3, 2), (2 * width, 3, 1), (2 * width, 3, 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(-3), nn.Linear(2 * width, num_classes)]
    return nn.Sequential(*_blocks(1, convolutions, affine), *head)


def _blocks(inputs: int, convolutions: Sequence[tuple[int, int, int]], affine: int) -> list[nn.Module]:
    """Return the layers of convolutions without bias, each followed by BatchNorm and ReLU."""
    layers: list[nn.Module] = []
    for outputs, kernel, stride in convolutions:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        layers += [conv, nn.BatchNorm2d(outputs, affine=bool(affine)), nn.ReLU()]
        inputs = outputs
    return layers
