"""The cost model: how long a job takes on a device.

The larger of its arithmetic at the device's rate and its bytes at the device's bandwidth, plus its operator calls.
Matrix products and convolutions have a rate each, which grows with the size of one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from common.experiment import Job
from common.run.group import as_trained, groups
from common.train.stacking import unfolds
from common.work import Work


@dataclass(frozen=True)
class Rate:
    """Operations a second for calls of a small and of a large number of operations.

    In between, the time of a call grows by the same for every operation; outside, the rate stays.
    """

    small: float
    small_rate: float
    large: float
    large_rate: float

    def at(self, operations: float) -> float:
        """Return the rate of calls of so many operations."""
        size = min(max(operations, self.small), self.large)
        least, most = self.small / self.small_rate, self.large / self.large_rate
        return size / (least + (most - least) * (size - self.small) / (self.large - self.small))


@dataclass(frozen=True)
class Speeds:
    """What one process gets of a device while as many as train at once are busy.

    `products` and `convolutions` are in operations a second, `bandwidth` in bytes a second, `call` is the time of one
    operator, in seconds.
    """

    products: Rate
    convolutions: Rate
    bandwidth: float
    call: float

    def seconds(self, work: Work, together: int = 1) -> float:
        """Return the time of a job's work, its share of the calls where `together` jobs train as one program."""
        size = together * work.operations / work.products if work.products else 0.0
        linear = (work.operations - work.convolved) / self.products.at(size)
        arithmetic = linear + work.convolved / self.convolutions.at(size)
        return max(arithmetic, work.bytes / self.bandwidth) + work.calls / together * self.call


ASSUMED = {  # one core of a common server; a common GPU that replays captured steps, without reduced precision
    "cpu": Speeds(Rate(1.4e7, 4e10, 4e9, 6e10), Rate(3e7, 2e10, 2.4e9, 5e10), 8e9, 8e-6),
    "cuda": Speeds(Rate(3.4e7, 2e12, 1e12, 1.5e13), Rate(4e7, 2e12, 6e11, 1.2e13), 1e12, 3e-6),
}


def predicted(jobs: Sequence[Job], speeds: Speeds, device: torch.device) -> dict[str, float]:
    """Return the time of every job on a device in seconds, by key.

    Jobs of a group that stack and have equal work are taken to train as one program.
    """
    seconds: dict[str, float] = {}
    for group in groups(jobs, device):
        trained = as_trained(group)
        beside = Counter(job.work for job in trained if device.type in job.work.stacks)
        for one, same in trained.items():
            each = _seconds(one.work, beside[one.work], speeds, device) / len(same)
            seconds |= {job.key: each for job in same}
    return seconds


def _seconds(work: Work, together: int, speeds: Speeds, device: torch.device) -> float:
    """Return the time of a job in a program of `together` jobs of its kind, of 0 where it trains alone.

    Unfolded convolutions are matrix products.
    """
    if together and unfolds(device):
        work = replace(work, bytes=work.bytes + work.unfolded, convolved=0.0)
    return speeds.seconds(work, together or 1)
