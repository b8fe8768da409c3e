"""What a command would run, its state and its time, without a device or data."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tabulate import SEPARATING_LINE, tabulate

from common.experiment import Job
from common.machine import device_name
from common.plan.cost import ASSUMED, predicted
from common.plan.probe import cached
from common.reproduce import Request
from common.run.call import Environment
from common.run.expand import expand
from common.run.group import groups
from common.run.origins import device_of
from common.run.progress import duration
from common.run.record import DamagedError, Record, Store
from common.run.resume import left_behind, whole
from common.run.stale import mention, stale

HEADERS = ("experiment", "source", "jobs", "done", "shared", "to run", "begun", "time", "times from")


def plan(request: Request) -> str:
    """Return a table with one row for each experiment, and the total time.

    A job that an earlier row has already is counted as shared: it runs once. Of the jobs to run, those are begun whose
    group an interrupted run left a checkpoint of. Nothing on disk changes. Times are predicted by the model of
    `common.plan.cost`; where this device has finished jobs of an experiment, by the measured time of these as a
    multiple of the predicted one.
    """
    asked, store, environment = request.study, request.store, request.environment
    jobs = expand(asked)
    found = {job.key: _record(store, job) for job in jobs}
    device, probe = device_name(environment.device), cached(environment, request.results)
    speeds = probe.speeds if probe else ASSUMED[environment.device.type]
    measured = {key: record.wall_seconds for key, record in found.items() if record and device_of(record) == device}
    whole = predicted(jobs, speeds, environment.device)
    missing = [job for job in jobs if found[job.key] is None]
    left = predicted(missing, speeds, environment.device)
    begun = _begun(jobs, missing, store, environment)
    rows: list[list[object] | str] = []
    owner: dict[str, str] = {}
    for experiment in asked.chosen:
        own = experiment.jobs(asked.tier, asked.replicates)
        correction = Correction.of([job.key for job in own], whole, measured)
        new = [job for job in own if owner.setdefault(job.key, experiment.name) == experiment.name]
        to_run = [job.key for job in new if found[job.key] is None]
        left |= {key: correction.seconds(left[key]) for key in to_run}
        time = duration(sum(left[key] for key in to_run) / environment.workers)
        counts = (len(own), len(new) - len(to_run), len(own) - len(new), len(to_run), len(begun & {*to_run}))
        basis = "its records" if correction.jobs else "the probe" if probe else "assumed speeds"
        rows.append([experiment.name, experiment.source, *counts, time, basis if to_run else ""])
    lengths = [sum(left[job.key] for job in group) for group in groups(missing, environment.device)]
    total = makespan(lengths, environment.workers)
    rows += [
        SEPARATING_LINE,
        ["total", "", len(jobs), len(jobs) - len(missing), "", len(missing), len(begun), duration(total), ""],
    ]
    at_once = f"{environment.workers} processes" if environment.workers > 1 else "one process"
    source = (
        f"a probe of {probe.device} on {probe.date}"
        if probe
        else f"speeds assumed of any {environment.device.type}; --plan --probe measures this one in 20 s"
    )
    unread = mention(stale(asked, store), store)
    return (
        f"{tabulate(rows, HEADERS, disable_numparse=True, colalign=_ALIGNED)}\n\n"
        f"times: {at_once} on {device}, from {source}\n"
        "they leave out loading data and starting; a row is its share of all processes, while in the total the longest "
        "groups of jobs keep a process each; jobs that were begun count in full, however far they came"
        f"{unread and chr(10)}{unread}"
    )


def _record(store: Store, job: Job) -> Record | None:
    """Return a job's record, or None where there is none that a run would keep."""
    try:
        return store.look(job)
    except DamagedError:
        return None


def _begun(jobs: Sequence[Job], missing: Sequence[Job], store: Store, environment: Environment) -> set[str]:
    """Return the jobs, by key, which have no record but a whole checkpoint of their group to go on from."""
    return {
        key
        for found in left_behind(jobs, missing, store, environment)
        if found.left and whole(found.path)
        for key in found.left
    }


_ALIGNED = ("left", "left", "right", "right", "right", "right", "right", "right", "left")


@dataclass(frozen=True)
class Correction:
    """What finished jobs say of the others of their experiment: their number, and their times beside the model's."""

    jobs: int
    measured: float
    predicted: float

    @staticmethod
    def of(keys: Iterable[str], predicted: Mapping[str, float], measured: Mapping[str, float]) -> "Correction":
        """Compare the measured jobs among `keys` with their predictions."""
        done = [key for key in keys if key in measured]
        return Correction(len(done), sum(measured[key] for key in done), sum(predicted[key] for key in done))

    def seconds(self, predicted: float) -> float:
        """Return the time of another job; the mean of the finished ones where the model counts no work."""
        if not self.jobs:
            return predicted
        return predicted * self.measured / self.predicted if self.predicted else self.measured / self.jobs


def makespan(lengths: Sequence[float], workers: int) -> float:
    """Return when all are done, where the longest start first and every worker takes one at a time."""
    busy = [0.0] * max(1, min(workers, len(lengths)))
    for length in sorted(lengths, reverse=True):
        heapq.heappush(busy, heapq.heappop(busy) + length)
    return max(busy)
