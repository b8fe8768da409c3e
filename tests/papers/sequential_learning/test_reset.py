import copy

import pytest
import torch
from torch import nn

from common.models.all_cnn import all_cnn_small
from common.models.grouped import grouped_resnet
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.train.program import Program
from papers.sequential_learning.frozen_weights.counting import count
from papers.sequential_learning.frozen_weights.interfaces import interfaces, weight_layers
from papers.sequential_learning.frozen_weights.reset import NOISE, identity, reset
from tests.papers.sequential_learning.tiny import of_one

NETWORKS = {
    "mlp": lambda affine: bn_mlp(7, 5, affine, 3),
    "cnn": lambda affine: all_cnn_small(3, affine),
    "resnet": lambda affine: grouped_resnet(4, width=3, affine=affine),
}


def trained(name, affine=1, value=None):
    """Return a network of which nothing is as it was built; with a `value`, that of all weights and scales."""
    model = NETWORKS[name](affine)
    generator = torch.Generator().manual_seed(0)
    for key, tensor in model.state_dict().items():
        tensor += 1 if tensor.dtype == torch.int64 else 0.5 + torch.rand(tensor.shape, generator=generator)
        if value is not None and key.endswith("weight"):
            tensor.fill_(value)
    return model


def run(model, constant=0.1, scales="one", seed=0):
    """Reset, and return how much every tensor has grown."""
    before = copy.deepcopy(model.state_dict())
    reset(model, constant, scales, torch.Generator().manual_seed(seed))
    return {name: value - before[name] for name, value in model.state_dict().items()}


def frozen(model):
    return int(count(of_one(model), interfaces(model)).double.pairs.sum())


@pytest.mark.parametrize(
    ("outputs", "inputs", "rows"),
    [
        (2, 2, [[1, 0], [0, 1]]),
        (4, 2, [[1, 0], [0, 1], [1, 0], [0, 1]]),
        (2, 5, [[1, 0, 1, 0, 1], [0, 1, 0, 1, 0]]),
        (3, 2, [[1, 0], [0, 1], [1, 0]]),
        (1, 3, [[1, 1, 1]]),
    ],
)
def test_the_identity_wraps_so_that_no_row_and_no_column_is_empty(outputs, inputs, rows):
    assert identity(outputs, inputs).tolist() == rows


def test_a_convolution_grows_by_the_constant_at_the_centre_of_its_kernels():
    model = nn.Sequential(nn.Conv2d(2, 3, 5), nn.Conv2d(3, 2, 1), nn.Flatten(-3), nn.Linear(2, 2))
    grown = run(model, constant=0.25)
    expected = torch.zeros(3, 2, 5, 5)
    for o, i in ((0, 0), (1, 1), (2, 0)):
        expected[o, i, 2, 2] = 0.25
    torch.testing.assert_close(grown["0.weight"], expected, rtol=0, atol=1e-4)
    of_one_by_one = torch.tensor([[0.25, 0.0, 0.25], [0.0, 0.25, 0.0]])
    torch.testing.assert_close(grown["1.weight"][:, :, 0, 0], of_one_by_one, rtol=0, atol=1e-4)
    assert (grown["0.bias"] == 0).all()


def test_a_hidden_linear_layer_after_flatten_has_its_features_for_channels():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(-3), nn.Linear(8, 3), nn.ReLU(), nn.Linear(3, 2))
    torch.testing.assert_close(run(model, 0.5)["2.weight"], 0.5 * identity(3, 8), rtol=0, atol=1e-4)


def test_the_noise_is_normal_with_standard_deviation_1e_5():
    model = nn.Sequential(nn.Conv2d(1, 300, 15), nn.Flatten(-3), nn.Linear(300, 300), nn.Linear(300, 2))
    for name in ("0.weight", "2.weight"):
        nn.init.zeros_(model.get_parameter(name))
    reset(model, 1.0, "one", torch.Generator().manual_seed(3))
    for layer in (model[0], model[2]):
        noise = layer.weight[layer.weight < 0.5].double()
        assert noise.std().item() == pytest.approx(1e-5, rel=0.02)
        assert abs(noise.mean().item()) < 2e-7
        assert (noise.abs() < 1e-5).double().mean().item() == pytest.approx(0.6827, abs=0.01)
    assert NOISE == 1e-5


