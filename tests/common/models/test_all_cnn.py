import pytest
import torch
from torch import nn

from common.models.all_cnn import all_cnn, all_cnn_small
from common.models.architecture import architecture_of, build
from common.models.weights import parameter_counts
from common.train.stacking import stackable


def on_paper(builder, **arguments):
    """Build without memory for the weights."""
    with torch.device("meta"):
        return builder(**arguments)


def convolutions(model):
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize(
    ("arguments", "total"),
    [({}, 1_620_010), ({"affine": 0}, 1_617_322), ({"num_classes": 100}, 1_637_380)],
)
def test_all_cnn_has_the_parameters_of_its_family(arguments, total):
    assert parameter_counts(on_paper(all_cnn, **arguments)).total == total


def test_all_cnn_has_eight_convolutions_that_halve_the_maps_twice():
    model = all_cnn()
    maps, shapes = torch.zeros(2, 3, 32, 32), []
    for layer in model:
        maps = layer(maps)
        if isinstance(layer, nn.Conv2d):
            shapes.append(tuple(maps.shape[1:]))
    assert shapes == [(96, 32, 32)] * 2 + [(192, 16, 16)] * 3 + [(192, 8, 8)] * 3
    assert [conv.kernel_size[0] for conv in convolutions(model)] == [3] * 7 + [1]
    assert all(conv.bias is None for conv in convolutions(model))
    assert maps.shape == (2, 10)


def test_every_convolution_is_followed_by_batch_norm_and_relu():
    kinds = [type(layer) for layer in on_paper(all_cnn)]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 8 + [nn.AvgPool2d, nn.Flatten, nn.Linear]


def test_the_small_net_halves_the_digits_twice_and_averages_them():
    model = all_cnn_small(width=3, num_classes=7)
    maps, shapes = torch.zeros(2, 1, 8, 8), []
    for layer in model:
        maps = layer(maps)
        if isinstance(layer, nn.Conv2d):
            shapes.append(tuple(maps.shape[1:]))
    assert shapes == [(3, 8, 8), (3, 4, 4), (6, 4, 4), (6, 2, 2)]
    assert maps.shape == (2, 7)
    counts = parameter_counts(model)
    assert counts.weights == 9 * (1 * 3 + 3 * 3 + 3 * 6 + 6 * 6) + 6 * 7
    assert (counts.biases, counts.batch_norm) == (7, 2 * (3 + 3 + 6 + 6))
    assert parameter_counts(all_cnn_small(width=3, affine=0)).batch_norm == 0


@pytest.mark.parametrize("model", [on_paper(all_cnn, num_classes=3, affine=0), all_cnn_small(2, 0, 3)])
def test_a_network_is_rebuilt_from_what_it_says_it_is(model):
    again = build(architecture_of(model))
    assert [p.shape for p in again.parameters()] == [p.shape for p in model.parameters()]


@pytest.mark.parametrize("affine", [0, 1])
def test_the_small_net_trains_as_a_stack_and_all_cnn_alone(affine):
    assert stackable(all_cnn_small(affine=affine), torch.device("cpu"))
    assert not stackable(on_paper(all_cnn, affine=affine), torch.device("cpu"))
