"""Step 1: a study into jobs. Pure, so a plan needs neither a device nor data."""

from common.errors import UsageError
from common.experiment import Job
from common.study import Study


def expand(study: Study) -> list[Job]:
    """Return every job once, in order of declaration; jobs that experiments share are one job.

    Raises UsageError where two jobs differ in nothing that their keys are made of.
    """
    jobs: dict[str, Job] = {}
    for experiment in study.chosen:
        for job in experiment.jobs(study.tier, study.replicates):
            if jobs.setdefault(job.key, job) != job:
                raise UsageError(
                    f"{job} of {experiment.name} differs from another job in its classes alone, not in a field: give "
                    "what differs a name"
                )
    return list(jobs.values())
