"""One small network of every kind that the engine trains in a way of its own, its images' shape, and how many of it."""

from torch import nn

from common.models.grouped import grouped_cnn, grouped_mlp
from common.models.resnet import ResidualBlock


def wide():
    """Return a small network that does not stack, for its first convolution is wide."""
    first = [nn.Conv2d(3, 33, 3, padding=1, bias=False), nn.BatchNorm2d(33), nn.ReLU()]
    return nn.Sequential(*first, ResidualBlock(33, 4, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(-3), nn.Linear(4, 10))


KINDS = {
    "stack of linear layers": (lambda: grouped_mlp(inputs=64, hidden=8), (1, 8, 8), 3),
    "stack of convolutions": (lambda: grouped_cnn(width=2, depth=1), (1, 12, 12), 2),
    "single network": (wide, (3, 8, 8), 1),
}
