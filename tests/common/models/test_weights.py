import pytest
from torch import nn

from common.models import lenet_300_100, parameter_counts, resnet_mini, vgg_mini, weight_tensors
from common.models.weights import Counts


def test_counts_by_hand():
    # conv 3*2*2*2 + 3, norm 3 + 3, linear 5*3 without bias
    model = nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 5, bias=False))
    assert parameter_counts(model) == Counts(weights=24 + 15, biases=3, batch_norm=6)
    assert parameter_counts(model).total == 48
    assert list(weight_tensors(model)) == ["0.weight", "3.weight"]


def test_weight_of_a_bare_layer():
    layer = nn.Linear(2, 3)
    assert weight_tensors(layer)["weight"] is layer.weight


@pytest.mark.parametrize("model", [lenet_300_100(), vgg_mini(4), resnet_mini(4)])
def test_weights_are_matrices_and_kernels_in_registration_order(model):
    parameters = dict(model.named_parameters())
    weights = weight_tensors(model)
    # the only vectors of these networks are biases and BatchNorm parameters
    assert list(weights) == [name for name, parameter in parameters.items() if parameter.ndim > 1]
    assert all(weights[name] is parameters[name] for name in weights)
    assert parameter_counts(model).total == sum(parameter.numel() for parameter in parameters.values())
