import torch
import torch.nn.functional as F
from torch import nn

from common.models import Counts, parameter_counts, resnet34, resnet_mini, weight_tensors
from common.models.resnet import ResidualBlock


def meta_resnet34():
    with torch.device("meta"):
        return resnet34()


def test_resnet34_published_totals():
    counts = parameter_counts(meta_resnet34())
    assert counts == Counts(weights=21_366_464, biases=200, batch_norm=17_152)
    assert counts.total == 21_383_816


def test_resnet34_counts_of_every_part():
    parts = list(meta_resnet34())
    stages = [parts[1:4], parts[4:8], parts[8:14], parts[14:17]]
    assert parameter_counts(parts[0]) == Counts(1_728, 0, 128)
    residual = [parameter_counts(nn.ModuleList(block.residual for block in stage)) for stage in stages]
    assert residual == [
        Counts(221_184, 0, 768),
        Counts(1_105_920, 0, 2_048),
        Counts(6_782_976, 0, 6_144),
        Counts(12_976_128, 0, 6_144),
    ]
    projections = [parameter_counts(stage[0].shortcut) for stage in stages]
    assert projections == [
        Counts(4_096, 0, 128),
        Counts(8_192, 0, 256),
        Counts(32_768, 0, 512),
        Counts(131_072, 0, 1_024),
    ]
    assert all(isinstance(block.shortcut, nn.Identity) for stage in stages for block in stage[1:])
    assert parameter_counts(parts[-1]) == Counts(102_400, 200, 0)


def test_resnet34_has_38_weight_tensors():
    assert len(weight_tensors(meta_resnet34())) == 38


def test_resnet34_resolutions_and_output():
    sides, maps = [], torch.zeros(2, 3, 64, 64)
    with torch.no_grad():
        for layer in resnet34():
            maps = layer(maps)
            sides.append(maps.shape[-1])
    assert sides[:18] == [64] + [32] * 3 + [16] * 4 + [8] * 6 + [4] * 3 + [1]
    assert maps.shape == (2, 200)


def test_block_adds_the_shortcut_before_the_last_relu():
    block = ResidualBlock(1, 1, stride=1).eval()
    maps = torch.tensor([-1.0, 2.0]).reshape(1, 1, 1, 2)
    for conv in (block.residual.conv1, block.residual.conv2):
        nn.init.dirac_(conv.weight)
    # eval-mode BatchNorm divides by sqrt(1 + 1e-5): identity to 1e-5; residual branch gives relu(x) = (0, 2)
    assert torch.allclose(block(maps), torch.tensor([0.0, 4.0]).reshape(1, 1, 1, 2), atol=1e-3)


def test_a_shortcut_is_the_strided_convolution_and_keeps_its_names():
    block = ResidualBlock(3, 5, stride=2).double()
    maps = torch.randn(2, 3, 7, 8, dtype=torch.float64)
    conv = block.shortcut.conv
    torch.testing.assert_close(block.shortcut[:2](maps), F.conv2d(maps, conv.weight, stride=2), rtol=0, atol=0)
    assert [name for name, _ in block.shortcut.named_parameters()] == ["conv.weight", "norm.weight", "norm.bias"]
    assert conv.weight.shape == (5, 3, 1, 1)


def test_resnet_mini_counts_and_output():
    model = resnet_mini(10, width=4)
    conv = 9 * (3 * 4 + 2 * 4 * 4 + 4 * 8 + 8 * 8 + 8 * 16 + 16 * 16)
    assert parameter_counts(model) == Counts(
        weights=conv + 4 * 8 + 8 * 16 + 16 * 10,
        biases=10,
        batch_norm=2 * (4 + 2 * 4 + 3 * 8 + 3 * 16),
    )
    assert model(torch.zeros(5, 3, 16, 16)).shape == (5, 10)
    assert isinstance(model[1].shortcut, nn.Identity)


def test_a_block_without_scales_and_shifts_has_convolutions_alone():
    assert parameter_counts(ResidualBlock(2, 4, 2, affine=False)) == Counts(
        weights=9 * (2 * 4 + 4 * 4) + 2 * 4, biases=0, batch_norm=0
    )
    assert parameter_counts(ResidualBlock(2, 4, 2)).batch_norm == 3 * 2 * 4
