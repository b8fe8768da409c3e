"""Step 2: run the jobs that have no record yet, in groups that may train as one program."""

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial

from common.errors import UsageError
from common.experiment import Job, Procedure
from common.run.attempt import run_group
from common.run.call import Environment
from common.run.group import groups
from common.run.progress import Progress
from common.run.record import Store
from common.run.resume import begun
from common.run.workers import Died, in_processes


def run_missing(
    jobs: Sequence[Job], seconds: Mapping[str, float], store: Store, environment: Environment
) -> dict[str, str]:
    """Run every job without a record and return the errors of those that failed, by key.

    `seconds`, by key, weighs the jobs: groups that were begun before start first, then the longest, and the time left
    follows from it. A job that fails takes no other with it; jobs that are done when the run is interrupted keep their
    records.
    """
    missing = [job for job in jobs if store.read(job) is None]
    again = list(begun(jobs, missing, store, environment))
    taken = {job for group in again for job in group}
    fresh = groups([job for job in missing if job not in taken], environment.device)
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
