import pytest
import torch
from torch import nn

from common.models import (
    Architecture,
    architecture_of,
    build,
    initialisation_of,
    lenet5_caffe,
    lenet_300_100,
    resnet_mini,
    vgg_mini,
)
from common.models.architecture import architecture
from common.models.grouped import grouped_mlp


def test_architecture_holds_name_and_all_arguments():
    assert lenet_300_100(7).architecture == Architecture("lenet_300_100", (("num_classes", 7), ("in_features", 784)))


@pytest.mark.parametrize(
    "model",
    [lenet_300_100(7, in_features=64), lenet5_caffe(3), vgg_mini(4, width=4), resnet_mini(5, width=4)],
    ids=lambda model: model.architecture.name,
)
def test_build_makes_the_same_network_again(model):
    again = build(model.architecture)
    assert architecture_of(again) == model.architecture
    expected, found = model.state_dict(), again.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_building_leaves_the_global_random_state_alone():
    torch.default_generator.manual_seed(5)
    before = torch.get_rng_state()
    lenet_300_100(in_features=64)
    assert torch.equal(torch.get_rng_state(), before)


def test_unknown_architecture_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'lenet_6'.*lenet5_caffe"):
        build(Architecture("lenet_6", ()))


def test_a_foreign_network_has_neither_architecture_nor_initialisation():
    with pytest.raises(ValueError, match="no architecture"):
        architecture_of(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="no known seed"):
        initialisation_of(lenet_300_100(in_features=64))


def test_a_builder_is_described_without_building_in_any_order_of_its_arguments():
    described = architecture(grouped_mlp, inputs=4, hidden=6)
    assert described == architecture(grouped_mlp, hidden=6, inputs=4)
    assert hash(described) == hash(architecture(grouped_mlp, hidden=6, inputs=4))
    assert described == Architecture("grouped_mlp", (("hidden", 6), ("inputs", 4)))
    assert described != architecture(grouped_mlp, inputs=4, hidden=7)


def test_what_a_description_builds_is_what_the_builder_builds():
    found = build(architecture(grouped_mlp, hidden=6, inputs=4))
    expected = grouped_mlp(4, 6)
    assert architecture_of(found) == architecture_of(expected)
    assert [tensor.shape for tensor in found.parameters()] == [tensor.shape for tensor in expected.parameters()]
    assert architecture_of(build(architecture(grouped_mlp))) == architecture_of(grouped_mlp())
