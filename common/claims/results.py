"""Step 4: records into arrays, one number a seed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.claims import cells
from common.claims.strict_yaml import Scalar
from common.experiment import Experiment, Grid, Job, Metrics, Tier
from common.run.record import DamagedError, Record, Store
from common.study import Study

Array = NDArray[np.float64]


class Failed(Exception):  # noqa: N818
    """The numbers asked for cannot be trusted; the message says why."""


@dataclass(frozen=True)
class Results:
    """Everything measured so far.

    `study` says what should exist, `records` what does, and `errors` holds the message of each job that failed in this
    run, `damaged` what is wrong with each record that is not whole, `older` are jobs whose records are of other code.
    """

    study: Study
    records: Mapping[Job, Record] = field(default_factory=dict)
    errors: Mapping[Job, str] = field(default_factory=dict)
    damaged: Mapping[Job, str] = field(default_factory=dict)
    older: Collection[Job] = ()
    _indices: dict[tuple[str, ...], cells.Index] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def experiments(self) -> Mapping[str, Experiment]:
        """The experiments asked for, by name."""
        return self.study.experiments

    @property
    def tier(self) -> Tier:
        """The tier of all of it."""
        return self.study.tier

    def cell(self, experiment: str, where: Mapping[str, Scalar]) -> Any:
        """Return the one cell of an experiment whose fields have the given values; else raise Failed and say why."""
        found = self.cells(experiment, where)
        if len(found) == 1:
            return found[0]
        many = f"{len(found)} cells of {experiment} ({self.tier}) fit {cells.conditions(where)}; one is needed"
        raise Failed(f"{many}: {cells.told_apart(found) if found else self.misfit(experiment, where)}")

    def misfit(self, experiment: str, where: Mapping[str, Scalar]) -> str:
        """Return why no cell of an experiment fits, naming the fields or the values that there are."""
        return cells.misfit(self.grid(experiment).cells, where)

    def cells(self, experiment: str, where: Mapping[str, Scalar]) -> list[Any]:
        """Return all cells of an experiment whose fields have the given values, in their order."""
        fields = (experiment, *where)
        if fields not in self._indices:
            self._indices[fields] = cells.index(self.grid(experiment).cells, tuple(where))
        return self._indices[fields].get(tuple(where.values()), [])

    def values(self, experiment: str, where: Mapping[str, Scalar], metric: str) -> Array:
        """Return one cell's metric, [seeds].

        Raises Failed where a job failed or its record is damaged or not there, the cell or the metric does not exist,
        or a value is not finite.
        """
        return self._values(experiment, self.cell(experiment, where), metric)

    def table(self, experiment: str, where: Mapping[str, Scalar], metric: str) -> Array:
        """Return the metric of all cells that fit, [seeds, cells]; raise Failed as `values` does."""
        fitting = self.cells(experiment, where)
        return np.stack([self._values(experiment, cell, metric) for cell in fitting], axis=1)

    def _values(self, experiment: str, cell: Any, metric: str) -> Array:
        return np.array([self._value(job, metric) for job in self.jobs(experiment, cell)])

    def on_curve(self, experiment: str, where: Mapping[str, Scalar], curve: str, index: int) -> Array:
        """Return one cell's curve at an index that counts from 1, [seeds]; raise Failed as `values` does.

        A curve that was not recorded, or ends before the index, is such a failure.
        """
        jobs = self.jobs(experiment, self.cell(experiment, where))
        return np.array([self._on_curve(job, curve, index) for job in jobs])

    def complete(self, experiment: str) -> bool:
        """Tell whether an experiment was asked for and has all its records."""
        declared = self.experiments.get(experiment)
        jobs = declared.jobs(self.tier, self.study.replicates) if declared else []
        return bool(jobs) and all(job in self.records for job in jobs)

    def seeds(self, experiment: str) -> range:
        """Return the seeds asked for of an experiment."""
        return self.study.replicates.of(self.grid(experiment).seeds)

    def grid(self, experiment: str) -> Grid:
        """Return what an experiment declares in this tier."""
        return self.experiments[experiment].grid(self.tier)

    def jobs(self, experiment: str, cell: Any) -> list[Job]:
        """Return one cell's jobs, one a seed."""
        return [self.experiments[experiment].job(cell, seed) for seed in self.seeds(experiment)]

    def of(self, experiment: str, cell: Any) -> list[Record]:
        """Return one cell's records, one a seed; raise KeyError where one is missing."""
        return [self.records[job] for job in self.jobs(experiment, cell)]

    def _value(self, job: Job, metric: str) -> float:
        scalars = self._metrics(job, metric).scalars
        if metric not in scalars:
            raise Failed(f"job {job} has no metric '{metric}'; it has {', '.join(scalars)}")
        if not np.isfinite(scalars[metric]):
            raise Failed(f"job {job} diverged: {metric} is {scalars[metric]}")
        return scalars[metric]

    def _on_curve(self, job: Job, curve: str, index: int) -> float:
        curves = self._metrics(job, curve).curves
        if curve not in curves:
            raise Failed(f"job {job} has no curve '{curve}'; it has {', '.join(curves) or 'none'}")
        if index > len(curves[curve]):
            raise Failed(f"job {job}: the curve '{curve}' has {len(curves[curve])} points, none with index {index}")
        number = curves[curve][index - 1]
        if not np.isfinite(number):
            raise Failed(f"job {job} diverged: {curve} is {number} at index {index}")
        return number

    def _metrics(self, job: Job, name: str) -> Metrics:
        """Return what a job measured; raise Failed where there is nothing to trust, or the name was withheld."""
        if job in self.errors:
            raise Failed(f"job {job} failed: {self.errors[job]}")
        if job in self.damaged:
            raise Failed(f"the record of job {job} is damaged ({self.damaged[job]}); run it again")
        if job in self.older:
            raise Failed(f"the record of job {job} is of other code; a run makes it anew")
        if job not in self.records:
            raise Failed(f"job {job} has no record; run it first")
        metrics = self.records[job].metrics
        if name in metrics.withheld:
            raise Failed(f"job {job}: {metrics.withheld[name]}")
        return metrics


def aggregate(study: Study, jobs: Sequence[Job], store: Store, errors: Mapping[str, str]) -> Results:
    """Read the records of all jobs and leave their files as they are; `errors` are those of jobs that failed, by key.

    Raises UsageError where a record cannot be read.
    """
    records, damaged = {}, {}
    for job in jobs:
        try:
            record = store.look(job)
        except DamagedError as damage:
            damaged[job] = str(damage)
        else:
            if record is not None:
                records[job] = record
    failed = {job: errors[job.key] for job in jobs if job.key in errors}
    older = store.older(job for job in jobs if job not in records and job not in damaged)
    return Results(study, records, failed, damaged, older)
