import pytest
import torch

from papers.sequential_learning.frozen_weights import lemma

PARTS = ("row", "scale", "column")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_channel_without_zeros_gets_gradients():
    assert all(value > 0.01 for value in lemma.channel_gradients((), generator()).values())


@pytest.mark.parametrize("zeroed", [PARTS, ("row", "scale"), ("row", "column"), ("scale", "column")])
def test_two_or_three_zero_factors_of_three_freeze_all_that_is_zero(zeroed):
    found = lemma.channel_gradients(zeroed, generator())
    assert all(value == 0.0 for value in found.values())


@pytest.mark.parametrize("part", PARTS)
def test_a_factor_that_is_zero_by_itself_gets_a_gradient_and_the_others_get_none(part):
    found = lemma.channel_gradients((part,), generator())
    assert found.pop(part) > 0.01
    assert all(value == 0.0 for value in found.values())


def test_weights_of_linear_regression_that_begin_at_zero_are_trained_like_the_others():
    for seed in range(5):
        assert lemma.linear_regression(0, generator(seed))["distance"] > 0.1
        found = lemma.linear_regression(3_000, generator(seed))
        assert found["distance"] < 1e-9
        assert found["gradient"] > 0.1


def test_a_frozen_weight_of_linear_regression_would_be_seen(monkeypatch):
    step = lemma.SGDUpdate.step

    def without_the_first(update, gradients, learning_rate):
        step(update, [torch.cat([torch.zeros(1, dtype=own.dtype), own[1:]]) for own in gradients], learning_rate)

    monkeypatch.setattr(lemma.SGDUpdate, "step", without_the_first)
    assert lemma.linear_regression(3_000, generator())["distance"] > 1e-2


def test_the_gradient_of_linear_regression_at_zero_is_minus_the_mean_of_input_times_target():
    draw = generator()
    x, teacher = (torch.randn(shape, generator=draw, dtype=torch.float64) for shape in ((32, 6), (6,)))
    expected = float((x.T @ (x @ teacher) / 32).abs().max())
    assert lemma.linear_regression(1, generator())["gradient"] == pytest.approx(expected)


def test_a_dead_channel_gives_an_input_direction_that_the_network_does_not_see():
    draw = generator()
    x = torch.randn(lemma.WIDTH, generator=draw, dtype=torch.float64)
    found = lemma.connection(lemma.layers(True, draw), x, draw)
    assert found.plasticity < 1e-12
    assert found.invariance < 1e-12
    assert found.own_parameter > 0.1
    assert found.own_input > 0.1


def test_without_a_dead_channel_every_direction_is_seen():
    draw = generator()
    x = torch.randn(lemma.WIDTH, generator=draw, dtype=torch.float64)
    network = lemma.layers(False, draw)
    found = lemma.connection(network, x, draw)
    assert min(found.plasticity, found.own_parameter, found.invariance, found.own_input) > 0.1
    assert lemma.least_response(network, x) >= lemma.SLOPE**2 - 1e-9


def test_a_dead_channel_leaves_an_input_that_moves_nothing():
    draw = generator()
    x = torch.randn(lemma.WIDTH, generator=draw, dtype=torch.float64)
    assert lemma.least_response(lemma.layers(True, draw), x) < 1e-9


def test_the_invariant_direction_changes_no_output():
    draw = generator()
    x = torch.randn(lemma.WIDTH, generator=draw, dtype=torch.float64)
    network = lemma.layers(True, draw)
    jacobian = torch.autograd.functional.jacobian(lambda at: lemma.output(network, at), x)
    h = 1e-3 * torch.linalg.svd(jacobian).Vh[-1]
    assert (lemma.output(network, x + h) - lemma.output(network, x)).abs().max() < 1e-14
    assert (network[0] @ h).norm() == pytest.approx(1e-3)


@pytest.mark.parametrize("scale", [0.0, 1.0, -2.0])
@pytest.mark.parametrize("shift", [0.0, -0.4])
def test_zero_row_and_column_around_batchnorm_freeze_whatever_the_scale(scale, shift):
    found = lemma.normalised_gradients(scale, shift, generator())
    assert found == {"row": 0.0, "scale": 0.0, "shift": 0.0, "column": 0.0}


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_positive_shift_lets_the_column_learn(scale):
    found = lemma.normalised_gradients(scale, 0.4, generator())
    assert found.pop("column") > 1e-3
    assert all(value == 0.0 for value in found.values())


@pytest.mark.parametrize("shift", [0.0, -0.4])
def test_steps_with_momentum_and_weight_decay_leave_frozen_weights_exactly_zero(shift):
    assert lemma.largest_after_steps(1.0, shift, 30, generator()) == 0.0


def test_steps_move_channels_with_a_positive_shift():
    assert lemma.largest_after_steps(1.0, 0.4, 30, generator()) > 1e-2


def test_steps_move_the_rest_of_the_network(monkeypatch):
    network = lemma.normalised_network(1.0, 0.0, generator())
    before = {name: tensor.detach().clone() for name, tensor in network.items()}
    monkeypatch.setattr(lemma, "normalised_network", lambda *_: network)
    lemma.largest_after_steps(1.0, 0.0, 3, generator())
    assert all((network[name] - before[name]).abs().max() > 1e-4 for name in network)
