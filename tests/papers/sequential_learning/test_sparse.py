import copy
import math

import pytest
import torch

from common.models.all_cnn import all_cnn_small
from common.models.grouped import grouped_resnet
from common.models.mlp import bn_mlp
from common.train.program import Program
from papers.sequential_learning.frozen_weights.counting import count, small_share
from papers.sequential_learning.frozen_weights.interfaces import interfaces, weight_layers
from papers.sequential_learning.frozen_weights.reset import identity, reset
from papers.sequential_learning.frozen_weights.sparse import KINDS, sparse_start
from tests.papers.sequential_learning.tiny import of_one


def filled(model):
    """Return a network without zeros."""
    for parameter in model.parameters():
        parameter.data.fill_(0.5)
    return model


def start(model, kind, sparsity, matching="root", constant=0.1, seed=0, unit="weight"):
    sparse_start(model, kind, sparsity, matching, unit, constant, torch.Generator().manual_seed(seed))
    return model


def weight(model, layer):
    return model.get_parameter(f"{layer}.weight").detach()


def measured_sparsity(model):
    return float(small_share(of_one(model), weight_layers(model)))


def counts(model):
    found = count(of_one(model), interfaces(model))
    return int(found.double.pairs.sum()), int(found.triple.pairs.sum())


@pytest.mark.parametrize(
    "model", [bn_mlp(6, 40), all_cnn_small(20), grouped_resnet(width=6, depth=1)], ids=["mlp", "cnn", "resnet"]
)
def test_a_triple_start_zeroes_row_scale_and_column_of_the_same_channels_and_nothing_else(model):
    expected = copy.deepcopy(filled(model).state_dict())
    start(model, "triple", 0.5)
    killed = []
    for each in interfaces(model):
        scale = model.get_parameter(f"{each.scale}.weight").detach()
        assert each.exclusive or (scale == 0.5).all()
        dead = scale == 0
        killed.append(int(dead.sum()))
        expected[f"{each.scale}.weight"][dead] = 0
        expected[f"{each.row}.weight"][dead] = 0
        if each.exclusive:
            expected[f"{each.columns[0]}.weight"][:, dead] = 0
    for name, value in model.state_dict().items():
        assert torch.equal(value, expected[name]), name
    assert sum(killed) > 0
    assert counts(model) == (sum(killed), sum(killed))


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.92, 0.98])
def test_the_root_leaves_the_sparsity_between_two_interfaces_and_equal_kills_channels_with_it(sparsity):
    for matching, probability in (("root", 1 - math.sqrt(1 - sparsity)), ("equal", sparsity)):
        model = start(filled(bn_mlp(2, 800)), "triple", sparsity, matching)
        dead = torch.cat([weight(model, each.scale) == 0 for each in interfaces(model)])
        assert dead.double().mean().item() == pytest.approx(probability, abs=0.04)
        zero = (weight(model, "4") == 0).double().mean().item()
        assert zero == pytest.approx(1 - (1 - probability) ** 2, abs=0.05)
    root = start(filled(bn_mlp(2, 800)), "triple", sparsity, "root")
    assert measured_sparsity(root) == pytest.approx(sparsity, abs=0.05)


def test_the_interfaces_of_a_triple_start_are_drawn_apart():
    model = start(filled(bn_mlp(2, 200)), "triple", 0.5)
    dead = [weight(model, each.scale) == 0 for each in interfaces(model)]
    assert not torch.equal(dead[0], dead[1])
    assert not torch.equal(dead[1], dead[2])


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.98])
def test_a_double_start_zeroes_single_weights_of_every_layer_and_leaves_batch_norm(sparsity):
    model = start(filled(all_cnn_small(40)), "double", sparsity)
    for layer in weight_layers(model):
        own = weight(model, layer)
        assert set(own.unique().tolist()) <= {0.0, 0.5}
        zero = (own == 0).double().mean().item()
        assert zero == pytest.approx(sparsity, abs=5 * math.sqrt(sparsity * (1 - sparsity) / own.numel()))
    others = {name: p for name, p in model.named_parameters() if name[:-7] not in weight_layers(model)}
    assert len(others) == 4 * 2 + 1
    assert all((value == 0.5).all() for value in others.values())
    assert measured_sparsity(model) == pytest.approx(sparsity, abs=0.01)


def test_zeros_of_a_double_start_do_not_follow_filters():
    model = start(filled(all_cnn_small(20)), "double", 0.5)
    assert counts(model) == (0, 0)


