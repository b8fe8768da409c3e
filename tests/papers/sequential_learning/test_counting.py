import pytest
import torch
from torch import nn

from common.models.all_cnn import all_cnn_small
from common.models.grouped import grouped_resnet
from common.models.mlp import bn_mlp
from common.train.program import Program
from papers.sequential_learning.frozen_weights.counting import count, small_share
from papers.sequential_learning.frozen_weights.interfaces import Interface, interfaces, weight_layers
from tests.papers.sequential_learning.tiny import of_one

PAIR = [Interface("a", "n", ("b",), exclusive=True)]
TINY, AT, LARGE = 0.99e-4, 1e-4, 1.01e-4


def numbers(counts, at=0):
    """Return the pairs, weights and tuples of doubles and of triples of the first run at one interface."""
    return [
        tuple(int(getattr(kind, unit)[0, at]) for unit in ("pairs", "weights", "tuples"))
        for kind in (counts.double, counts.triple)
    ]


def filled(model, value=1.0):
    """Return a network's parameters as those of one run, all with one value."""
    return {name: torch.full_like(parameter, value) for name, parameter in of_one(model).items()}


def by_hand(scale=1.0):
    """Return three channels between 2 inputs and 4 outputs, of which the second is small."""
    row, column = torch.ones(1, 3, 2), torch.ones(1, 4, 3)
    row[:, 1], column[:, :, 1] = 0.0, 0.0
    return {"a.weight": row, "n.weight": torch.tensor([[1.0, scale, 1.0]]), "b.weight": column}


def test_a_channel_with_small_row_and_column_is_a_double():
    assert numbers(count(by_hand(), PAIR)) == [(1, 2 + 4, 2 * 4), (0, 0, 0)]


def test_a_small_scale_makes_it_a_triple():
    assert numbers(count(by_hand(scale=0.0), PAIR)) == [(1, 6, 8), (1, 7, 8)]


def test_a_small_scale_alone_makes_nothing():
    parameters = by_hand()
    parameters["n.weight"] = torch.tensor([[0.0, 1.0, 1.0]])
    assert numbers(count(parameters, PAIR)) == [(1, 6, 8), (0, 0, 0)]


@pytest.mark.parametrize(("value", "pairs"), [(0.0, 1), (TINY, 1), (-TINY, 1), (AT, 0), (LARGE, 0), (-LARGE, 0)])
def test_small_is_strictly_below_the_threshold_in_absolute_value(value, pairs):
    for name, index in (("a.weight", (0, 1, 0)), ("b.weight", (0, 2, 1))):
        parameters = by_hand()
        parameters[name][index] = value
        assert int(count(parameters, PAIR).double.pairs) == pairs
    assert int(count(by_hand(scale=value), PAIR).triple.pairs) == pairs


def test_tuples_are_chosen_within_a_channel_that_is_no_pair():
    parameters = by_hand()
    parameters["a.weight"][0, 0, 0] = TINY
    parameters["b.weight"][0, :3, 0] = -TINY
    parameters["b.weight"][0, 0, 2] = 0.0
    assert numbers(count(parameters, PAIR)) == [(1, 6, 8 + 1 * 3), (0, 0, 0)]
    parameters["n.weight"][0, 0] = 0.0
    assert numbers(count(parameters, PAIR)) == [(1, 6, 11), (0, 0, 3)]


def test_another_threshold_counts_other_weights():
    parameters = by_hand()
    parameters["a.weight"][0, 0] = 1e-2
    parameters["b.weight"][0, :, 0] = 1e-2
    assert int(count(parameters, PAIR).double.pairs) == 1
    assert int(count(parameters, PAIR, threshold=0.1).double.pairs) == 2


def test_without_a_scale_there_are_no_triples():
    found = [Interface("a", None, ("b",), exclusive=True)]
    assert numbers(count(by_hand(scale=0.0), found)) == [(1, 6, 8), (0, 0, 0)]


def test_every_column_of_a_shared_channel_counts():
    found = [Interface("a", "n", ("b", "c"), exclusive=False)]
    parameters = {**by_hand(scale=0.0), "c.weight": torch.ones(1, 5, 3)}
    assert numbers(count(parameters, found)) == [(0, 0, 0), (0, 0, 0)]
    parameters["c.weight"][:, :, 1] = 0.0
    assert numbers(count(parameters, found)) == [(1, 2 + 4 + 5, 2 * 9), (1, 12, 18)]


def test_tuples_of_a_shared_channel_need_all_its_columns_but_not_its_row():
    found = [Interface("a", "n", ("b", "c"), exclusive=False)]
    parameters = {**by_hand(scale=0.0), "c.weight": torch.zeros(1, 5, 3)}
    parameters["a.weight"][0, 1, 0] = 1.0
    assert numbers(count(parameters, found)) == [(0, 0, 1 * 9), (0, 0, 9)]
    parameters["b.weight"][0, 3, 1] = 1.0
    assert numbers(count(parameters, found)) == [(0, 0, 0), (0, 0, 0)]


