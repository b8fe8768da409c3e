"""Step 2: run the jobs that have no record yet, in groups that may train as one program."""

import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence

import torch
from tqdm import tqdm

from common.errors import UsageError
from common.experiment import Environment, Job
from common.pipeline.record import Record, Store
from common.provenance import provenance

GROUP = 20  # jobs of one call: enough to hide the overhead of a step, few enough for the caches
QUIET_SECONDS = 10.0  # between two lines of progress where the output is not a terminal


def run_missing(
    jobs: Sequence[Job], work: Mapping[str, float], store: Store, environment: Environment
) -> dict[str, str]:
    """Run every job without a record and return the errors of those that failed, by key.

    `work` weighs the jobs, by key, for the time left. A job that fails takes no other with it; jobs that
    are done when the run is interrupted keep their records.
    """
    missing = [job for job in jobs if store.read(job) is None]
    errors: dict[str, str] = {}
    with Progress(len(missing), sum(work[job.key] for job in missing)) as progress:
        for group in groups(missing):
            try:
                for job in _run_group(group, store, environment):
                    progress.advance(work[job.key])
            except (UsageError, KeyboardInterrupt):
                raise
            except Exception:
                for job in group:
                    if store.read(job) is None:
                        errors |= _run_alone(job, store, environment)
                        progress.advance(work[job.key])
    return errors


def groups(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Yield jobs of one run function and one setting together, at most `GROUP` at once."""
    together: dict[object, list[Job]] = {}
    for job in jobs:
        together.setdefault((job.run, job.cell.setting), []).append(job)
    for members in together.values():
        for start in range(0, len(members), GROUP):
            yield members[start : start + GROUP]


def _run_group(group: Sequence[Job], store: Store, environment: Environment) -> Iterator[Job]:
    """Yield each job when its record is written."""
    started = time.perf_counter()
    for job, metrics in zip(group, group[0].run(group, environment), strict=True):
        now = time.perf_counter()
        seconds = now - started if metrics.seconds is None else metrics.seconds
        store.write(job, Record(metrics, seconds, provenance() | {"device": _device(environment)}))
        started = now
        yield job


def _run_alone(job: Job, store: Store, environment: Environment) -> dict[str, str]:
    """Run one job of a group that failed; return its error, if it is the one, by key."""
    try:
        for _ in _run_group([job], store, environment):
            pass
    except (UsageError, KeyboardInterrupt):
        raise
    except Exception as error:
        traceback.print_exc(limit=-3, file=sys.stderr)
        print(f"failed: {job}", file=sys.stderr)
        return {job.key: f"{type(error).__name__}: {error}"}
    return {}


def _device(environment: Environment) -> str:
    if environment.device.type == "cuda":
        return torch.cuda.get_device_name(environment.device)
    return environment.device.type


class Progress:
    """A bar with the time left on a terminal; elsewhere a line now and then."""

    def __init__(self, jobs: int, work: float) -> None:
        self.jobs, self.done = jobs, 0
        self.started = self.spoken = time.perf_counter()
        self.work, self.worked = work, 0.0
        self.bar = tqdm(total=jobs, unit="job", disable=not (jobs and sys.stderr.isatty()), dynamic_ncols=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def advance(self, work: float) -> None:
        """Count one job as done."""
        self.done += 1
        self.worked += work
        now = time.perf_counter()
        left = (self.work - self.worked) / self.worked * (now - self.started) if self.worked else 0.0
        self.bar.set_postfix_str(f"about {duration(left)} left")
        self.bar.update()
        if self.bar.disable and (now - self.spoken > QUIET_SECONDS or self.done == self.jobs):
            self.spoken = now
            tail = f"about {duration(left)} left" if self.done < self.jobs else "done"
            print(
                f"{self.done} of {self.jobs} jobs in {duration(now - self.started)}, {tail}",
                file=sys.stderr,
                flush=True,
            )


def duration(seconds: float) -> str:
    """Return a length of time as people say it: 8 s, 3 min, 2.5 h, 1.2 days."""
    for limit, unit, digits in ((90, "s", 0), (90 * 60, "min", 0), (36 * 3600, "h", 1)):
        if seconds < limit:
            return f"{seconds / {'s': 1, 'min': 60, 'h': 3600}[unit]:.{digits}f} {unit}"
    return f"{seconds / 86400:.1f} days"
