import pytest
import torch
from torch import nn

from common.models import Counts, parameter_counts, vgg16_d, vgg_mini, weight_tensors


@pytest.mark.parametrize(
    ("classes", "total", "counts"),
    [
        (10, 15_255_626, Counts(15_239_872, 5_258, 10_496)),
        (100, 15_301_796, Counts(15_285_952, 5_348, 10_496)),
    ],
)
def test_vgg16_d_published_totals(classes, total, counts):
    with torch.device("meta"):
        model = vgg16_d(classes)
    assert parameter_counts(model) == counts
    assert parameter_counts(model).total == total


def test_vgg16_d_counts_of_every_layer():
    with torch.device("meta"):
        model = vgg16_d(10)
    stages = [1_728, 36_864, 73_728, 147_456, 294_912, 589_824, 589_824, 1_179_648, 2_359_296, 2_359_296]
    expected = [*stages, 2_359_296, 2_359_296, 2_359_296, 262_144, 262_144, 5_120]
    assert [weight.numel() for weight in weight_tensors(model).values()] == expected
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d)]
    assert [norm.num_features for norm in norms] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 8


def test_vgg16_d_keeps_and_halves_the_resolution():
    sides, maps = [], torch.zeros(2, 3, 32, 32)
    with torch.no_grad():
        for layer in vgg16_d(100):
            maps = layer(maps)
            sides.append(maps.shape[-1])
    assert sides[:18] == [32, 32, 16, 16, 16, 8, 8, 8, 8, 4, 4, 4, 4, 2, 2, 2, 2, 1]
    assert maps.shape == (2, 100)


def test_blocks_are_layer_then_norm_then_relu():
    blocks = [block for block in vgg_mini(4, width=4) if isinstance(block, nn.Sequential)]
    assert [[type(layer) for layer in block] for block in blocks] == [
        *[[nn.Conv2d, nn.BatchNorm2d, nn.ReLU]] * 6,
        [nn.Linear, nn.BatchNorm1d, nn.ReLU],
    ]


def test_vgg_mini_counts_and_output():
    model = vgg_mini(10, width=4)
    conv = 9 * (3 * 4 + 4 * 4 + 4 * 8 + 8 * 8 + 8 * 16 + 16 * 16)
    assert parameter_counts(model) == Counts(
        weights=conv + 64 * 16 + 16 * 10,
        biases=2 * (4 + 8 + 16) + 16 + 10,
        batch_norm=2 * (2 * (4 + 8 + 16) + 16),
    )
    assert model(torch.zeros(5, 3, 16, 16)).shape == (5, 10)
