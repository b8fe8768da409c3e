"""Step 4: records into arrays, one number a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.experiment import Experiment, Job, Replicates, Tier, plain
from common.pipeline.record import Record, Store
from common.strict_yaml import Scalar

Array = NDArray[np.float64]


class NotRun(Exception):  # noqa: N818
    """The numbers asked for have not been measured (yet); the message says what is missing."""


class Failed(Exception):  # noqa: N818
    """The numbers asked for cannot be trusted; the message says why."""


@dataclass(frozen=True)
class Results:
    """Everything measured so far.

    `experiments` and `tier` say what should exist, `records` what does, by job key, and `errors` holds the
    message of each job that failed in this run. `replicates` are the seeds
    asked for.
    """

    experiments: Mapping[str, Experiment]
    tier: Tier
    replicates: Replicates
    records: Mapping[str, Record]
    errors: Mapping[str, str]

    def cell(self, experiment: str, where: Mapping[str, Scalar]) -> Any:
        """Return the one cell of an experiment whose fields have the given values; else raise Failed."""
        found = [c for c in self.experiments[experiment].cells[self.tier] if matches(c, where)]
        if len(found) != 1:
            wanted = ", ".join(f"{name} = {value}" for name, value in where.items()) or "no condition"
            raise Failed(f"{len(found)} cells of {experiment} ({self.tier}) fit {wanted}; one is needed")
        return found[0]

    def values(self, experiment: str, where: Mapping[str, Scalar], metric: str) -> Array:
        """Return one cell's metric, [seeds].

        Raises NotRun where a job has no record, Failed where a job failed, the cell or the metric does
        not exist, or a value is not finite.
        """
        declared = self.experiments[experiment]
        cell = self.cell(experiment, where)
        return np.array([self._value(Job(declared.run, cell, seed), metric) for seed in self.seeds(experiment)])

    def seeds(self, experiment: str) -> range:
        """Return the seeds asked for of an experiment."""
        return self.replicates.of(self.experiments[experiment].seeds[self.tier])

    def _value(self, job: Job, metric: str) -> float:
        if job.key in self.errors:
            raise Failed(f"job {job} failed: {self.errors[job.key]}")
        if job.key not in self.records:
            raise NotRun(f"job {job} has no record")
        scalars = self.records[job.key].metrics.scalars
        if metric not in scalars:
            raise Failed(f"job {job} has no metric '{metric}'; it has {', '.join(scalars)}")
        if not np.isfinite(scalars[metric]):
            raise Failed(f"job {job} diverged: {metric} is {scalars[metric]}")
        return scalars[metric]


def matches(cell: Any, where: Mapping[str, Scalar]) -> bool:
    """Tell whether a cell has the given field values; `setting.name` reaches into its setting."""
    fields = plain(cell)

    def value(name: str) -> Any:
        inner: Any = fields
        for part in name.split("."):
            inner = inner.get(part, _ABSENT) if isinstance(inner, dict) else _ABSENT
        return inner

    return all(value(name) == wanted for name, wanted in where.items())


_ABSENT = object()


def aggregate(
    experiments: Sequence[Experiment],
    tier: Tier,
    replicates: Replicates,
    jobs: Sequence[Job],
    store: Store,
    errors: Mapping[str, str],
) -> Results:
    """Read the records of all jobs."""
    records = {job.key: record for job in jobs if (record := store.read(job)) is not None}
    return Results({e.name: e for e in experiments}, tier, replicates, records, errors)
