import numpy as np
import pytest
from scipy import stats

from common.tools import calibration
from common.tools.calibration import MARGIN, WORLDS, simulate, tally

GATES = 40


def red_gates(world, seeds=5, offset=MARGIN, gates=GATES):
    rng = np.random.default_rng([7, seeds, WORLDS.index(world)])
    return tally(simulate(world, seeds, offset, rng) for _ in range(gates))


@pytest.mark.parametrize("world", WORLDS, ids=[world.name for world in WORLDS])
def test_where_every_claim_is_just_true_at_most_one_gate_in_twenty_fails(world):
    failed = GATES * red_gates(world).alarms
    assert failed <= stats.binom.ppf(0.99, GATES, 0.05)


@pytest.mark.parametrize("seeds", [3, 10, 15])
def test_and_so_it_is_for_any_number_of_seeds(seeds):
    failed = GATES * red_gates(WORLDS[0], seeds).alarms
    assert failed <= stats.binom.ppf(0.99, GATES, 0.05)


def test_claims_that_are_just_true_are_called_deviating_and_ones_just_false_reproduced_one_time_in_twenty():
    found = red_gates(WORLDS[0], gates=100)
    assert found.deviating == pytest.approx(0.05, abs=0.02)
    assert found.reproduced == pytest.approx(0.05, abs=0.02)


def test_claims_that_are_off_by_three_spreads_turn_the_gate_red():
    found = red_gates(WORLDS[0], offset=MARGIN + 3 * 0.005, gates=20)
    assert found.alarms > 0.9
    assert found.deviating > 0.9
    assert found.reproduced == 0.0


def test_claims_that_are_on_the_mark_are_mostly_reproduced():
    found = red_gates(WORLDS[0], seeds=10, offset=0.0, gates=20)
    assert found.reproduced > 0.8
    assert found.alarms <= 0.05


def test_the_simulation_notices_a_gate_that_reads_each_claim_by_itself(monkeypatch):
    monkeypatch.setattr("common.claims.judge.holm", lambda p: p)
    assert red_gates(WORLDS[0]).alarms > 0.3


def test_the_same_random_state_prints_the_same_tables(capsys, monkeypatch):
    monkeypatch.setattr(calibration, "WORLDS", WORLDS[:2])
    monkeypatch.setattr(calibration, "SEEDS", (3,))
    printed = []
    for _ in range(2):
        assert calibration.main(["--gates", "2", "--random-state", "3"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "| ours spread 4 times as far |       3 |" in printed[0]
    assert "2 spreads beyond the margin" in printed[0]
