import pytest
import torch
from torch import nn

from common.models.architecture import architecture_of, build
from common.models.mlp import bn_mlp
from common.models.weights import Counts, parameter_counts
from common.train.stacking import stackable


def test_parameter_counts():
    weights = 3 * 64 * 64 + 64 * 10
    assert parameter_counts(bn_mlp()) == Counts(weights=weights, biases=10, batch_norm=6 * 64)
    assert parameter_counts(bn_mlp(affine=0)) == Counts(weights=weights, biases=10, batch_norm=0)
    assert parameter_counts(bn_mlp(inputs=4, hidden=5, num_classes=3)).weights == 4 * 5 + 2 * 25 + 5 * 3


def test_three_hidden_layers_with_batch_norm_and_relu_before_the_output_layer():
    kinds = [type(layer) for layer in bn_mlp()]
    assert kinds == [nn.Flatten, *[nn.Linear, nn.BatchNorm1d, nn.ReLU] * 3, nn.Linear]
    assert bn_mlp(num_classes=7)(torch.zeros(5, 1, 8, 8)).shape == (5, 7)


def test_a_network_is_rebuilt_from_what_it_says_it_is():
    model = bn_mlp(4, 5, 0, 3)
    assert [p.shape for p in build(architecture_of(model)).parameters()] == [p.shape for p in model.parameters()]


@pytest.mark.parametrize("affine", [0, 1])
def test_it_trains_as_a_stack(affine):
    assert stackable(bn_mlp(affine=affine), torch.device("cpu"))
