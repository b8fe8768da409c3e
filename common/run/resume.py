"""What an interrupted run left behind: groups of jobs that were begun, with how far they came."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.experiment import Job
from common.run.call import Environment
from common.run.record import Store
from common.train.checkpoint import CheckpointFile
from common.train.state_file import SUFFIX, Owner, owner_of, read

CHECKPOINTS = "checkpoints"
"""The folder beside the records that holds what unfinished groups of jobs go on from."""


def checkpoint_of(group: Sequence[Job], store: Store, environment: Environment) -> CheckpointFile:
    """Return the file of a group, with what it holds."""
    return CheckpointFile(store.folder / CHECKPOINTS, _owner(group, environment), environment.checkpoint_seconds)


@dataclass(frozen=True)
class Abandoned:
    """A checkpoint that a run left behind. `jobs` are those that it is of, where they are among those asked for.

    `unfit` says why it is of no use. `left` are those of its jobs that have no record and are in no checkpoint before.
    A checkpoint that is neither unfit nor of jobs asked for belongs to another device, other experiments or other
    seeds.
    """

    path: Path
    jobs: list[Job]
    left: frozenset[str]
    unfit: str = ""


def begun(jobs: Sequence[Job], missing: Sequence[Job], store: Store, environment: Environment) -> Iterator[list[Job]]:
    """Yield the groups that an interrupted run began and did not finish, with the same jobs together as then.

    What networks of one program compute depends, in the last bits, on those beside them. Checkpoints that are damaged
    or were made by other code are deleted with a line on stderr; those of other jobs are left alone. `missing` are
    those of the jobs that have no record.
    """
    for found in left_behind(jobs, missing, store, environment):
        if found.unfit:
            found.path.unlink(missing_ok=True)
            print(f"checkpoint {found.path} deleted: {found.unfit}; its jobs start anew", file=sys.stderr)
        elif found.left:
            yield found.jobs
        elif found.jobs:
            found.path.unlink()


def left_behind(
    jobs: Sequence[Job], missing: Sequence[Job], store: Store, environment: Environment
) -> Iterator[Abandoned]:
    """Yield all checkpoints beside the records, and leave them as they are; `missing` as above.

    Raises UsageError where one cannot be read.
    """
    by_key = {job.key: job for job in jobs}
    code = {job.procedure.name: job.procedure.code for job in jobs}
    open_keys = {job.key for job in missing}
    for path in _files(store):
        try:
            owner = owner_of(path)
        except ValueError as error:
            yield Abandoned(path, [], frozenset(), f"it is damaged ({error})")
            continue
        if owner.code != code.get(owner.procedure, owner.code):
            yield Abandoned(path, [], frozenset(), "it was made by other code")
        elif set(owner.jobs) <= by_key.keys() and owner.device == environment.device.type:
            own = [by_key[key] for key in owner.jobs]
            if len({(job.procedure, job.cell.setting) for job in own}) != 1 or len(set(own)) < len(own):
                yield Abandoned(path, [], frozenset(), "its jobs do not run together")
                continue
            left = frozenset(open_keys & set(owner.jobs))
            open_keys -= left
            yield Abandoned(path, own, left)
        else:
            yield Abandoned(path, [], frozenset())


def others(store: Store) -> str:
    """Return a sentence about the checkpoints that are there, or nothing where there are none.

    After a run that came to its end they are of other jobs, or of ones whose process died: all others are gone.
    """
    paths = _files(store)
    if not paths:
        return ""
    size = sum(path.stat().st_size for path in paths) / 1e6
    one = len(paths) == 1
    return (
        f"{len(paths)} {'checkpoint' if one else 'checkpoints'} of unfinished jobs ({size:,.1f} MB): this command, or "
        f"one with other seeds, experiments or device, can go on from {'it' if one else 'them'}; if none is to, "
        f"delete {'it' if one else 'them'}: rm {' '.join(shlex.quote(str(path)) for path in paths)}"
    )


def _files(store: Store) -> list[Path]:
    """Return the files that checkpoints may be in; a folder of such a name is none."""
    return sorted(path for path in (store.folder / CHECKPOINTS).glob(f"*{SUFFIX}") if path.is_file())


def whole(path: Path) -> bool:
    """Tell whether training can go on from a checkpoint; all of it is read for that, or UsageError raised."""
    try:
        read(path)
    except ValueError:
        return False
    return True


def _owner(group: Sequence[Job], environment: Environment) -> Owner:
    first = group[0]
    return Owner(first.procedure.name, first.procedure.code, environment.device.type, tuple(job.key for job in group))
