"""LeNet-300-100 and LeNet-5-Caffe (FreezeNet, figures S9 and S10)."""

from torch import Tensor, nn

from common.models.architecture import register


class LeNet300100(nn.Module):
    """Three linear layers with ReLU between; images [..., C, H, W] to logits [..., classes]."""

    def __init__(self, num_classes: int, in_features: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(in_features, 300)
        self.linear2 = nn.Linear(300, 100)
        self.linear3 = nn.Linear(100, num_classes)
        self.relu = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits; `images` may have any number of leading dimensions."""
        hidden = self.relu(self.linear1(images.flatten(-3)))
        logits: Tensor = self.linear3(self.relu(self.linear2(hidden)))
        return logits


class LeNet5Caffe(nn.Module):
    """Two 5x5 convolutions and two linear layers; images [B, 1, 28, 28] to logits [B, classes].

    Maps are pooled before ReLU, which computes what the usual order computes, to the bit, on a quarter of the values.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.linear1 = nn.Linear(50 * 4 * 4, 500)
        self.linear2 = nn.Linear(500, num_classes)
        self.pool = nn.MaxPool2d(2)
        self.relu = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits; feature maps have sides 28, 24, 12, 8, 4."""
        maps = self.relu(self.pool(self.conv1(images)))
        maps = self.relu(self.pool(self.conv2(maps)))
        logits: Tensor = self.linear2(self.relu(self.linear1(maps.flatten(-3))))
        return logits


@register
def lenet_300_100(num_classes: int = 10, in_features: int = 784) -> nn.Module:
    """Build LeNet-300-100: 266,610 parameters as published; `in_features` is C*H*W of one image."""
    return LeNet300100(num_classes, in_features)


@register
def lenet5_caffe(num_classes: int = 10) -> nn.Module:
    """Build LeNet-5-Caffe for images [B, 1, 28, 28]: 431,080 parameters as published."""
    return LeNet5Caffe(num_classes)
