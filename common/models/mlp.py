"""A fully connected network with BatchNorm for small images, which trains as a stack."""

from torch import nn

from common.models.architecture import register

HIDDEN_LAYERS = 3


@register
def bn_mlp(inputs: int = 64, hidden: int = 64, affine: int = 1, num_classes: int = 10) -> nn.Module:
    """Build three hidden linear layers with BatchNorm and ReLU, and the output layer, for images of `inputs` pixels.

    `affine` 0 leaves out BatchNorm's scales and shifts.
    """
    layers: list[nn.Module] = [nn.Flatten(-3)]
    for width in (inputs, *[hidden] * (HIDDEN_LAYERS - 1)):
        layers += [nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden, affine=bool(affine)), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, num_classes))
