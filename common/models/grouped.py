"""Networks as a chain of named groups of layers, group1, group2, ..., of which any may be reset on its own."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from common.models.architecture import register
from common.models.resnet import ResidualBlock


@register
def grouped_resnet(
    num_classes: int = 10, width: int = 64, depth: int = 2, channels: int = 3, affine: int = 1
) -> nn.Module:
    """Build ResNet-18 for 32x32 images in six groups: 11,173,962 parameters (plasticity, Section A.4).

    Group 1 is the first convolution with its BatchNorm, groups 2 to 5 are the modules of `depth` residual blocks with
    width, 2 width, 4 width and 8 width channels, the later three halving height and width; group 6 is the output layer.
    `affine` 0 leaves out BatchNorm's scales and shifts: 11,164,362 parameters.
    """
    scaled = bool(affine)
    stem = [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width, affine=scaled), nn.ReLU()]
    groups = [nn.Sequential(*stem)]
    inputs = width
    for module in range(4):
        outputs, stride = width * 2**module, 1 if module == 0 else 2
        blocks = [ResidualBlock(inputs, outputs, stride, scaled)]
        blocks += [ResidualBlock(outputs, outputs, 1, scaled) for _ in range(depth - 1)]
        groups.append(nn.Sequential(*blocks))
        inputs = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(-3), nn.Linear(inputs, num_classes)]
    return _chain([*groups, nn.Sequential(*head)])


@register
def grouped_cnn(width: int = 8, depth: int = 2, num_classes: int = 10) -> nn.Module:
    """Build a small network with BatchNorm for images [B, 1, 12, 12], in 2 depth + 1 groups, which trains as a stack.

    Two stages of `depth` convolutions, width and 2 width channels; each pools after its first one. Every convolution is
    a group, and so is the output layer.
    """
    groups, inputs = [], 1
    for outputs in (width, 2 * width):
        for layer in range(depth):
            pool = [nn.MaxPool2d(2)] if layer == 0 else []
            conv = nn.Conv2d(inputs, outputs, 3, padding=1)
            groups.append(nn.Sequential(conv, nn.BatchNorm2d(outputs), *pool, nn.ReLU()))
            inputs = outputs
    return _chain([*groups, nn.Sequential(nn.Flatten(-3), nn.Linear(9 * inputs, num_classes))])


@register
def grouped_mlp(inputs: int = 64, hidden: int = 100, num_classes: int = 10) -> nn.Module:
    """Build a network of three linear layers for images of `inputs` pixels, each layer a group."""
    return _chain(
        [
            nn.Sequential(nn.Flatten(-3), nn.Linear(inputs, hidden), nn.ReLU()),
            nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU()),
            nn.Sequential(nn.Linear(hidden, num_classes)),
        ]
    )


def _chain(groups: Sequence[nn.Module]) -> nn.Module:
    return nn.Sequential(OrderedDict((f"group{i}", group) for i, group in enumerate(groups, start=1)))
