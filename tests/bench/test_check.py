"""How long the verdicts of 500 claims with 15 seeds each take; pytest-benchmark prints the seconds."""

from dataclasses import dataclass

import numpy as np
import pytest

from common.claims.claim import Check, Claim, Quantity, Reported
from common.claims.judge import all_at_once, check_claims
from common.claims.kinds import Order, Rate, Trend, Value
from common.claims.results import Results
from common.experiment import Experiment, Grid, Metric, Metrics, Procedure, Tier
from common.run.record import Record
from common.work import Work
from tests.conftest import study_of

CLAIMS, SEEDS = 500, 15


@dataclass(frozen=True)
class Setting:
    name: str = "drawn"


@dataclass(frozen=True)
class Cell:
    claim: int
    point: int
    setting: Setting = Setting()


def run(jobs, call):
    """Stand for a run function; its numbers are drawn below."""
    raise AssertionError("drawn results are not run")


def work(cell):
    return Work()


def check(claim: int) -> Check:
    """Return a check of one kind after the other."""
    at = [Quantity("drawn", "accuracy", {"claim": claim, "point": point}) for point in range(3)]
    common = {"gate": "no-deviation", "reason": "drawn"}
    along = {"quantity": Quantity("drawn", "accuracy", {"claim": claim}), "along": "point", "points": (0, 1, 2)}
    return [
        Value(**common, quantity=at[0], margin=0.01, images=10_000),
        Order(**common, above=at[1], below=at[0]),
        Trend(**common, **along, direction="rising"),
        Rate(**common, quantity=at[0], event_above=0.9, at_least=0.5),
        Value(**common, **along, margin=0.02, images=10_000),
    ][claim % 5]


@pytest.fixture
def claims():
    reported = Reported(0.9, 0.005, "sd", 5, 0.001)
    return [
        Claim(f"drawn/{i}", "drawn", "", "", "fraction", reported, {Tier.SMOKE: check(i)}, {}) for i in range(CLAIMS)
    ]


@pytest.fixture
def results():
    cells = tuple(Cell(claim, point) for claim in range(CLAIMS) for point in range(3))
    procedure = Procedure("drawn", run, {"accuracy": Metric("fraction", "Drawn.")}, work)
    experiment = Experiment("drawn", "", procedure, smoke=Grid(cells, SEEDS))
    rng = np.random.default_rng(0)
    records = {
        job: Record(Metrics({"accuracy": 0.9 + 0.002 * job.cell.point + float(rng.normal(0, 0.005))}), 0.0, {})
        for job in experiment.jobs(Tier.SMOKE)
    }
    return Results(study_of(experiment), records)


def test_verdicts(benchmark, claims, results):
    judged = benchmark.pedantic(lambda: all_at_once(check_claims(claims, results)), rounds=3)
    assert len(judged) == CLAIMS
    assert all(j.finding.verdict.value not in ("error", "not-run") for j in judged)