def test_a_convolution_reads_a_channel_with_all_its_taps():
    model = nn.Sequential(nn.Conv2d(3, 2, 3, bias=False), nn.Conv2d(2, 4, 1, bias=False))
    parameters = filled(model)
    parameters["0.weight"][:, 1] = 0.0
    parameters["1.weight"][:, :, 1] = 0.0
    assert numbers(count(parameters, interfaces(model)))[0] == (1, 27 + 4, 27 * 4)
    parameters["0.weight"][0, 1, 2, 2, 2] = 1.0
    assert numbers(count(parameters, interfaces(model)))[0] == (0, 0, 26 * 4)


def test_a_linear_layer_after_flatten_has_a_block_of_columns_per_channel():
    model = nn.Sequential(nn.Conv2d(1, 3, 1, bias=False), nn.Flatten(-3), nn.Linear(12, 5))
    parameters = filled(model)
    parameters["0.weight"][:, 1] = 0.0
    parameters["2.weight"][:, :, 4:8] = 0.0
    assert numbers(count(parameters, interfaces(model)))[0] == (1, 1 + 4 * 5, 20)


def test_one_dead_channel_of_resnet18_holds_the_numbers_of_the_paper():
    with torch.device("meta"):
        found = interfaces(grouped_resnet())
    for block, width, weights, tuples in (
        ("group2.0", 64, 576 + 576, 331_776),
        ("group5.1", 512, 4_608 + 4_608, 21_233_664),
    ):
        each = next(each for each in found if each.row == f"{block}.residual.conv1")
        parameters = {f"{layer}.weight": torch.ones(1, width, width, 3, 3) for layer in (each.row, *each.columns)}
        parameters[f"{each.scale}.weight"] = torch.zeros(1, width)
        parameters[f"{each.row}.weight"][:, 7] = 0.0
        parameters[f"{each.columns[0]}.weight"][:, :, 7] = 0.0
        assert numbers(count(parameters, [each])) == [(1, weights, tuples), (1, weights + 1, tuples)]


def test_large_numbers_of_tuples_are_exact():
    parameters = {"a.weight": torch.zeros(1, 2, 50_001), "b.weight": torch.zeros(1, 50_003, 2)}
    counts = count(parameters, [Interface("a", None, ("b",), exclusive=True)])
    assert int(counts.double.tuples) == 2 * 50_001 * 50_003


def test_totals_are_sums_over_exclusive_interfaces():
    model = grouped_resnet(width=2, depth=1)
    counts = count(filled(model, 0.0), interfaces(model))
    totals = counts.totals()
    assert set(totals) == {f"{kind}_{unit}" for kind in ("double", "triple") for unit in ("pairs", "weights", "tuples")}
    channels = [2, 4, 8, 16]
    inputs = [2, 2, 4, 8]
    sizes = [(c, 9 * i, 9 * c) for c, i in zip(channels, inputs, strict=True)]
    assert totals["double_pairs"].tolist() == totals["triple_pairs"].tolist() == [sum(channels)]
    assert totals["double_weights"].tolist() == [sum(c * (row + column) for c, row, column in sizes)]
    assert totals["triple_weights"].tolist() == [sum(c * (row + column + 1) for c, row, column in sizes)]
    assert totals["double_tuples"].tolist() == [sum(c * row * column for c, row, column in sizes)]
    assert counts.double.pairs.shape == (1, 4 + 4 + 3 + 1)
    assert int(counts.double.pairs.sum()) > sum(channels)


@pytest.mark.parametrize("builder", [lambda: bn_mlp(4, 6), lambda: all_cnn_small(2)])
def test_runs_of_a_stack_are_counted_side_by_side(builder):
    models = [builder() for _ in range(3)]
    found = interfaces(models[0])
    with torch.no_grad():
        for run, model in enumerate(models):
            for each in found[:run]:
                row, column = (model.get_parameter(f"{name}.weight") for name in (each.row, *each.columns))
                row[:run], column[:, :run] = 0.0, 0.0
                model.get_parameter(f"{each.scale}.weight")[0] = 0.0
    alone = [count(of_one(model), found) for model in models]
    together = count(Program(models).parameters, found)
    assert together.double.pairs[:, :3].tolist() == [[0, 0, 0], [1, 0, 0], [2, 2, 0]]
    assert together.triple.pairs.sum(1).tolist() == [0, 1, 2]
    for kind in ("double", "triple"):
        for unit in ("pairs", "weights", "tuples"):
            rows = [getattr(getattr(counts, kind), unit)[0] for counts in alone]
            assert torch.equal(getattr(getattr(together, kind), unit), torch.stack(rows))


def test_the_share_of_small_weights_is_one_over_all_weight_layers():
    model = bn_mlp(4, 5, num_classes=3)
    parameters = {name: torch.cat([value, value]) for name, value in filled(model).items()}
    parameters["1.weight"][1, 0] = TINY
    parameters["10.weight"][1, 2] = -TINY
    parameters["10.bias"][1] = 0.0
    parameters["2.weight"][1] = 0.0
    share = small_share(parameters, weight_layers(model))
    assert share.tolist() == [0.0, (4 + 5) / (4 * 5 + 2 * 25 + 5 * 3)]


def test_nothing_waits_for_the_device():
    with torch.device("meta"):
        model = grouped_resnet(width=2, depth=1)
    counts = count(of_one(model), interfaces(model))  # a value that is asked for on this device is an error
    assert counts.double.tuples.shape == counts.triple.pairs.shape == (1, 12)
    assert all(total.is_meta for total in counts.totals().values())
    assert small_share(of_one(model), weight_layers(model)).is_meta
