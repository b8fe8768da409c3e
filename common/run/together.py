"""Which jobs trained together: networks with convolutions round differently beside others."""

from collections.abc import Iterable, Mapping, Sequence

import torch

from common.experiment import Job
from common.machine import device_name
from common.run.group import groups
from common.run.record import Record
from common.run.run import together
from common.work import Work


def in_other_company(
    records: Mapping[Job, Record], jobs: Sequence[Job], work: Mapping[str, Work], device: torch.device
) -> list[Job]:
    """Return the jobs whose records come from a group other than one run of all `jobs` makes on this device.

    Records of another device are left out: its groups are of another size.
    """
    expected = _companies(groups(jobs, work, device))
    here = "cpu" if device.type == "cpu" else device_name(device)
    return [
        job
        for job, record in records.items()
        if record.provenance.get("device") == here and record.provenance.get("together") != expected.get(job)
    ]


def _companies(grouped: Iterable[Sequence[Job]]) -> dict[Job, str]:
    return {job: name for group in grouped for name in [together(group)] for job in group}


def mention(jobs: Sequence[Job], of: int) -> str:
    """Return a sentence about jobs in other company, among so many records, "" for none."""
    if not jobs:
        return ""
    return (
        f"{len(jobs)} of {of} records were trained beside other jobs than in one run of all, such as {jobs[0]}: where "
        "networks have convolutions, their last digits differ from that run's"
    )
