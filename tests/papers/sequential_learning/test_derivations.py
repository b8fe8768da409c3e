import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.experiment import Job
from common.run.call import Call
from common.work import Work
from papers.sequential_learning.frozen_weights import derivations, dynamics, lemma
from papers.sequential_learning.frozen_weights.derivations import DERIVATION, FROZEN_THEORY, draw_flow
from tests.measured import measured

CALL = Call(torch.device("cpu"), Path("no data needed"))
ONES = {"triple_basin_outside", "double_escape"}
CLEAR = {
    "mono_gradient": 0.1,
    "linear_regression_gradient": 0.1,
    "lemma_own_parameter": 0.1,
    "lemma_own_factors": 0.1,
    "lemma_control": lemma.SLOPE**2 - 1e-9,
    "batchnorm_positive_shift_gradient": 1e-3,
}


@pytest.fixture(scope="module")
def scalars():
    (cell,) = FROZEN_THEORY.smoke.cells
    return [measured(DERIVATION, [Job(DERIVATION, cell, seed)], CALL)[0].scalars for seed in (0, 1, 0)]


def test_what_is_zero_in_theory_is_zero_and_what_escapes_comes_to_rest(scalars):
    for found in scalars[:2]:
        assert all(found[name] == pytest.approx(1.0, abs=1e-6) for name in ONES)
        assert all(found[name] >= least for name, least in CLEAR.items()), found
        assert all(value < 1e-7 for name, value in found.items() if name not in ONES | set(CLEAR)), found


def test_a_seed_says_everything(scalars):
    first, other, again = scalars
    assert first == again
    assert all(first[name] != other[name] for name in ("mono_gradient", "lemma_control", "triple_basin_outside"))


def test_both_tiers_run_the_same():
    assert FROZEN_THEORY.smoke.cells == FROZEN_THEORY.full.cells
    assert (FROZEN_THEORY.smoke.seeds, FROZEN_THEORY.full.seeds) == (3, 3)
    assert [DERIVATION.work(cell) for cell in FROZEN_THEORY.full.cells] == [Work(1e7, products=1e4)]


def test_constants_keep_weight_decay_far_below_g_and_come_with_either_sign():
    flows = [draw_flow(seed) for seed in range(40)]
    assert {(flow.a > 0, flow.pull > 0) for flow in flows} == {(p, q) for p in (True, False) for q in (True, False)}
    for flow in flows:
        assert 8.0 * flow.decay < abs(flow.pull)
        edge = flow.decay / abs(flow.pull)
        assert flow.a**2 * edge**4 < 0.02 * flow.decay  # what moves the end of the basin away from lambda / |g|


def test_a_flow_without_weight_decay_is_seen(monkeypatch):
    monkeypatch.setattr(dynamics, "loss", lambda flow, t: 0.5 * (flow.a * t.prod() + flow.b - flow.y).square())
    flow = draw_flow(0)
    weights = torch.ones(3, dtype=torch.float64)
    error = dynamics.velocity(flow, weights) - dynamics.printed_velocity(flow, weights)
    assert float(error.abs().max()) == pytest.approx(flow.rate * flow.decay)
    zero = torch.zeros(3, dtype=torch.float64)
    assert derivations._eigenvalue_error(flow, zero - flow.rate * flow.decay) == pytest.approx(flow.rate * flow.decay)


def test_ends_are_over_the_equilibrium():
    flow = replace(draw_flow(0), decay=0.0, a=2.0, b=0.0, y=1.0)
    assert derivations._end(flow, torch.full((2,), 0.1, dtype=torch.float64), 0.0) == pytest.approx(
        0.1 * math.sqrt(2.0)
    )
