"""Step 2: run the jobs that have no record yet, in groups that may train as one program."""

import gc
import hashlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import torch
from tqdm import tqdm

from common.errors import UsageError
from common.experiment import Job, Metrics, Procedure, plain
from common.provenance import provenance
from common.run.call import Call, Environment
from common.run.group import groups
from common.run.record import Record, Store
from common.run.resume import begun, checkpoint_of
from common.run.workers import Died, in_processes
from common.train.checkpoint import Checkpoint
from common.train.precision import multiplying, used
from common.work import Work

QUIET_SECONDS = 10.0  # between two lines of progress where the output is not a terminal


def run_missing(
    jobs: Sequence[Job],
    work: Mapping[str, Work],
    seconds: Mapping[str, float],
    store: Store,
    environment: Environment,
) -> dict[str, str]:
    """Run every job without a record and return the errors of those that failed, by key.

    `work`, by key, says how many jobs fit the device together. `seconds`, by key, weighs them: groups that were begun
    before start first, then the longest, and the time left follows from it. A job that fails takes no other with it;
    jobs that are done when the run is interrupted keep their records.
    """
    missing = [job for job in jobs if store.read(job) is None]
    again = list(begun(jobs, missing, store, environment))
    company = {job for group in again for job in group}
    fresh = groups([job for job in missing if job not in company], work, environment.device)
    todo = again + sorted(fresh, key=lambda group: -sum(seconds[job.key] for job in group))
    errors: dict[str, str] = {}
    with Progress(len(missing), sum(seconds[job.key] for job in missing)) as progress:
        unfinished = {job.key for job in missing}

        def done(job: Job) -> None:
            if job.key in unfinished:
                progress.advance(seconds[job.key])

        workers = min(environment.workers, len(todo))
        if workers < 2:
            for group in todo:
                errors |= run_group(group, store, environment, done)
        else:
            with closing(_in_workers(todo, store, environment, workers)) as finished:
                for group, failed in finished:
                    errors |= failed
                    for job in group:
                        done(job)
    return errors


def _in_workers(
    todo: Sequence[list[Job]], store: Store, environment: Environment, workers: int
) -> Generator[tuple[list[Job], dict[str, str]], None, None]:
    """Run groups in processes of one thread each and yield every group with its errors when it is done.

    Small networks gain more from two processes than from two threads, and threads that wait for each other
    at every operation are slowed many times over by anything else that runs on the machine. A group whose process
    died is tried once more when the others are done, alone on the machine.
    """
    code = {group[0].procedure: group[0].procedure.code for group in todo}
    run = partial(_run_group_of, code=code, store=store, environment=environment)
    modules = [group[0].procedure.run.__module__ for group in todo]
    lost = []
    with closing(in_processes(run, todo, workers, modules)) as outcomes:
        for group, outcome in outcomes:
            if isinstance(outcome, Died):
                lost.append(group)
                print(
                    f"a process died that ran {len(group)} jobs, the first {group[0]}: {outcome.cause}; "
                    "they are tried once more, alone, when the others are done",
                    file=sys.stderr,
                )
            else:
                yield group, outcome
    for group in lost:
        with closing(in_processes(run, [group], 1, modules)) as outcomes:
            for _, outcome in outcomes:
                yield group, _lost(group, outcome.cause, store) if isinstance(outcome, Died) else outcome


def _run_group_of(
    group: Sequence[Job], code: Mapping[Procedure, str], store: Store, environment: Environment
) -> dict[str, str]:
    """Run a group in a process of its own; raise UsageError where the code is not that of the parent any more."""
    if group[0].procedure.code != code[group[0].procedure]:
        raise UsageError("the code changed on disk while it ran: what is done is kept; start the command again")
    return run_group(group, store, environment)


def _lost(group: Sequence[Job], cause: str, store: Store) -> dict[str, str]:
    """Return the errors of the jobs of a group whose process died twice; its checkpoint stays to go on from."""
    unfinished = [job for job in group if store.read(job) is None]
    for job in unfinished:
        print(f"failed: {job}", file=sys.stderr)
    return {job.key: f"its process died twice: {cause}" for job in unfinished}


def run_group(
    group: Sequence[Job], store: Store, environment: Environment, done: Callable[[Job], None] = lambda job: None
) -> dict[str, str]:
    """Run jobs together, write each one's record, and return the errors of those that failed, by key.

    Where the group fails as a whole, its unfinished jobs run again one at a time, or, where memory was too small, in
    halves; no job is changed by that but for rounding. A line on stderr says so, and why.
    """
    failure = _attempt(group, store, environment, done)
    if failure is None:
        return {}
    unfinished = [job for job in group if store.read(job) is None]
    if len(unfinished) > 1:
        parts = [run_group(part, store, environment, done) for part in _parts(unfinished, failure)]
        return {key: message for part in parts for key, message in part.items()}
    print(failure.trace, end="", file=sys.stderr)
    for job in unfinished:  # one, or none where all had their records
        print(f"failed: {job}", file=sys.stderr)
        done(job)
    return {job.key: failure.message for job in unfinished}