def test_kernels_are_zeroed_as_a_whole():
    model = start(filled(all_cnn_small(40)), "double", 0.5, unit="kernel")
    for layer in weight_layers(model):
        zeros = (weight(model, layer) == 0).flatten(2) if weight(model, layer).dim() > 2 else None
        if zeros is not None:
            assert torch.equal(zeros.all(2), zeros.any(2))
            count = zeros[:, :, 0].numel()
            assert zeros.double().mean().item() == pytest.approx(0.5, abs=2.5 / math.sqrt(count))
    assert 0.4 < (weight(model, weight_layers(model)[-1]) == 0).double().mean().item() < 0.6


def test_filters_go_with_their_columns_and_keep_their_scales():
    double, triple = (filled(all_cnn_small(20)) for _ in range(2))
    start(double, "double", 0.5, unit="filter")
    start(triple, "triple", 0.5)
    assert all(torch.equal(weight(double, layer), weight(triple, layer)) for layer in weight_layers(double))
    assert all((weight(double, each.scale) == 0.5).all() for each in interfaces(double))
    pairs, triples = counts(double)
    assert (pairs, triples) == (counts(triple)[0], 0)
    assert pairs > 0
    start(filled(bn_mlp(3, 8, affine=0)), "double", 0.5, unit="filter")  # without scales there are none to keep


def test_a_mono_start_is_the_double_start_and_the_reset():
    double, mono = (start(filled(all_cnn_small(6)), kind, 0.92, constant=0.3) for kind in ("double", "mono"))
    for layer in weight_layers(mono)[:-1]:
        grown = weight(mono, layer) - weight(double, layer)
        centre = grown.flatten(2)[:, :, 4]
        torch.testing.assert_close(centre, 0.3 * identity(*centre.shape), rtol=0, atol=1e-4)
    last = weight_layers(mono)[-1]
    assert torch.equal(weight(mono, last), weight(double, last))
    assert all((weight(mono, each.scale) == 1).all() for each in interfaces(mono))


def test_a_mono_start_has_no_frozen_pair_where_the_double_start_has():
    double, mono = (start(filled(bn_mlp(6, 20)), kind, 0.98) for kind in ("double", "mono"))
    assert counts(double)[0] > 0
    assert counts(mono) == (0, 0)
    assert measured_sparsity(mono) > 0.9


def test_a_mono_start_draws_the_noise_after_the_zeros():
    mono = start(filled(bn_mlp(3, 4)), "mono", 0.5, seed=2)
    again, generator = filled(bn_mlp(3, 4)), torch.Generator().manual_seed(2)
    sparse_start(again, "double", 0.5, "root", "weight", 0.1, generator)
    reset(again, 0.1, "one", generator)
    assert all(torch.equal(p, q) for p, q in zip(mono.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_is_repeatable_and_reaches_the_stack(kind):
    models = [filled(bn_mlp(3, 8)) for _ in range(2)]
    program = Program(models)
    start(models[1], kind, 0.8, seed=4)
    alone = start(filled(bn_mlp(3, 8)), kind, 0.8, seed=4)
    for name, parameter in alone.named_parameters():
        assert torch.equal(program.parameters[name][1], parameter)
        assert (program.parameters[name][0] == 0.5).all()
    other = start(filled(bn_mlp(3, 8)), kind, 0.8, seed=5)
    assert any(not torch.equal(p, q) for p, q in zip(alone.parameters(), other.parameters(), strict=True))


def test_networks_without_scales_have_double_and_mono_starts_only():
    start(bn_mlp(3, 8, affine=0), "double", 0.5)
    start(bn_mlp(3, 8, affine=0), "mono", 0.5)
    model = filled(bn_mlp(3, 8, affine=0))
    with pytest.raises(ValueError, match="a triple start needs scales: the channels of '1' have none"):
        start(model, "triple", 0.5)
    assert measured_sparsity(model) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mono", 1.0), r"sparsity must lie in \[0, 1\), not 1.0"),
        (("triple", -0.1), r"sparsity must lie in \[0, 1\), not -0.1"),
        (("double", float("nan")), r"sparsity must lie in \[0, 1\), not nan"),
        (("single", 0.5), "no sparse start 'single'; there are mono, double, triple"),
        (("triple", 0.5, "half"), "no matching 'half' of sparsity; there are root, equal"),
        (("mono", 0.5, "root", 0.0), "the constant of a reset must be positive"),
        (("double", 0.5, "root", 0.1, 0, "row"), "no unit 'row' of zeros; there are weight, kernel, filter"),
    ],
)
def test_a_wrong_call_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        start(bn_mlp(3, 8), *arguments)
