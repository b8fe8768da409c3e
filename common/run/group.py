"""Which jobs run in one call: those that may train as one program, as many as a device takes."""

from collections.abc import Iterator, Sequence

import torch

from common.experiment import Job
from common.machine import memory_of
from common.work import Work

FEW = 20  # jobs of one call: enough to hide the overhead of a step, few enough for a CPU's caches
MANY = 200  # jobs that a GPU trains as one program: their steps cost one launch together
SHARE = 0.6  # of a GPU's memory for them; the rest is for images, and for what the estimate leaves out


def groups(jobs: Sequence[Job], device: torch.device) -> Iterator[list[Job]]:
    """Yield jobs of one procedure and one setting together, no more than fit the device's memory by their work.

    A job that does not fit even alone is yielded alone. Jobs that are trained as the same one, since both were
    shortened to it, run together and count once.
    """
    together: dict[object, list[Job]] = {}
    for job in jobs:
        together.setdefault((job.procedure, job.cell.setting), []).append(job)
    for members in together.values():
        most, trained = _most([job.work for job in members], device), as_trained(members)
        distinct = list(trained.values())
        for start in range(0, len(distinct), most):
            yield [job for same in distinct[start : start + most] for job in same]


def as_trained(jobs: Sequence[Job]) -> dict[Job, list[Job]]:
    """Return jobs by what they are trained as: one that was shortened may be the same as another."""
    found: dict[Job, list[Job]] = {}
    for job in jobs:
        found.setdefault(job.trained, []).append(job)
    return found


def _most(works: Sequence[Work], device: torch.device) -> int:
    """Return how many jobs of one setting run together; the largest of them decides what fits."""
    if device.type not in frozenset.intersection(*(work.stacks for work in works)) or device.type == "cpu":
        return FEW
    memory, largest = memory_of(device), max(work.memory for work in works)
    if memory is None or not largest:
        return MANY
    return min(MANY, max(1, int(SHARE * memory / largest)))