def test_noise_is_drawn_layer_by_layer_from_the_generator():
    model = trained("resnet", value=0.0)
    layers = weight_layers(model)[:-1]
    reset(model, 1.0, "one", torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    for name in layers:
        weight = model.get_parameter(f"{name}.weight").detach()
        noise = 1e-5 * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        torch.testing.assert_close(weight[weight < 0.5].double(), noise[weight < 0.5], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("scales", ["one", "add"])
def test_only_weights_and_scales_below_the_output_layer_change(name, scales):
    model = trained(name)
    weights, norms = weight_layers(model), [each.scale for each in interfaces(model)]
    grown = run(model, 0.1, scales)
    changed = {key for key, value in grown.items() if (value != 0).any()}
    assert changed == {f"{layer}.weight" for layer in (*weights[:-1], *norms)}


def test_scales_become_one_or_grow_by_the_constant():
    for scales in ("one", "add"):
        model = trained("resnet")
        before = copy.deepcopy(model.state_dict())
        reset(model, 0.1, scales, torch.Generator().manual_seed(0))
        for each in interfaces(model):
            scale, old = model.get_parameter(f"{each.scale}.weight").detach(), before[f"{each.scale}.weight"]
            torch.testing.assert_close(scale, torch.ones_like(old) if scales == "one" else old + 0.1)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("affine", [0, 1])
@pytest.mark.parametrize("scales", ["one", "add"])
def test_no_frozen_pair_is_left_of_a_network_that_is_zero(name, affine, scales):
    model = trained(name, affine, value=0.0)
    counts = count(of_one(model), interfaces(model))
    assert (counts.double.pairs > 0).all()
    run(model, 0.01, scales)
    assert frozen(model) == 0
    for name_of_row in weight_layers(model)[:-1]:
        weight = model.get_parameter(f"{name_of_row}.weight").detach()
        assert (weight.flatten(1).amax(1) > 0.005).all()
        assert (weight.transpose(0, 1).flatten(1).amax(1) > 0.005).all()


def test_a_reset_that_leaves_pairs_behind_is_seen_by_who_counts():
    model = trained("mlp", value=0.0)
    run(model, 1e-5)
    assert frozen(model) == 15


@pytest.mark.parametrize("constant", [0.0, -0.1, float("nan")])
def test_the_constant_must_be_positive(constant):
    with pytest.raises(ValueError, match=f"the constant of a reset must be positive, not {constant}"):
        run(trained("mlp"), constant)


def test_an_unknown_way_to_reset_scales_is_refused():
    with pytest.raises(ValueError, match="no way 'zero' to reset scales; there are one, add"):
        run(trained("mlp"), scales="zero")


def test_a_network_without_normalisation_is_reset_too():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(-3), nn.Linear(4, 6), nn.Linear(6, 2))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    reset(model, 0.1, "one", torch.Generator().manual_seed(0))
    assert frozen(model) == 0


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_reset_reaches_the_program_that_the_network_trains_in(name):
    models = [trained(name) for _ in range(3)]
    alone = trained(name)
    program = Program(models)
    before, held = program.state(), {key: p.data_ptr() for key, p in program.parameters.items()}
    for model in (models[1], alone):
        reset(model, 0.1, "one", torch.Generator().manual_seed(9))
    assert {key: p.data_ptr() for key, p in program.parameters.items()} == held
    after = program.state()
    for key, value in alone.state_dict().items():
        assert torch.equal(after[key][1], value)
        assert torch.equal(after[key][[0, 2]], before[key][[0, 2]])


def test_a_reset_keeps_a_freshly_drawn_network_but_for_the_identity():
    model = all_cnn_small()
    initialise(model, "kaiming_uniform", 0)
    grown = run(model, 0.1)
    assert grown["0.weight"].sum().item() == pytest.approx(8 * 0.1, abs=1e-3)
    assert (grown["1.weight"] == 0).all()
