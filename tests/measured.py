"""What a procedure measures of jobs, held against what it declares."""

from pathlib import Path

import torch

from common.experiment import Job
from common.run.call import Call


def measured(procedure, jobs, call):
    """Run jobs and return what each of them measured, in their order."""
    found = dict(procedure.run(jobs, call))
    for metrics in found.values():
        assert procedure.problem(metrics) == ""
    return [found.pop(job) for job in jobs] + list(found)


def of_smoke(experiment, **fields):
    """Return what the first seed of an experiment's first smoke cell with such fields measures, by name."""
    cells = experiment.smoke.cells
    cell = next(cell for cell in cells if all(getattr(cell, name) == value for name, value in fields.items()))
    call = Call(torch.device("cpu"), Path("no data needed"))
    (metrics,) = measured(experiment.procedure, [Job(experiment.procedure, cell, 0)], call)
    return metrics.scalars
