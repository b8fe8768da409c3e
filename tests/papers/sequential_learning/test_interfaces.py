import pytest
import torch
from torch import nn
from torchvision import models

from common.models.alexnet import alexnet32
from common.models.all_cnn import all_cnn, all_cnn_small
from common.models.grouped import grouped_resnet
from common.models.mlp import bn_mlp
from common.models.pretrained import ImageNetInput
from common.models.weights import weight_tensors
from papers.sequential_learning.frozen_weights.interfaces import Interface, interfaces, weight_layers


def on_paper(builder, **arguments):
    """Build without memory for the weights."""
    with torch.device("meta"):
        return builder(**arguments)


def imagenet(builder):
    """Return one of torchvision's ResNets behind images and below a new output layer."""
    with torch.device("meta"):
        network = builder()
        last = nn.Linear(network.fc.in_features, 10)
        network.fc = nn.Identity()
        return nn.Sequential(ImageNetInput(32), network, last)


def exclusive(model):
    return [each for each in interfaces(model) if each.exclusive]


def test_a_chain_has_an_interface_between_any_two_layers():
    assert interfaces(bn_mlp(4, 5)) == [
        Interface("1", "2", ("4",), exclusive=True),
        Interface("4", "5", ("7",), exclusive=True),
        Interface("7", "8", ("10",), exclusive=True),
    ]
    assert weight_layers(bn_mlp(4, 5)) == ["1", "4", "7", "10"]


def test_batch_norm_without_scales_is_no_scale():
    assert [each.scale for each in interfaces(bn_mlp(4, 5, affine=0))] == [None] * 3
    assert [each.scale for each in interfaces(on_paper(grouped_resnet, affine=0))] == [None] * 20


def test_all_cnn_has_eight_exclusive_interfaces_the_last_to_the_output_layer():
    found = interfaces(on_paper(all_cnn))
    layers = [str(3 * i) for i in range(8)] + ["26"]
    assert [(each.row, each.columns) for each in found] == [(layers[i], (layers[i + 1],)) for i in range(8)]
    assert [each.scale for each in found] == [str(3 * i + 1) for i in range(8)]
    assert all(each.exclusive for each in found)


def test_alexnet_has_seven_interfaces_without_scale():
    found = interfaces(on_paper(alexnet32))
    assert len(found) == 7
    assert all(each.scale is None and each.exclusive for each in found)


def test_resnet18_has_eight_exclusive_interfaces_inside_its_blocks():
    blocks = [f"group{group}.{block}" for group in range(2, 6) for block in range(2)]
    assert exclusive(on_paper(grouped_resnet)) == [
        Interface(f"{b}.residual.conv1", f"{b}.residual.norm1", (f"{b}.residual.conv2",), exclusive=True)
        for b in blocks
    ]


def test_the_residual_stream_has_every_producer_read_by_every_consumer():
    model = grouped_resnet(width=2, depth=2)
    found = {each.row: each for each in interfaces(model)}
    first = ("group2.0.residual.conv1",)
    between = ("group2.1.residual.conv1", "group3.0.residual.conv1", "group3.0.shortcut.conv")
    assert found["group1.0"] == Interface("group1.0", "group1.1", first + between, exclusive=False)
    block = "group2.0.residual"
    assert found[f"{block}.conv2"] == Interface(f"{block}.conv2", f"{block}.norm2", between, exclusive=False)
    assert found["group2.1.residual.conv2"].columns == between[1:]
    later = ("group3.1.residual.conv1", "group4.0.residual.conv1", "group4.0.shortcut.conv")
    assert found["group3.0.residual.conv2"].columns == later
    projection = "group3.0.shortcut"
    assert found[f"{projection}.conv"] == Interface(f"{projection}.conv", f"{projection}.norm", later, exclusive=False)
    assert found["group5.0.shortcut.conv"].columns == ("group5.1.residual.conv1", "group6.2")
    assert found["group5.1.residual.conv2"] == Interface(
        "group5.1.residual.conv2", "group5.1.residual.norm2", ("group6.2",), exclusive=False
    )


@pytest.mark.parametrize(
    "model",
    [
        *(on_paper(grouped_resnet), on_paper(all_cnn), on_paper(alexnet32), all_cnn_small(), bn_mlp()),
        *(imagenet(models.resnet18), imagenet(models.resnet50)),
    ],
)
def test_all_weight_layers_are_listed_once_and_all_but_the_output_layer_make_channels(model):
    layers = weight_layers(model)
    assert sorted(f"{name}.weight" for name in layers) == sorted(weight_tensors(model))
    assert layers[-1] == [name for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]
    assert [each.row for each in interfaces(model)] == layers[:-1]


def test_the_bottlenecks_of_resnet50_have_two_exclusive_interfaces_each():
    found = exclusive(imagenet(models.resnet50))
    assert len(found) == 2 * 16
    assert found[:2] == [
        Interface("1.layer1.0.conv1", "1.layer1.0.bn1", ("1.layer1.0.conv2",), exclusive=True),
        Interface("1.layer1.0.conv2", "1.layer1.0.bn2", ("1.layer1.0.conv3",), exclusive=True),
    ]


def test_the_residual_stream_of_resnet50():
    found = {each.row: each for each in interfaces(imagenet(models.resnet50))}
    stem = ("1.layer1.0.conv1", "1.layer1.0.downsample.0")
    assert found["1.conv1"] == Interface("1.conv1", "1.bn1", stem, exclusive=False)
    stream = ("1.layer1.1.conv1", "1.layer1.2.conv1", "1.layer2.0.conv1", "1.layer2.0.downsample.0")
    assert found["1.layer1.0.conv3"] == Interface("1.layer1.0.conv3", "1.layer1.0.bn3", stream, exclusive=False)
    assert found["1.layer1.0.downsample.0"] == Interface(
        "1.layer1.0.downsample.0", "1.layer1.0.downsample.1", stream, exclusive=False
    )
    assert found["1.layer4.2.conv3"].columns == ("2",)
    assert not found["1.layer4.2.conv3"].exclusive


def test_the_basic_blocks_of_torchvision_have_one_exclusive_interface_each():
    found = exclusive(imagenet(models.resnet18))
    assert len(found) == 8
    assert found[0] == Interface("1.layer1.0.conv1", "1.layer1.0.bn1", ("1.layer1.0.conv2",), exclusive=True)
    everything = {each.row: each for each in interfaces(imagenet(models.resnet18))}
    assert everything["1.conv1"].columns[:2] == ("1.layer1.0.conv1", "1.layer1.1.conv1")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.LSTM(2, 2), "no rule for the interfaces of LSTM '1'"),
        (nn.Conv2d(2, 2, 1, groups=2), "no rule for the interfaces of Conv2d '1'"),
        (
            nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2)),
            "no rule for a second scale '1.1' on the channels of '0'",
        ),
    ],
)
def test_a_layer_without_a_rule_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        interfaces(nn.Sequential(nn.Linear(2, 2), layer, nn.Linear(2, 2)))
