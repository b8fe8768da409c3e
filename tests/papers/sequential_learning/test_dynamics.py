from types import SimpleNamespace

import pytest
import torch

from papers.sequential_learning.frozen_weights import dynamics
from papers.sequential_learning.frozen_weights.dynamics import (
    Flow,
    eigenvalues,
    equilibrium,
    escape_direction,
    integrate,
    printed_velocity,
    velocity,
)

PAPER = Flow(a=1.0, b=0.0, y=1.0, decay=0.05, rate=1.0)
OTHER = Flow(a=2.0, b=1.0, y=4.0, decay=0.1, rate=0.5)
FLIPPED = Flow(a=2.0, b=4.0, y=1.0, decay=0.1, rate=0.5)


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_pull_is_a_times_b_minus_y():
    assert (PAPER.pull, OTHER.pull, FLIPPED.pull) == (-1.0, -6.0, 6.0)


@pytest.mark.parametrize("of", [velocity, printed_velocity])
@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1.0, 2.0, 3.0), (-54.05, -27.1, -18.15)),  # f - y = 9: minus half of 9 * 2 * (6, 3, 2) + 0.1 t
        ((1.0, 3.0), (-9.05, -3.15)),  # f - y = 3: minus half of 3 * 2 * (3, 1) + 0.1 t
        ((0.0, 0.0, 3.0), (0.0, 0.0, -0.15)),
    ],
)
def test_velocity_is_the_one_computed_by_hand(of, weights, expected):
    assert of(OTHER, vector(*weights)).tolist() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_automatic_differentiation_gives_the_printed_formula(n):
    weights = torch.randn(n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    found, printed = velocity(OTHER, weights), printed_velocity(OTHER, weights)
    assert torch.allclose(found, printed, rtol=0.0, atol=1e-13)
    assert found.abs().max() > 0.1


def test_a_triple_at_zero_has_three_eigenvalues_minus_eta_lambda():
    assert eigenvalues(PAPER, vector(0, 0, 0)).tolist() == [-0.05] * 3
    assert eigenvalues(OTHER, vector(0, 0, 0)).tolist() == pytest.approx([-0.05] * 3)
    assert eigenvalues(Flow(1.0, 0.0, 1.0, 0.0, 1.0), vector(0, 0, 0)).tolist() == [0.0] * 3


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (PAPER, [-1.05, 0.95]),
        (OTHER, [-3.05, 2.95]),
        (FLIPPED, [-3.05, 2.95]),
        (Flow(1.0, 0.0, 1.0, 1.5, 1.0), [-2.5, -0.5]),
    ],
)
def test_a_double_at_zero_has_eigenvalues_minus_eta_times_lambda_plus_and_minus_g(flow, expected):
    assert eigenvalues(flow, vector(0, 0)).tolist() == pytest.approx(expected)


def test_eigenvalues_away_from_zero_are_of_the_jacobian_there():
    # Of PAPER at (1, 1): f - y = 0, so the Hessian is [[1, 1], [1, 1]] + lambda.
    assert eigenvalues(PAPER, vector(1, 1)).tolist() == pytest.approx([-2.05, -0.05])


def test_a_triple_freezes_below_lambda_over_g_and_escapes_above():
    inside, outside = (integrate(PAPER, 3 * [share * 0.05], 400.0) for share in (0.99, 1.05))
    assert inside.abs().max() < 1e-7
    assert outside.tolist() == pytest.approx([0.983] * 3, abs=5e-4)


def test_a_double_escapes_along_one_diagonal_and_decays_along_the_other():
    assert integrate(PAPER, [1e-4, 1e-4], 40.0).tolist() == pytest.approx([0.975] * 2, abs=5e-4)
    assert integrate(PAPER, [1e-4, -1e-4], 15.0).abs().max() < 1e-9


def test_the_diagonals_change_places_with_the_sign_of_g():
    assert integrate(FLIPPED, [1e-4, 1e-4], 4.0).abs().max() < 1e-8
    assert integrate(FLIPPED, [-1e-4, 1e-4], 20.0).tolist() == pytest.approx([-1.214, 1.214], abs=5e-4)


def test_a_double_decays_where_weight_decay_is_above_g():
    strong = Flow(1.0, 0.0, 1.0, 1.5, 1.0)
    assert integrate(strong, [1e-4, 1e-4], 1.0).tolist() == pytest.approx([1e-4 * 0.60653066] * 2, rel=1e-6)
    assert integrate(strong, [1.0, 0.7], 40.0).abs().max() < 1e-8


def test_a_single_learning_rate_scales_time():
    fast = Flow(1.0, 0.0, 1.0, 0.05, 4.0)
    assert torch.allclose(integrate(fast, [0.1, 0.3], 2.0), integrate(PAPER, [0.1, 0.3], 8.0), rtol=1e-7)


@pytest.mark.parametrize("flow", [PAPER, OTHER, FLIPPED])
@pytest.mark.parametrize("n", [2, 3])
def test_equilibrium_is_where_the_flow_rests(flow, n):
    size, direction = equilibrium(flow, n), escape_direction(flow, n)
    assert velocity(flow, size * direction).abs().max() < 1e-12
    assert eigenvalues(flow, size * direction).max() < 0.0


def test_equilibrium_of_the_papers_constants():
    assert equilibrium(PAPER, 2) == pytest.approx(0.95**0.5)
    assert equilibrium(PAPER, 3) == pytest.approx(0.983, abs=5e-4)


@pytest.mark.parametrize("n", [2, 3])
def test_equilibrium_refuses_a_decay_that_leaves_only_zero(n):
    with pytest.raises(ValueError, match=f"{n} weights rest nowhere but at zero"):
        equilibrium(Flow(1.0, 0.0, 1.0, 1.5, 1.0), n)


def test_a_flow_that_cannot_be_followed_is_an_error(monkeypatch):
    monkeypatch.setattr(dynamics, "solve_ivp", lambda *_, **__: SimpleNamespace(success=False, message="too steep"))
    with pytest.raises(ValueError, match=r"from \[1.0, 2.0\]: too steep"):
        integrate(PAPER, [1.0, 2.0], 1.0)
