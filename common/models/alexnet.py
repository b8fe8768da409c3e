"""AlexNet for 32x32 images: no normalisation, dropout before the hidden linear layers."""

from torch import nn

from common.models.architecture import register


@register
def alexnet32(num_classes: int = 10) -> nn.Module:
    """Build AlexNet for images [B, 3, 32, 32]: 23,272,266 parameters for 10 classes.

    Its layers follow one another as in the network for ImageNet; the first convolution is 3x3 with stride 2, and the
    pools halve the maps, so that 2x2 maps are left for the linear layers.
    """
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 192, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(-3),
        *(nn.Dropout(), nn.Linear(1024, 4096), nn.ReLU()),
        *(nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()),
        nn.Linear(4096, num_classes),
    )
