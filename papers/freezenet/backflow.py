"""Equation 2: where nothing flows back through a layer, no weight before it has a gradient."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F

from common.experiment import Experiment, Grid, Job, Measured, Metric, Metrics, Procedure
from common.models.weights import weight_tensors
from common.run.call import Call
from papers.freezenet.random_images import LENET_300_100, Cell, case, nothing


def zero_backflow(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Make the gradient at one layer's output zero and measure what is left before it (Eq. 2)."""
    for job in jobs:
        found = case(job.cell, job.seed)
        *before, last = weight_tensors(found.model).values()
        with torch.no_grad():
            last.zero_()
        loss = F.cross_entropy(found.model(found.inputs), found.targets)
        gradients = torch.autograd.grad(loss, before)
        yield job, Metrics({"largest_gradient_before": max(float(g.abs().max()) for g in gradients)})


BACKFLOW_CHECK = Procedure(
    "backflow",
    zero_backflow,
    {"largest_gradient_before": Metric("none", "Largest weight gradient before a layer that passes none back.")},
    nothing,
)
GRID = Grid((Cell(LENET_300_100, "standard", 0.0),))

BACKFLOW = Experiment("backflow", "Eq. 2", BACKFLOW_CHECK, GRID, GRID)
