"""Step 1: experiments into jobs. Pure, so a plan needs neither a device nor data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from common.errors import UsageError
from common.experiment import DECLARED, Experiment, Job, Replicates, Tier


def select(experiments: Sequence[Experiment], only: Sequence[str]) -> list[Experiment]:
    """Return the experiments named, or all of them; raise UsageError for a name that does not exist."""
    known = {experiment.name: experiment for experiment in experiments}
    for name in only:
        if name not in known:
            raise UsageError(f"unknown experiment '{name}'; there are: {', '.join(known)}")
    return [known[name] for name in known if not only or name in only]


def expand(experiments: Sequence[Experiment], tier: Tier, replicates: Replicates = DECLARED) -> list[Job]:
    """Return every job once, in order of declaration; jobs that experiments share are one job."""
    jobs: dict[str, Job] = {}
    for experiment in experiments:
        for job in experiment.jobs(tier, replicates):
            jobs.setdefault(job.key, job)
    return list(jobs.values())


def scaled(cells: Mapping[Tier, Sequence[Any]], scale: float) -> dict[Tier, tuple[Any, ...]]:
    """Return the cells of both tiers with another scale, where they have one."""
    return {
        tier: tuple(replace(cell, scale=scale) if hasattr(cell, "scale") else cell for cell in declared)
        for tier, declared in cells.items()
    }
