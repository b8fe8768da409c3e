"""VGG16-D with BatchNorm in place of dropout (FreezeNet, figure S11), and a small net of the same blocks."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from common.models.architecture import register


@register
def vgg16_d(num_classes: int) -> nn.Module:
    """Build VGG16-D for images [B, 3, 32, 32]: 15,255,626 parameters for 10 classes, 15,301,796 for 100.

    The last stage has three convolutions: the figure draws two, but the published totals need thirteen.
    """
    return _vgg([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], [512, 512, 512], num_classes)


@register
def vgg_mini(num_classes: int, width: int = 16) -> nn.Module:
    """Build a VGG of 6 convolutions, `width` to 4 `width` channels, for images [B, 3, 16, 16]."""
    return _vgg([(width, 2), (2 * width, 2), (4 * width, 2)], [4 * width * 2 * 2, 4 * width], num_classes)


def _vgg(stages: Sequence[tuple[int, int]], linear: Sequence[int], num_classes: int) -> nn.Module:
    """Chain conv stages, given as (channels, blocks), and linear blocks between the given widths."""
    widths = [3, *(channels for channels, _ in stages)]
    layers: list[nn.Module] = []
    for inputs, (outputs, blocks) in zip(widths, stages, strict=False):
        layers.append(_conv_block(inputs, outputs))
        layers.extend(_conv_block(outputs, outputs) for _ in range(blocks - 1))
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten(-3))
    layers.extend(_linear_block(inputs, outputs) for inputs, outputs in pairwise(linear))
    layers.append(nn.Linear(linear[-1], num_classes))
    return nn.Sequential(*layers)


def _conv_block(inputs: int, outputs: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(outputs), relu=nn.ReLU()))


def _linear_block(inputs: int, outputs: int) -> nn.Sequential:
    linear = nn.Linear(inputs, outputs)
    return nn.Sequential(OrderedDict(linear=linear, norm=nn.BatchNorm1d(outputs), relu=nn.ReLU()))
