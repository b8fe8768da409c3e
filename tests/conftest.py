"""A toy paper, small enough to run in every test of the pipeline."""

import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest
import torch

from common.datasets import load
from common.datasets.cifar import CIFAR10
from common.experiment import DECLARED, Experiment, Grid, Metric, Metrics, Procedure, Tier
from common.package import Package
from common.report.report import Report
from common.reproduce import Request
from common.run.call import Environment
from common.study import Study, study
from common.train import stacking
from common.work import Work

for _name in ("SIGTERM", "SIGHUP"):  # to be heard however the tests were started: what nohup ignores, commands do too
    if hasattr(signal, _name):
        signal.signal(getattr(signal, _name), signal.SIG_DFL)
torch.set_num_threads(1)  # threads that wait for each other make a shared machine crawl


@dataclass(frozen=True)
class Setting:
    name: str = "toy"


@dataclass(frozen=True)
class Cell:
    method: str
    rate: float
    setting: Setting = Setting()


CALLS: list[str] = []
BROKEN: set[tuple[str, int]] = set()


def toy(jobs, call):
    """Score 0.9 - rate for method a and 0.8 - rate for method b, plus a little for the seed."""
    for job in jobs:
        CALLS.append(f"{job.cell.method}/{job.cell.rate}/{job.seed}")
        if (job.cell.method, job.seed) in BROKEN:
            raise RuntimeError("broken on purpose")
        score = {"a": 0.9, "b": 0.8}[job.cell.method] - job.cell.rate + 0.001 * job.seed
        yield job, Metrics({"score": score, "validation_accuracy": score}, {"curve": [0.0, score]})


def reading(jobs, call):
    """Read CIFAR-10, which the data folder may lack."""
    load(CIFAR10, call.data_dir)
    yield from toy(jobs, call)


MEASURED = {name: Metric("fraction", "What a toy is good for.") for name in ("score", "validation_accuracy")}


def work(cell):
    return Work(1e9, products=1e3)


@cache
def procedure(run):
    """Return the procedure of a run function that measures what the toy does."""
    return Procedure(run.__qualname__, run, MEASURED, work)


TOY = procedure(toy)


def experiment(name="table", seeds=5, run=toy, rates=(0.1, 0.2, 0.3)):
    grid = Grid([Cell(method, rate) for method in ("a", "b") for rate in rates], seeds)
    return Experiment(name, "Table 9", procedure(run), smoke=grid, full=grid)


CLAIMS = """
papers:
  toy: A toy paper
claims:
  - id: toy/order
    source: Table 9
    statement: a beats b
    unit: fraction
    smoke:
      kind: order
      gate: reproduced
      reason: it always does
      above: {experiment: table, metric: score, cell: {method: a}}
      below: {experiment: table, metric: score, cell: {method: b}}
      along: {rate: [0.1, 0.3]}
      assumed: {effect: 0.1, spread: 0.01, reason: it always shows}
    full: {untestable: a toy has no full tier}
  - id: toy/value
    source: Table 9
    statement: a scores 0.8
    unit: fraction
    reported: {mean: 0.8, spread: 0.001, spread_is: sd, seeds: 5, resolution: 0.01}
    smoke:
      kind: value
      gate: no-deviation
      reason: a wide band
      quantity: {experiment: table, metric: score, cell: {method: a, rate: 0.1}}
      margin: 0.02
      images: 10000
    full: {untestable: a toy has no full tier}
  - id: toy/never
    source: Table 9
    statement: nobody can tell
    unit: none
    untestable: nothing measures it
"""


def never(*arguments):
    """Stand for what a declaration needs and its test does not run."""
    raise AssertionError("this is not to be run")


def package_of(*experiments):
    return Package("toy", experiments, lambda results: [])


def study_of(*experiments, tier=Tier.SMOKE, replicates=DECLARED):
    return Study(package_of(*experiments), tier, experiments, replicates)


def told(judged, claims, tier=Tier.SMOKE, name="toy", origins=MappingProxyType({}), notes=()):
    """Return the report of findings."""
    return Report(name, tier, claims, judged, origins, notes)


@pytest.fixture
def request_for(tmp_path):
    def make(package=None, tier=Tier.SMOKE, only=(), replicates=DECLARED, scale=1.0, **fields):
        asked = study(package or package_of(experiment()), tier, only, replicates, scale)
        here = {"results": tmp_path / "results", "environment": Environment(torch.device("cpu"), Path("data"))}
        return Request(asked, **here | fields)

    return make


@pytest.fixture
def _grouped_everywhere(monkeypatch):
    """Let a GPU stack convolutions as a CPU does, so that both compute the same bits."""
    monkeypatch.setattr(stacking, "unfolds", lambda device: False)


@pytest.fixture
def toy_package(tmp_path, monkeypatch):
    """A package of one experiment whose expectations file can be written with `claims`."""
    CALLS.clear()
    BROKEN.clear()
    monkeypatch.setenv("COLUMNS", "500")
    path = tmp_path / "expectations.yaml"
    path.write_text(CLAIMS)
    monkeypatch.setattr("common.reproduce.path_of", lambda name: path)
    package = package_of(experiment())
    return package, path


@pytest.fixture
def full_toy(toy_package):
    """The toy package with a claim in the full tier, which no run of it can fail."""
    package, path = toy_package
    full = (
        "full: {kind: order, gate: none, reason: r,"
        " above: {experiment: table, metric: score, cell: {method: a, rate: 0.1}},"
        " below: {experiment: table, metric: score, cell: {method: b, rate: 0.1}}}"
    )
    path.write_text(CLAIMS.replace("full: {untestable: a toy has no full tier}", full, 1))
    return package
