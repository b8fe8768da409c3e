"""What an interrupted run left behind: groups of jobs that were begun, with how far they came."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.experiment import Environment, Job
from common.pipeline.record import Store
from common.train.checkpoint import SUFFIX, CheckpointFile, Owner, owner_of

CHECKPOINTS = "checkpoints"
"""The folder beside the records that holds what unfinished groups of jobs go on from."""


def checkpoint_of(group: Sequence[Job], store: Store, environment: Environment) -> CheckpointFile:
    """Return the file of a group, with what it holds."""
    return CheckpointFile(store.folder / CHECKPOINTS, _owner(group, environment), environment.checkpoint_seconds)


def begun(jobs: Sequence[Job], missing: Sequence[Job], store: Store, environment: Environment) -> Iterator[list[Job]]:
    """Yield the groups that an interrupted run began and did not finish, in the same company as then.

    What networks of one program compute depends, in the last bits, on their company. Checkpoints that are damaged or
    were made by other code are deleted with a line on stderr. Others that do not fit are left alone: they belong to
    another device, other experiments or other seeds. `missing` are those of the jobs that have no record.
    """
    by_key = {job.key: job for job in jobs}
    code = {job.fields["run"]: job.code for job in jobs}
    open_keys = {job.key for job in missing}
    for path in sorted((store.folder / CHECKPOINTS).glob(f"*{SUFFIX}")):
        try:
            owner = owner_of(path)
        except ValueError as error:
            _delete(path, f"it is damaged ({error})")
            continue
        left = open_keys & set(owner.jobs)
        if owner.code != code.get(owner.run, owner.code):
            _delete(path, "it was made by other code")
        elif set(owner.jobs) <= by_key.keys() and owner.device == environment.device.type:
            open_keys -= left
            if left:
                yield [by_key[key] for key in owner.jobs]
            else:
                path.unlink()


def _owner(group: Sequence[Job], environment: Environment) -> Owner:
    first = group[0]
    return Owner(first.fields["run"], first.code, environment.device.type, tuple(job.key for job in group))


def _delete(path: Path, why: str) -> None:
    path.unlink(missing_ok=True)
    print(f"checkpoint {path} deleted: {why}; its jobs start anew", file=sys.stderr)
