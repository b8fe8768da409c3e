"""One call of a run function: every job is recorded as soon as it is done."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

import torch

from common.datasets import hashes_of
from common.experiment import Job, Metrics
from common.provenance import provenance
from common.run.call import Call
from common.run.group import as_trained
from common.run.record import Record, Store
from common.run.together import together
from common.train.precision import multiplying, used


def run_recorded(group: Sequence[Job], store: Store, call: Call, done: Callable[[Job], None]) -> None:
    """Run jobs together and write each one's record; call `done` after each.

    Raises UnsoundError where their procedure measures something other than it declares, and whatever it raises.
    """
    precision = getattr(group[0].cell.setting, "precision", "fp32")
    where = {"device": _device(call.device), "precision": used(precision, call.device)}
    procedure, left = group[0].procedure, as_trained(group)
    started = time.perf_counter()
    with multiplying(precision, call.device):
        for trained, metrics in procedure.run(list(left), call):
            _require_sound(trained, metrics, left)
            now = time.perf_counter()
            seconds = now - started if metrics.seconds is None else metrics.seconds
            same = left.pop(trained)
            made = provenance() | where | {"together": together(group), "data": hashes_of(trained.cell)}
            for job in same:
                if trained.key not in call.measured:
                    store.write(job, Record(metrics, seconds / len(same), made))
                    done(job)
            started = now
    if left:
        missing = ", ".join(sorted(str(job) for job in left))
        raise UnsoundError(f"procedure '{procedure.name}' measured nothing of {len(left)} jobs: {missing}")


class UnsoundError(Exception):
    """A procedure gave something other than what it declares: a mistake in its code."""


def _require_sound(job: Job, metrics: Metrics, left: Collection[Job]) -> None:
    """Raise UnsoundError where a job was not asked for or is done already, or its metrics are not those declared."""
    if job not in left:
        raise UnsoundError(f"procedure '{job.procedure.name}' measured {job}, which was not asked for or is done")
    if problem := job.procedure.problem(metrics):
        raise UnsoundError(problem)


def measured(group: Sequence[Job], store: Store) -> Mapping[str, Metrics]:
    """Return what is recorded of jobs that are trained, by the keys of what they are trained as."""
    found = {trained.key: [store.read(job) for job in jobs] for trained, jobs in as_trained(group).items()}
    return {key: records[0].metrics for key, records in found.items() if records[0] is not None and None not in records}


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
