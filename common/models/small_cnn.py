"""A small convolutional feature extractor for 8x8 grey images, which trains as a stack."""

from torch import nn

from common.models.architecture import register

FEATURES = 64


@register
def small_cnn(batch_norm: int = 1) -> nn.Module:
    """Build the extractor: images [B, 1, 8, 8] to features [B, 64]; 13,152 parameters, 13,056 without BatchNorm.

    It pools before each ReLU, which computes what the usual order computes on a quarter of the values.
    """
    norm = nn.BatchNorm2d if batch_norm else nn.Identity
    layers = [
        *(nn.Conv2d(1, 16, 3, padding=1), norm(16), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, padding=1), norm(32), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(-3), nn.Linear(128, FEATURES), nn.ReLU()),
    ]
    return nn.Sequential(*(layer for layer in layers if not isinstance(layer, nn.Identity)))
