import numpy as np
import pytest

from common.experiment import Metrics
from common.package import Package
from common.tools import false_alarms
from tests import conftest


def lucky(jobs, environment):
    """Score as the toy does, but for the unlucky seeds."""
    for job, metrics in conftest.toy(jobs, environment):
        conftest.CALLS.append(f"seed {job.seed}")
        bonus = 0.5 if job.cell.method == "b" and job.seed in (200, 201) else 0.0
        score = min(1.0, metrics.scalars["score"] - 0.001 * job.seed + bonus)
        yield job, Metrics({"score": score, "validation_accuracy": score})


@pytest.fixture
def measure(toy_package, monkeypatch, tmp_path):
    package, _ = toy_package
    package = Package("toy", (conftest.experiment(run=lucky),), package.figures)
    monkeypatch.setattr("common.tools.false_alarms.find_packages", lambda named=(): [package])
    monkeypatch.setattr(false_alarms, "set_up", lambda: None)
    monkeypatch.setattr(false_alarms, "workers_on", lambda device: 1)
    return lambda *arguments: false_alarms.main(["--results", str(tmp_path / "fresh"), *arguments])


def test_fresh_runs_that_fail_are_counted_by_claim(measure, capsys):
    assert measure("--runs", "4", "--draws", "200") == 0
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows[0] == ["claim", "failed in fresh runs", "in 200 drawn runs"]
    assert [row[:2] for row in rows[2:]] == [["toy/order", "1 of 4"], ["any gating claim", "1 of 4"]]
    assert rows[2][2] == rows[3][2]
    # seeds 0 and 1 of the second run go wrong: a draw fails that takes either of them from it
    assert float(rows[2][2].split()[0]) == pytest.approx(100 * (1 - 0.75**2), abs=10)


def test_every_run_has_seeds_of_its_own_and_finished_ones_are_kept(measure):
    measure("--runs", "2", "--draws", "1")
    seeds = {call for call in conftest.CALLS if call.startswith("seed")}
    assert seeds == {f"seed {first + i}" for first in (100, 200) for i in range(5)}
    conftest.CALLS.clear()
    measure("--runs", "2", "--draws", "1")
    assert conftest.CALLS == []


def test_a_draw_takes_a_seed_from_the_same_run_everywhere(toy_package, request_for, monkeypatch, tmp_path):
    package, _ = toy_package
    monkeypatch.setattr(false_alarms, "workers_on", lambda device: 1)
    runs = [false_alarms.fresh_run(package, first, tmp_path) for first in (100, 200, 300)]
    drawn = false_alarms.draw(runs, false_alarms.pools(runs), np.random.default_rng(0))
    a, b = (drawn.values("table", {"method": method, "rate": 0.1}, "score") for method in "ab")
    assert a - b == pytest.approx(np.full(5, 0.1))
    offsets = (a - 0.8) / 0.001 - np.arange(5)
    assert {round(offset) for offset in offsets} <= {100, 200, 300}
    assert len({round(offset) for offset in offsets}) > 1


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--draws", "0"]])
def test_nothing_to_run_is_bad_usage(measure, arguments, capsys):
    assert measure(*arguments) == 2
    line = f"error: argument {arguments[0]}: 0 is not from 1 to 100000; --help explains all options\n"
    assert capsys.readouterr().err == line
