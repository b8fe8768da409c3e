"""Step 1: experiments into jobs. Pure, so a plan needs neither a device nor data."""

from collections.abc import Sequence

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
