import copy

import pytest
import torch
from torch import nn

from common.models.grouped import grouped_mlp, grouped_resnet
from common.models.init import initialise
from common.train.program import Program
from papers.sequential_learning.negative_pretraining.bias_reset import AMOUNT, BiasReset


def reset(model):
    """Reset biases; return the state before and after."""
    before = copy.deepcopy(model.state_dict())
    BiasReset()(model, torch.Generator())
    return before, model.state_dict()


def drawn(model):
    """Give every tensor of a network values that a reset would not leave by chance."""
    generator = torch.Generator().manual_seed(0)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) - 0.3)
    return model


def with_biases():
    """Return a network with a bias in a convolution, in BatchNorm and in a linear layer."""
    return drawn(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(-3), nn.Linear(8, 3)))


@pytest.mark.parametrize(
    "build", [with_biases, lambda: drawn(grouped_mlp(4, 5)), lambda: drawn(grouped_resnet(width=2))]
)
def test_every_bias_grows_by_a_hundredth_and_nothing_else_moves(build):
    before, after = reset(build())
    moved = set()
    for name, value in after.items():
        if name.split(".")[-1] == "bias":
            moved.add(name)
            assert torch.equal(value, before[name] + 0.01), name  # added, not set
        else:
            assert torch.equal(value, before[name]), name  # weights, scales and running statistics
    assert moved
    assert AMOUNT == 0.01


def test_the_biases_of_convolutions_normalisation_and_linear_layers_are_all_meant():
    before, after = reset(with_biases())
    assert {name for name in after if not torch.equal(after[name], before[name])} == {"0.bias", "1.bias", "3.bias"}


def test_resnet18_has_4810_of_them():
    model = grouped_resnet()
    before, after = reset(model)
    changed = sum(int((after[name] != before[name]).sum()) for name in after)
    assert changed == 4_800 + 10


def test_gradients_still_reach_biases_and_nothing_is_drawn():
    model, generator = with_biases(), torch.Generator().manual_seed(3)
    state, world = generator.get_state(), torch.get_rng_state()
    BiasReset()(model, generator)
    assert torch.equal(generator.get_state(), state)
    assert torch.equal(torch.get_rng_state(), world)
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in model.parameters())


def test_a_network_of_a_stack_is_reset_without_its_neighbours():
    models = [grouped_mlp(4, 5) for _ in range(3)]
    for seed, model in enumerate(models):
        initialise(model, "framework_uniform", seed)
    program = Program(models)
    before = program.state()
    BiasReset()(models[1], torch.Generator())
    for name, value in program.state().items():
        expected = before[name].clone()
        if name.endswith("bias"):
            expected[1] += 0.01
        assert torch.equal(value, expected)


@pytest.mark.parametrize(
    "model",
    [nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2, affine=False)), nn.Sequential(nn.ReLU())],
    ids=["bias-free", "empty"],
)
def test_a_network_without_biases_is_refused(model):
    with pytest.raises(ValueError, match="no bias to reset"):
        BiasReset()(model, torch.Generator())


def test_a_reset_is_part_of_a_cell():
    assert BiasReset() == BiasReset()
    assert hash(BiasReset()) == hash(BiasReset())
