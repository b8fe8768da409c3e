import pytest
import torch
from torch import nn

from common.models.architecture import architecture_of, build
from common.models.grouped import grouped_cnn, grouped_mlp, grouped_resnet
from common.models.weights import parameter_counts
from common.train.stacking import stackable


def on_paper(builder, **arguments):
    """Build without memory for the weights."""
    with torch.device("meta"):
        return builder(**arguments)


@pytest.mark.parametrize(
    ("width", "depth", "total"),
    [
        (16, 2, 701_466),
        (32, 2, 2_797_610),
        (64, 1, 4_903_242),
        (64, 2, 11_173_962),
        (64, 3, 17_444_682),
        (64, 4, 23_715_402),
        (128, 2, 44_662_922),
    ],
)
def test_widths_and_depths_have_the_parameters_of_the_family(width, depth, total):
    assert parameter_counts(on_paper(grouped_resnet, width=width, depth=depth)).total == total


def test_resnet18_is_the_default_and_its_groups_have_their_parameters():
    model = on_paper(grouped_resnet)
    assert parameter_counts(model).total == 11_173_962
    assert parameter_counts(model).batch_norm == 9_600
    groups = {name: parameter_counts(group).total for name, group in model.named_children()}
    assert groups == {
        "group1": 1_856,
        "group2": 147_968,
        "group3": 525_568,
        "group4": 2_099_712,
        "group5": 8_393_728,
        "group6": 5_130,
    }
    assert parameter_counts(on_paper(grouped_resnet, num_classes=100)).total == 11_220_132
    assert parameter_counts(on_paper(grouped_resnet, channels=1)).total == 11_172_810


def test_the_resnet_without_scales_and_shifts_has_neither_anywhere():
    counts = parameter_counts(on_paper(grouped_resnet, affine=0))
    assert (counts.total, counts.batch_norm) == (11_164_362, 0)


def test_the_last_three_modules_of_the_resnet_halve_the_maps_and_double_the_channels():
    maps, shapes = torch.zeros(2, 3, 32, 32), []
    for group in grouped_resnet(width=2, depth=1).children():
        maps = group(maps)
        shapes.append(tuple(maps.shape[1:]))
    assert shapes == [(2, 32, 32), (2, 32, 32), (4, 16, 16), (8, 8, 8), (16, 4, 4), (10,)]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_convolution_of_the_small_network_is_a_group(depth):
    model = grouped_cnn(width=2, depth=depth, num_classes=7)
    assert [name for name, _ in model.named_children()] == [f"group{i}" for i in range(1, 2 * depth + 2)]
    convolutions = [[m for m in group.modules() if isinstance(m, nn.Conv2d)] for group in model.children()]
    assert [len(own) for own in convolutions] == [1] * (2 * depth) + [0]
    assert [own[0].out_channels for own in convolutions[:-1]] == [2] * depth + [4] * depth
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in group.modules()) for group in model.children()]
    assert norms == [1] * (2 * depth) + [0]
    assert model(torch.zeros(5, 1, 12, 12)).shape == (5, 7)


def test_the_three_linear_layers_are_the_groups_of_the_small_mlp():
    model = grouped_mlp(inputs=64, hidden=100)
    assert [parameter_counts(group).total for group in model.children()] == [6_500, 10_100, 1_010]
    assert model(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


def test_small_networks_train_as_a_stack_and_the_resnet_alone():
    assert stackable(grouped_mlp(), torch.device("cpu"))
    assert stackable(grouped_cnn(width=8, depth=3), torch.device("cpu"))
    assert not stackable(on_paper(grouped_resnet), torch.device("cpu"))


@pytest.mark.parametrize(
    "model",
    [grouped_mlp(4, 5, 3), grouped_cnn(2, 1), grouped_resnet(7, 2, 1, 1), grouped_resnet(7, 2, 1, 1, 0)],
)
def test_a_network_is_rebuilt_from_what_it_says_it_is(model):
    again = build(architecture_of(model))
    assert [p.shape for p in again.parameters()] == [p.shape for p in model.parameters()]
