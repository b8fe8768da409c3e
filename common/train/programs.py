"""Which jobs train together: those whose networks stack, as far as they are alike; all others one after another."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from torch import nn

from common.experiment import Job, Measured, Metrics
from common.run.call import Call
from common.train.checkpoint import Checkpoint
from common.train.stacking import stackable

Train = Callable[[Sequence[Job], Checkpoint], Iterable[Measured]]
"""Trains jobs as one program, from their own part of a checkpoint, and measures each."""


def all_alike(job: Job) -> Hashable:
    """Return what jobs of one setting have in common, where all of them make up one program."""
    return None


def in_programs(
    jobs: Sequence[Job], call: Call, model: nn.Module, train: Train, alike: Callable[[Job], Hashable] = all_alike
) -> Iterator[Measured]:
    """Train all jobs of a call, whose networks are like `model`, and yield each with what it measured, in their order.

    Networks that stack on the device train in as few programs as there are values of `alike`, and are measured when all
    programs are done. The others are yielded one by one: what was recorded before an interruption is not trained again,
    and training is forgotten as soon as it is recorded.
    """
    if not stackable(model, call.device):
        for job in jobs:
            part = call.checkpoint.part(job.key)
            yield from call.known(job) or train([job], part)
            part.clear()
        return
    programs: dict[Hashable, list[Job]] = {}
    for job in jobs:
        programs.setdefault(alike(job), []).append(job)
    measured: dict[Job, Metrics] = {}
    for number, members in enumerate(programs.values()):
        measured |= train(members, call.checkpoint.part(str(number)))
    yield from ((job, measured[job]) for job in jobs)