@dataclass(frozen=True)
class Failure:
    """What ended a group, without the error itself: that would hold on to all that its frames hold, networks too."""

    message: str
    trace: str
    out_of_memory: bool

    @staticmethod
    def of(error: Exception) -> "Failure":
        """Describe an error in one line, and where it came from in a few."""
        short = any(_lacks_memory(one) for one in _chain(error))
        advice = "; a job that fails alone needs a GPU with more memory, or is left out with --only" if short else ""
        message = " ".join(f"{type(error).__name__}: {error}{advice}".split())
        return Failure(message, "".join(traceback.format_exception(error, limit=-3)), short)


def _lacks_memory(error: BaseException) -> bool:
    """Tell whether memory was too small, also for a graph or a library's workspace, which torch does not allocate."""
    words = str(error).lower() if isinstance(error, RuntimeError) else ""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "alloc_failed" in words


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those during which it came up: a capture that memory cuts off ends with another error."""
    while error is not None:
        yield error
        error = error.__context__


def _attempt(
    group: Sequence[Job], store: Store, environment: Environment, done: Callable[[Job], None]
) -> Failure | None:
    """Run jobs together; return what went wrong."""
    checkpoint = checkpoint_of(group, store, environment)
    try:
        checkpoint.begin()
        _run_together(
            group, store, environment.call(Checkpoint(checkpoint, checkpoint.tree), _measured(group, store)), done
        )
    except UsageError:
        raise
    except Exception as error:
        checkpoint.remove()
        return Failure.of(error)
    checkpoint.remove()
    return None


def _parts(jobs: Sequence[Job], failure: Failure) -> list[Sequence[Job]]:
    """Return which jobs are to run together after their group failed."""
    if not failure.out_of_memory:
        print(f"{len(jobs)} jobs together failed, so each runs by itself: {failure.message}", file=sys.stderr)
        return [[job] for job in jobs]
    print(f"not enough memory for {len(jobs)} jobs together: they go on in halves", file=sys.stderr)
    gc.collect()
    torch.cuda.empty_cache()
    middle = (len(jobs) + 1) // 2
    return [jobs[:middle], jobs[middle:]]


def _run_together(group: Sequence[Job], store: Store, call: Call, done: Callable[[Job], None]) -> None:
    precision = getattr(group[0].cell.setting, "precision", "fp32")
    where = {"device": _device(call.device), "precision": used(precision, call.device)}
    procedure, left = group[0].procedure, _as_trained(group)
    started = time.perf_counter()
    with multiplying(precision, call.device):
        for trained, metrics in procedure.run(list(left), call):
            _require_sound(trained, metrics, left)
            now = time.perf_counter()
            seconds = now - started if metrics.seconds is None else metrics.seconds
            for job in left.pop(trained):
                if trained.key not in call.measured:
                    store.write(job, Record(metrics, seconds, provenance() | where | {"together": together(group)}))
                    done(job)
            started = now
    if left:
        missing = ", ".join(sorted(str(job) for job in left))
        raise UnsoundError(f"procedure '{procedure.name}' measured nothing of {len(left)} jobs: {missing}")


def _as_trained(group: Sequence[Job]) -> dict[Job, list[Job]]:
    """Return jobs by what they are trained as: one that was shortened may be the same as another."""
    found: dict[Job, list[Job]] = {}
    for job in group:
        found.setdefault(job.trained, []).append(job)
    return found


class UnsoundError(Exception):
    """A procedure gave something other than what it declares: a mistake in its code."""


def _require_sound(job: Job, metrics: Metrics, left: Collection[Job]) -> None:
    """Raise UnsoundError where a job was not asked for or is done already, or its metrics are not those declared."""
    if job not in left:
        raise UnsoundError(f"procedure '{job.procedure.name}' measured {job}, which was not asked for or is done")
    if problem := job.procedure.problem(metrics):
        raise UnsoundError(problem)


def _measured(group: Sequence[Job], store: Store) -> dict[str, Metrics]:
    """Return what is recorded of jobs that are trained, by the keys of what they are trained as."""
    found = {trained.key: [store.read(job) for job in jobs] for trained, jobs in _as_trained(group).items()}
    return {key: records[0].metrics for key, records in found.items() if records[0] is not None and None not in records}


def together(group: Sequence[Job]) -> str:
    """Return a name for the company that a job trained in; in other company it may round differently.

    It hashes cells and seeds, not where the run function stands, so that renamed code keeps the name.
    """
    return hashlib.sha256(json.dumps([[plain(job.cell), job.seed] for job in group]).encode()).hexdigest()[:16]


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


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
