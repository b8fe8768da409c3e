import math
from dataclasses import dataclass

import numpy as np
import pytest

from common.claims.results import Results
from common.experiment import Experiment, Grid, Metrics, Procedure, Replicates, Tier
from common.report.arms import curves, gather, mean_and_deviation, mean_and_interval, sound, summary, values
from common.run.record import Record
from tests import conftest


@dataclass(frozen=True)
class Cell:
    setting: str
    epochs: int


def half(cell, share):
    return Cell(cell.setting, max(1, round(share * cell.epochs)))


def results(*experiments, seeds=3):
    replicates = Replicates(0, seeds)
    jobs = [job for experiment in experiments for job in experiment.jobs(Tier.SMOKE, replicates)]
    records = {job: Record(Metrics({"a": job.cell.epochs + 0.1 * job.seed}), 1.0, {}) for job in jobs}
    return Results(conftest.study_of(*experiments, replicates=replicates), records)


PROCEDURE = Procedure("training", conftest.never, {}, conftest.never, half)
SHORT = Experiment("short", "Fig. 1", PROCEDURE, smoke=Grid((Cell("s", 4), Cell("s", 8))))
LONG = Experiment("long", "Fig. 2", PROCEDURE, smoke=Grid((Cell("s", 16),)))


def test_arms_of_several_experiments_are_gathered_by_cell_and_by_seed():
    found = gather(results(SHORT, LONG), ["short", "long"])
    assert list(found) == [Cell("s", 4), Cell("s", 8), Cell("s", 16)]
    assert {seed: own.scalars["a"] for seed, own in found[Cell("s", 8)].items()} == {0: 8.0, 1: 8.1, 2: 8.2}


def test_the_first_seeds_alone_are_gathered_where_asked_for():
    assert list(gather(results(SHORT), ["short"], 1)[Cell("s", 4)]) == [0]


def test_arms_are_gathered_by_the_cell_as_it_is_trained():
    found = gather(results(SHORT.at_scale(0.5)), ["short"])
    assert list(found) == [Cell("s", 2), Cell("s", 4)]
    assert found[Cell("s", 4)][0].scalars["a"] == 8.0


def test_a_missing_record_is_an_error():
    found = results(SHORT)
    found.records.popitem()
    with pytest.raises(KeyError):
        gather(found, ["short"])


def runs(*numbers, **fields):
    return {
        i: Metrics({"loss": number, "a": 1.0 + i}, {"c": [1.0 * i, 2.0]}, **fields) for i, number in enumerate(numbers)
    }


def test_a_run_that_diverged_or_withholds_the_metric_has_no_number_and_is_counted():
    arms = {"one": runs(0.5, math.nan, math.inf), "two": runs(0.5, withheld={"loss": "too little"})}
    found, faults = sound(arms, "loss")
    assert faults == {"diverged": 2, "withheld": 1}
    assert values(found["one"], "a").tolist() == pytest.approx([1.0, math.nan, math.nan], nan_ok=True)
    assert curves(found["one"], "c") == pytest.approx(
        np.array([[0.0, 2.0], [math.nan] * 2, [math.nan] * 2]), nan_ok=True
    )
    assert np.isnan(values(found["two"], "loss")).all()
    assert list(found["one"]) == [0, 1, 2]


def test_without_a_fault_nothing_is_counted():
    arms = {"one": runs(0.5, 0.6)}
    assert sound(arms, "loss") == (arms, {})


def test_a_number_that_a_run_lacks_is_nan():
    assert np.isnan(values(runs(0.5), "b")).tolist() == [True]


def test_the_deviation_is_that_over_seeds():
    found, deviation = mean_and_deviation(np.array([[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]]))
    assert (found.tolist(), deviation.tolist()) == ([2.0, 0.5], [1.0, 0.0])
    assert mean_and_deviation(np.array([1.0, 3.0]))[1] == pytest.approx(math.sqrt(2))
    found, deviation = mean_and_deviation(np.array([0.5]))
    assert found == 0.5
    assert math.isnan(deviation)
    assert np.isnan(mean_and_deviation(np.array([]))).all()


def test_runs_without_a_number_are_left_out_of_mean_and_deviation():
    found, deviation = mean_and_deviation(np.array([1.0, math.nan, 3.0]))
    assert (found, deviation) == (2.0, pytest.approx(math.sqrt(2)))
    found, deviation = mean_and_deviation(np.array([[1.0, 2.0], [math.nan, math.nan]]))
    assert found.tolist() == [1.0, 2.0]
    assert np.isnan(deviation).all()
    assert np.isnan(mean_and_deviation(np.full((2, 3), math.nan))).all()


def test_the_interval_is_that_of_student():
    found, width = mean_and_interval(np.array([[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]]))
    assert found.tolist() == [2.0, 0.5]
    assert width == pytest.approx([4.302653 / math.sqrt(3), 0.0], rel=1e-6)  # sd 1; t of 2 degrees of freedom
    assert mean_and_interval(np.array([[1.0], [3.0]]))[1] == pytest.approx([12.706205], rel=1e-6)
    assert mean_and_interval(np.array([[1.0], [3.0], [math.nan]]))[1] == pytest.approx([12.706205], rel=1e-6)


def test_a_point_that_is_not_finite_is_nan_and_one_seed_has_no_interval():
    found, width = mean_and_interval(np.array([[1.0, np.inf, np.nan], [1.0, 2.0, 2.0]]))
    assert np.isnan(found).tolist() == np.isnan(width).tolist() == [False, True, True]
    found, width = mean_and_interval(np.array([[1.0, 2.0]]))
    assert found.tolist() == [1.0, 2.0]
    assert np.isnan(width).all()


def test_a_summary_has_a_mean_and_a_deviation_for_every_cell():
    arms = {"one": runs(1.0, 3.0), "two": runs(5.0, 5.0)}
    means, deviations = summary(arms, ["two", "one"], "loss")
    assert means.tolist() == [5.0, 2.0]
    assert deviations == pytest.approx([0.0, math.sqrt(2)])


def test_a_summary_of_no_cells_is_empty():
    means, deviations = summary({}, [], "loss")
    assert means.tolist() == deviations.tolist() == []
