"""Step 4: records into arrays, one number a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.experiment import Experiment, Job, Replicates, Tier
from common.pipeline import cells
from common.pipeline.record import Record, Store
from common.strict_yaml import Scalar

Array = NDArray[np.float64]


class Failed(Exception):  # noqa: N818
    """The numbers asked for cannot be trusted; the message says why."""


@dataclass(frozen=True)
class Results:
    """Everything measured so far.

    `experiments` and `tier` say what should exist, `records` what does, and `errors` holds the message of each job
    that failed in this run. `replicates` are the seeds asked for.
    """

    experiments: Mapping[str, Experiment]
    tier: Tier
    replicates: Replicates
    records: Mapping[Job, Record]
    errors: Mapping[Job, str]
    _indices: dict[tuple[str, ...], cells.Index] = field(default_factory=dict, init=False, repr=False, compare=False)

    def cell(self, experiment: str, where: Mapping[str, Scalar]) -> Any:
        """Return the one cell of an experiment whose fields have the given values; else raise Failed and say why."""
        found = self.cells(experiment, where)
        if len(found) == 1:
            return found[0]
        many = f"{len(found)} cells of {experiment} ({self.tier}) fit {cells.conditions(where)}; one is needed"
        raise Failed(f"{many}: {cells.told_apart(found) if found else self.misfit(experiment, where)}")

    def misfit(self, experiment: str, where: Mapping[str, Scalar]) -> str:
        """Return why no cell of an experiment fits, naming the fields or the values that there are."""
        return cells.misfit(self.experiments[experiment].cells[self.tier], where)

    def cells(self, experiment: str, where: Mapping[str, Scalar]) -> list[Any]:
        """Return all cells of an experiment whose fields have the given values, in their order."""
        fields = (experiment, *where)
        if fields not in self._indices:
            self._indices[fields] = cells.index(self.experiments[experiment].cells[self.tier], tuple(where))
        return self._indices[fields].get(tuple(where.values()), [])

    def values(self, experiment: str, where: Mapping[str, Scalar], metric: str) -> Array:
        """Return one cell's metric, [seeds].

        Raises Failed where a job failed or has no record, the cell or the metric does not exist, or a value is not
        finite.
        """
        return self._values(experiment, self.cell(experiment, where), metric)

    def table(self, experiment: str, where: Mapping[str, Scalar], metric: str) -> Array:
        """Return the metric of all cells that fit, [seeds, cells]; raise Failed as `values` does."""
        fitting = self.cells(experiment, where)
        return np.stack([self._values(experiment, cell, metric) for cell in fitting], axis=1)

    def _values(self, experiment: str, cell: Any, metric: str) -> Array:
        run = self.experiments[experiment].run
        return np.array([self._value(Job(run, cell, seed), metric) for seed in self.seeds(experiment)])

    def complete(self, experiment: str) -> bool:
        """Tell whether an experiment was asked for and has all its records."""
        declared = self.experiments.get(experiment)
        jobs = declared.jobs(self.tier, self.replicates) if declared else []
        return bool(jobs) and all(job in self.records for job in jobs)

    def seeds(self, experiment: str) -> range:
        """Return the seeds asked for of an experiment."""
        return self.replicates.of(self.experiments[experiment].seeds[self.tier])

    def _value(self, job: Job, metric: str) -> float:
        if job in self.errors:
            raise Failed(f"job {job} failed: {self.errors[job]}")
        if job not in self.records:
            raise Failed(f"job {job} has no record of the present code and settings; run it first")
        scalars, withheld = self.records[job].metrics.scalars, self.records[job].metrics.withheld
        if metric in withheld:
            raise Failed(f"job {job}: {withheld[metric]}")
        if metric not in scalars:
            raise Failed(f"job {job} has no metric '{metric}'; it has {', '.join(scalars)}")
        if not np.isfinite(scalars[metric]):
            raise Failed(f"job {job} diverged: {metric} is {scalars[metric]}")
        return scalars[metric]


def aggregate(
    experiments: Sequence[Experiment],
    tier: Tier,
    replicates: Replicates,
    jobs: Sequence[Job],
    store: Store,
    errors: Mapping[str, str],
) -> Results:
    """Read the records of all jobs; `errors` are those of jobs that failed, by key."""
    records = {job: record for job in jobs if (record := store.read(job)) is not None}
    failed = {job: errors[job.key] for job in jobs if job.key in errors}
    return Results({e.name: e for e in experiments}, tier, replicates, records, failed)
