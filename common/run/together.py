"""Which jobs trained together: networks with convolutions round differently beside others."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

import torch

from common.cell import plain
from common.experiment import Job
from common.machine import device_name
from common.run.expand import expand
from common.run.group import groups
from common.run.record import Record
from common.study import Study


def together(group: Sequence[Job]) -> str:
    """Return a name for jobs that train together; beside others, each of them may round differently.

    It hashes cells and seeds, not where the run function stands, so that renamed code keeps the name.
    """
    return hashlib.sha256(json.dumps([[plain(job.cell), job.seed] for job in group]).encode()).hexdigest()[:16]


def trained_otherwise(records: Mapping[Job, Record], study: Study, device: torch.device) -> str:
    """Return a sentence about records that trained beside other jobs than in one run of all, "" for none."""
    apart = apart_from_one_run(records, expand(study.whole), device)
    if not apart:
        return ""
    return (
        f"{len(apart)} of {len(records)} records were trained beside other jobs than in one run of all, such as "
        f"{apart[0]}: where networks have convolutions, their last digits differ from that run's"
    )


def apart_from_one_run(records: Mapping[Job, Record], jobs: Sequence[Job], device: torch.device) -> list[Job]:
    """Return the jobs whose records come from a group other than one run of all `jobs` makes on this device.

    Records of another device are left out: its groups are of another size.
    """
    expected = _names(groups(jobs, device))
    here = "cpu" if device.type == "cpu" else device_name(device)
    return [
        job
        for job, record in records.items()
        if record.provenance.get("device") == here and record.provenance.get("together") != expected.get(job)
    ]


def _names(grouped: Iterable[Sequence[Job]]) -> dict[Job, str]:
    return {job: name for group in grouped for name in [together(group)] for job in group}
