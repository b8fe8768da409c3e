"""ResNet34 for 64x64 images (FreezeNet, table S5 and figure S12), and a small net of the same blocks."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from common.models.architecture import register


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm beside a shortcut; [B, inputs, H, W] to [B, outputs, H/s, W/s].

    The shortcut is a 1x1 convolution with BatchNorm wherever the shape changes, else the identity. The
    caption of figure S12 names a change of channels only; the published totals also need the projection in
    the first block, which halves the resolution and keeps 64 channels. `affine` gives BatchNorm scales and shifts.
    The stride of a shortcut is a pool of 1x1 windows before its convolution, which gives the same numbers: of strided
    1x1 convolutions with few channels, oneDNN computes the gradients beyond its memory (uxlfoundation/oneDNN#6035).
    """

    def __init__(self, inputs: int, outputs: int, stride: int, affine: bool = True) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
                norm1=nn.BatchNorm2d(outputs, affine=affine),
                relu=nn.ReLU(),
                conv2=nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                norm2=nn.BatchNorm2d(outputs, affine=affine),
            )
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            pick = nn.AvgPool2d(1, stride) if stride != 1 else nn.Identity()
            conv = nn.Conv2d(inputs, outputs, 1, bias=False)
            norm = nn.BatchNorm2d(outputs, affine=affine)
            self.shortcut = nn.Sequential(OrderedDict(pick=pick, conv=conv, norm=norm))
        self.relu = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Return relu(residual + shortcut)."""
        out: Tensor = self.relu(self.residual(maps) + self.shortcut(maps))
        return out


@register
def resnet34(num_classes: int = 200) -> nn.Module:
    """Build ResNet34 for images [B, 3, 64, 64]: 21,383,816 parameters for 200 classes as published.

    The table's average pool and output size are read as one 4x4 mean and `num_classes` outputs.
    """
    stages = [(64, 3), (128, 4), (256, 6), (512, 3)]
    blocks = [(width, 1 if i else 2) for width, depth in stages for i in range(depth)]
    return _resnet(64, blocks, num_classes)


@register
def resnet_mini(num_classes: int, width: int = 16) -> nn.Module:
    """Build a ResNet of 3 blocks, `width` to 4 `width` channels, for images [B, 3, 16, 16]."""
    return _resnet(width, [(width, 1), (2 * width, 2), (4 * width, 2)], num_classes)


def _resnet(stem: int, blocks: Sequence[tuple[int, int]], num_classes: int) -> nn.Module:
    """Chain a 3x3 stem, blocks given as (channels, stride), a 4x4 mean and the classifier."""
    conv = nn.Conv2d(3, stem, 3, padding=1, bias=False)
    layers: list[nn.Module] = [
        nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(stem), relu=nn.ReLU())),
    ]
    width = stem
    for outputs, stride in blocks:
        layers.append(ResidualBlock(width, outputs, stride))
        width = outputs
    return nn.Sequential(*layers, nn.AvgPool2d(4), nn.Flatten(-3), nn.Linear(width, num_classes))
