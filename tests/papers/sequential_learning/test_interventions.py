import copy

import pytest
import torch
from torch import nn

from common.models.all_cnn import all_cnn_small
from common.models.grouped import grouped_mlp
from common.models.init import initialise
from common.models.mlp import bn_mlp
from common.train.program import Program
from papers.sequential_learning.frozen_weights.counting import count
from papers.sequential_learning.frozen_weights.interfaces import interfaces
from papers.sequential_learning.frozen_weights.interventions import (
    FrozenReset,
    NewClassifier,
    PairStart,
    SparseStart,
)
from papers.sequential_learning.frozen_weights.pairs import FACTORS, set_pairs, track
from papers.sequential_learning.frozen_weights.reset import SCALES, reset
from papers.sequential_learning.frozen_weights.sparse import KINDS, sparse_start
from tests.papers.sequential_learning.tiny import of_one


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def network():
    model = all_cnn_small(4)
    initialise(model, "framework_uniform", 0)
    return model


def same(model, other):
    states = model.state_dict(), other.state_dict()
    return all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def changed(model, other):
    states = model.state_dict(), other.state_dict()
    return {name for name, value in states[0].items() if not torch.equal(value, states[1][name])}


@pytest.mark.parametrize(("constant", "scales"), [(0.1, "one"), (0.3, "add")])
def test_a_reset_is_that_of_section_5_2(constant, scales):
    found, expected = network(), network()
    FrozenReset(constant, scales)(found, rng(4))
    reset(expected, constant, scales, rng(4))
    assert same(found, expected)
    assert scales in SCALES


def test_a_reset_adds_a_tenth_and_sets_scales_to_one_by_default_and_leaves_no_pair():
    found, expected = network(), network()
    for model in (found, expected):
        set_pairs(model, track(model, rng()), "exact_zero")
        model[1].weight.data.fill_(0.5)
    assert int(count(of_one(found), interfaces(found)).double.pairs.sum()) > 0
    FrozenReset()(found, rng(4))
    reset(expected, 0.1, "one", rng(4))
    assert same(found, expected)
    assert (found[1].weight == 1.0).all()
    assert int(count(of_one(found), interfaces(found)).double.pairs.sum()) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("matching", ["root", "equal"])
@pytest.mark.parametrize("unit", ["weight", "filter"])
def test_a_sparse_start_is_that_of_table_1(kind, matching, unit):
    found, expected = network(), network()
    SparseStart(kind, 0.5, matching, unit)(found, rng(4))
    sparse_start(expected, kind, 0.5, matching, unit, 0.1, rng(4))
    assert same(found, expected)
    assert changed(found, network())


def test_a_sparse_start_matches_by_the_root_by_default():
    found, root, equal = network(), network(), network()
    SparseStart("triple", 0.8)(found, rng(4))
    SparseStart("triple", 0.8, "root")(root, rng(4))
    SparseStart("triple", 0.8, "equal")(equal, rng(4))
    assert same(found, root)
    assert changed(found, equal)


@pytest.mark.parametrize("start", FACTORS)
def test_a_pair_start_changes_the_pairs_that_are_tracked_from_the_same_draws(start):
    found, expected = network(), network()
    PairStart(start)(found, rng(4))
    set_pairs(expected, track(expected, rng(4)), start)
    assert same(found, expected)
    assert bool(changed(found, network())) is (start != "reference")


NETWORKS = {"mlp": lambda: grouped_mlp(4, 25), "bn_mlp": lambda: bn_mlp(4, 25), "cnn": lambda: all_cnn_small(8)}
LAST = {"mlp": ("group3.0", 25), "bn_mlp": ("10", 25), "cnn": ("14", 16)}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_new_classifier_has_the_classes_and_leaves_all_else_alone(name):
    model, (last, inputs) = NETWORKS[name](), LAST[name]
    before = copy.deepcopy(model)
    NewClassifier(37)(model, rng())
    layer = model.get_submodule(last)
    assert isinstance(layer, nn.Linear)
    assert layer.weight.shape == (37, inputs)
    assert layer.bias.shape == (37,)
    others = {key: value for key, value in model.state_dict().items() if not key.startswith(f"{last}.")}
    assert len(others) == len(before.state_dict()) - 2
    assert all(torch.equal(value, before.state_dict()[key]) for key, value in others.items())
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in layer.parameters())


def test_a_new_classifier_is_drawn_uniformly_within_the_root_of_its_inputs():
    model = grouped_mlp(4, 25)
    NewClassifier(2000)(model, rng())
    layer = model.get_submodule("group3.0")
    for drawn, slack in ((layer.weight, 1e-3), (layer.bias, 1e-2)):
        assert 0.2 - slack < drawn.max() <= 0.2  # one over the root of 25
        assert -0.2 <= drawn.min() < -0.2 + slack
        assert drawn.mean().item() == pytest.approx(0.0, abs=0.2 / 3**0.5 * 4 / drawn.numel() ** 0.5)
        assert drawn.var().item() == pytest.approx(0.04 / 3, rel=0.1)


def test_a_new_classifier_depends_on_its_generator_alone():
    models = [grouped_mlp(4, 25) for _ in range(3)]
    initialise(models[1], "framework_uniform", 9)
    for model, seed in zip(models, (1, 1, 2), strict=True):
        NewClassifier(10)(model, rng(seed))
    layers = [model.get_submodule("group3.0").weight for model in models]
    assert torch.equal(layers[0], layers[1])
    assert not torch.equal(layers[0], layers[2])


def test_a_new_classifier_with_as_many_classes_is_new_too():
    model = grouped_mlp(4, 25)
    before = model.get_submodule("group3.0").weight.detach().clone()
    NewClassifier(10)(model, rng())
    assert not torch.equal(model.get_submodule("group3.0").weight, before)


def test_a_new_classifier_keeps_precision_and_leaves_the_old_stack_behind():
    models = [grouped_mlp(4, 5).double() for _ in range(2)]
    program = Program(models)
    before = program.state()
    for seed, model in enumerate(models):
        NewClassifier(3)(model, rng(seed))
    assert models[0].get_submodule("group3.0").weight.dtype == torch.float64
    assert all(torch.equal(value, before[name]) for name, value in program.state().items())
    again = Program(models)
    assert again.parameters["group3.0.weight"].shape == (2, 3, 5)
    assert torch.equal(again.parameters["group1.1.weight"], program.parameters["group1.1.weight"])


def test_interventions_are_parts_of_a_cell():
    assert len({FrozenReset(), FrozenReset(), FrozenReset(0.2), NewClassifier(2), NewClassifier(2)}) == 3
    assert SparseStart("mono", 0.5) == SparseStart("mono", 0.5, "root")
    assert PairStart("exact_zero") != PairStart("near_zero")
