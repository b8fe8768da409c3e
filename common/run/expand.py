"""Step 1: experiments into jobs. Pure, so a plan needs neither a device nor data."""

from collections.abc import Sequence
from dataclasses import replace

from common.errors import UsageError
from common.experiment import DECLARED, Experiment, Grid, Job, Replicates, Tier


def select(experiments: Sequence[Experiment], only: Sequence[str]) -> list[Experiment]:
    """Return the experiments named, or all of them; raise UsageError for a name that does not exist."""
    known = {experiment.name: experiment for experiment in experiments}
    for name in only:
        if name not in known:
            raise UsageError(f"unknown experiment '{name}'; there are: {', '.join(known)}")
    return [known[name] for name in known if not only or name in only]


def expand(experiments: Sequence[Experiment], tier: Tier, replicates: Replicates = DECLARED) -> list[Job]:
    """Return every job once, in order of declaration; jobs that experiments share are one job.

    Raises UsageError where two jobs differ in nothing that their keys are made of.
    """
    jobs: dict[str, Job] = {}
    for experiment in experiments:
        for job in experiment.jobs(tier, replicates):
            if jobs.setdefault(job.key, job) != job:
                raise UsageError(
                    f"{job} of {experiment.name} differs from another job in its classes alone, not in a field: give "
                    "what differs a name"
                )
    return list(jobs.values())


def scaled(experiments: Sequence[Experiment], scale: float) -> list[Experiment]:
    """Return experiments whose cells have another scale in both tiers, where they have one."""
    return [replace(e, smoke=_scaled(e.smoke, scale), full=_scaled(e.full, scale)) for e in experiments]


def _scaled(grid: Grid, scale: float) -> Grid:
    return replace(grid, cells=[replace(cell, scale=scale) if hasattr(cell, "scale") else cell for cell in grid.cells])
