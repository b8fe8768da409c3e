import torch
from torch import nn

from common.models.alexnet import alexnet32
from common.models.weights import parameter_counts


def on_paper(**arguments):
    """Build without memory for the weights."""
    with torch.device("meta"):
        return alexnet32(**arguments)


def test_parameter_counts():
    counts = parameter_counts(on_paper())
    assert counts.total == 23_272_266
    assert counts.batch_norm == 0
    assert parameter_counts(on_paper(num_classes=100)).total == 23_272_266 + 90 * 4_097


def test_maps_shrink_to_2x2_before_the_linear_layers():
    with torch.device("meta"):
        maps = torch.zeros(2, 3, 32, 32)
    shapes = []
    for layer in on_paper():
        maps = layer(maps)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            shapes.append(tuple(maps.shape[1:]))
    convolutions = [(64, 16, 16), (192, 8, 8), (384, 4, 4), (256, 4, 4), (256, 4, 4)]
    assert shapes == [*convolutions, (4096,), (4096,), (10,)]


def test_dropout_comes_before_each_hidden_linear_layer():
    layers = list(on_paper())
    dropped = [layers[i + 1].in_features for i, layer in enumerate(layers) if isinstance(layer, nn.Dropout)]
    assert dropped == [1024, 4096]
