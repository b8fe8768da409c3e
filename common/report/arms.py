"""What the arms of a figure measured, gathered from records, as arrays and as means over seeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from common.claims.results import Array, Results
from common.claims.statistics import t_quantile
from common.experiment import Metrics

Runs = Mapping[int, Metrics]
"""What the runs of one arm measured, by seed."""

Arms = Mapping[Any, Runs]
"""What every arm of a figure measured, by its cell as it is trained."""

Spread = tuple[Array, Array]
"""A mean over seeds, and how far its band or error bar reaches on either side; both of one shape."""


def gather(results: Results, experiments: Sequence[str], seeds: int | None = None) -> dict[Any, Runs]:
    """Return what is recorded of all cells of some experiments, of their first `seeds` seeds alone where given.

    Raises KeyError where a record is missing.
    """
    arms: dict[Any, Runs] = {}
    for name in experiments:
        for cell in results.grid(name).cells:
            jobs = results.jobs(name, cell)[:seeds]
            arms[jobs[0].trained.cell] = {job.seed: results.records[job].metrics for job in jobs}
    return arms


def sound(arms: Arms, metric: str) -> tuple[dict[Any, Runs], Counter[str]]:
    """Return the arms with NaN in place of all numbers of a run that lacks a metric, and how many runs lack it, by why.

    A run lacks what it withholds, and what is not finite since training diverged.
    """
    kept: dict[Any, Runs] = {}
    faults: Counter[str] = Counter()
    for cell, runs in arms.items():
        why = {seed: _fault(run, metric) for seed, run in runs.items()}
        kept[cell] = {seed: _blank(run) if why[seed] else run for seed, run in runs.items()}
        faults.update(filter(None, why.values()))
    return kept, faults


def _fault(run: Metrics, metric: str) -> str:
    if metric in run.withheld:
        return "withheld"
    return "" if np.isfinite(run.scalars[metric]) else "diverged"


def _blank(run: Metrics) -> Metrics:
    return Metrics(dict.fromkeys(run.scalars, nan), {name: [nan] * len(own) for name, own in run.curves.items()})


def values(runs: Runs, name: str) -> Array:
    """Return a number of every run, [seeds]; NaN where a run has none."""
    return np.array([run.scalars.get(name, nan) for run in runs.values()])


def curves(runs: Runs, name: str) -> Array:
    """Return a curve of every run, [seeds, points]."""
    return np.array([run.curves[name] for run in runs.values()])


def mean_and_deviation(found: Array) -> Spread:
    """Return the mean over seeds and the standard deviation, from [seeds, ...]; NaN where there are too few seeds.

    A run without any number is left out. A point where another run has no finite number is NaN.
    """
    kept = _kept(found)
    nothing = np.full(found.shape[1:], nan)
    mean = kept.mean(axis=0) if len(kept) else nothing
    return mean, kept.std(axis=0, ddof=1) if len(kept) > 1 else nothing


def mean_and_interval(found: Array) -> Spread:
    """Return the mean over seeds and half the width of its 95 % confidence interval (Student), from [seeds, ...].

    NaN stands where `mean_and_deviation` has it.
    """
    mean, deviation = mean_and_deviation(found)
    seeds = max(len(_kept(found)), 2)
    return mean, t_quantile(0.975, seeds - 1) * deviation / np.sqrt(seeds)


def summary(arms: Arms, cells: Sequence[Any], name: str) -> Spread:
    """Return the mean of a number over seeds and its standard deviation for some cells, both [cells]."""
    found = [mean_and_deviation(values(arms[cell], name)) for cell in cells]
    means, deviations = np.reshape(found, (-1, 2)).T
    return means, deviations


def _kept(found: Array) -> Array:
    """Return the runs that have a number, [seeds, ...], with NaN for what is not finite."""
    finite = np.isfinite(found)
    kept: Array = np.where(finite, found, nan)[finite.any(axis=tuple(range(1, found.ndim)))]
    return kept
