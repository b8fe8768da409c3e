import copy

import pytest
import torch
from torch import nn

from common.models.all_cnn import all_cnn_small
from common.models.grouped import grouped_resnet
from common.models.mlp import bn_mlp
from common.train.program import Program
from papers.sequential_learning.frozen_weights.counting import count
from papers.sequential_learning.frozen_weights.interfaces import interfaces
from papers.sequential_learning.frozen_weights.pairs import Tracked, norms, set_pairs, track
from tests.papers.sequential_learning.tiny import of_one


def filled(model, value=1.0):
    for parameter in model.parameters():
        parameter.data.fill_(value)
    return model


def by_hand():
    """Return a convolution of 2 channels that a linear layer reads in blocks of 4, and the second channel tracked."""
    return filled(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(-3), nn.Linear(8, 5))), [Tracked("0", 1)]


def test_one_channel_is_drawn_at_every_exclusive_interface():
    model = grouped_resnet(width=3, depth=1)
    tracked = track(model, torch.Generator().manual_seed(0))
    assert [pair.row for pair in tracked] == [f"group{group}.0.residual.conv1" for group in range(2, 6)]
    for pair in tracked:
        assert 0 <= pair.channel < len(model.get_parameter(f"{pair.row}.weight"))
    assert track(model, torch.Generator().manual_seed(0)) == tracked


def test_every_channel_is_drawn_by_some_seed():
    model = bn_mlp(2, 3)
    drawn = [track(model, torch.Generator().manual_seed(seed)) for seed in range(40)]
    for at in range(3):
        assert {tracked[at].channel for tracked in drawn} == {0, 1, 2}


@pytest.mark.parametrize(
    ("start", "factor"), [("reference", 1.0), ("exact_zero", 0.0), ("near_zero", 1e-3), ("near_zero_triple", 1e-3)]
)
def test_a_start_reaches_the_row_and_the_column_of_its_channel_alone(start, factor):
    model = filled(bn_mlp(4, 3), 2.0)
    expected = copy.deepcopy(model.state_dict())
    expected["4.weight"][1] *= factor
    expected["7.weight"][:, 1] *= factor
    if start == "near_zero_triple":
        expected["5.weight"][1] *= 1e-3
    set_pairs(model, [Tracked("4", 1)], start)
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_a_linear_layer_after_flatten_has_a_block_for_its_column():
    model, tracked = by_hand()
    set_pairs(model, tracked, "exact_zero")
    assert model[0].weight.flatten(1).sum(1).tolist() == [3, 0]
    assert model[2].weight.sum(0).tolist() == [5] * 4 + [0] * 4
    assert (model[0].bias == 1).all()


def test_pairs_of_exact_zero_count_as_frozen_and_the_reference_does_not():
    for start, pairs in (("reference", 0), ("exact_zero", 4), ("near_zero", 0)):
        model = filled(all_cnn_small(4), 0.5)
        set_pairs(model, track(model, torch.Generator().manual_seed(1)), start)
        counts = count(of_one(model), interfaces(model))
        assert int(counts.double.pairs.sum()) == pairs
        assert int(counts.triple.pairs.sum()) == 0


def test_the_norm_is_the_sum_of_the_absolute_weights_in_row_and_column():
    model, tracked = by_hand()
    with torch.no_grad():
        model[0].weight[1, :, 0, 0] = torch.tensor([1.0, -2.0, 3.0])
        model[2].weight[:, :4] = 100.0
        model[2].weight[0, 4:] = torch.tensor([-4.0, 0.0, 0.5, 1.0])
    assert norms(of_one(model), [tracked], interfaces(model)).tolist() == [[6 + 5.5 + 4 * 4]]


@pytest.mark.parametrize("builder", [lambda: bn_mlp(4, 5), lambda: all_cnn_small(3)])
def test_every_run_of_a_stack_follows_its_own_channels(builder):
    models = [builder() for _ in range(3)]
    found = interfaces(models[0])
    tracked = [track(model, torch.Generator().manual_seed(seed)) for seed, model in enumerate(models)]
    with torch.no_grad():
        for seed, model in enumerate(models):
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
    program = Program(models)
    set_pairs(models[2], tracked[2], "exact_zero")
    together = norms(program.parameters, tracked, found)
    alone = [norms(of_one(model), [own], found) for model, own in zip(models, tracked, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))
    assert together.shape == (3, len(found))
    assert not together.requires_grad
    assert (together[:2] > 0).all()
    assert (together[2] == 0).all()


def test_a_wrong_start_is_refused():
    with pytest.raises(ValueError, match="no start 'random' of pairs; there are reference, exact_zero, near_zero"):
        set_pairs(bn_mlp(2, 2), [], "random")
    with pytest.raises(ValueError, match="a triple needs scales: the channels of '1' have none"):
        set_pairs(bn_mlp(2, 2, affine=0), [Tracked("1", 0)], "near_zero_triple")
