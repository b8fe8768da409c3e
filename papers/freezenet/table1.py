"""Table 1: what standard training, pruning before training and FreezeNet ask for, and the time of a step."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from common.experiment import Experiment, Grid, Job, Measured, Metric, Metrics, Procedure
from common.models.weights import parameter_counts, weight_tensors
from common.run.call import Call
from papers.freezenet.masks import apply_pruning
from papers.freezenet.random_images import LENET_300_100, Case, Cell, case, moved_weights, nothing, two_steps


def methods(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Measure the columns of Table 1, and the time of a step."""
    for job in jobs:
        found = case(job.cell, job.seed)
        dense_flow = float(first_layer_gradient(found).norm())
        if job.cell.method == "standard":
            found = replace(found, mask={})  # everything trains
        elif job.cell.method == "pruned":
            apply_pruning(found.model, found.mask)
        flow, seconds = float(first_layer_gradient(found).norm()), step_seconds(found)
        moved = moved_weights(found, two_steps(found))
        used = sum(int((w != 0).sum()) for w in weight_tensors(found.model).values())
        total = parameter_counts(found.model).weights
        yield (
            job,
            Metrics(
                {
                    "total_share": used / total,
                    "stored_share": moved / total,
                    "sparse_gradients": float(any(not part.all() for part in found.mask.values())),
                    "sparse_computation": float(used < total),
                    "gradient_flow": flow / dense_flow,
                    "step_seconds": seconds,
                }
            ),
        )


def first_layer_gradient(found: Case) -> Tensor:
    """Return the gradient of the loss with respect to the first layer's bias: what flows all the way back."""
    loss = F.cross_entropy(found.model(found.inputs), found.targets)
    bias = next(p for name, p in found.model.named_parameters() if name.endswith("bias"))
    (gradient,) = torch.autograd.grad(loss, [bias])
    return gradient


def step_seconds(found: Case, repeats: int = 15) -> float:
    """Return the shortest time of one forward and backward pass."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        loss = F.cross_entropy(found.model(found.inputs), found.targets)
        torch.autograd.grad(loss, list(found.model.parameters()))
        times.append(time.perf_counter() - started)
    return min(times)


METHODS = Procedure(
    "methods",
    methods,
    {
        "total_share": Metric("ratio", "Weights that are not zero, as a share of all."),
        "stored_share": Metric("ratio", "Weights to store since two steps moved them, as a share of all."),
        "sparse_gradients": Metric("ratio", "1 where some weight gradients are not needed, else 0."),
        "sparse_computation": Metric("ratio", "1 where some weights are zero, else 0."),
        "gradient_flow": Metric("ratio", "Norm of the first layer's bias gradient over that of the dense network."),
        "step_seconds": Metric("seconds", "Shortest time of one forward and backward pass."),
    },
    nothing,
)
GRID = Grid(tuple(Cell(LENET_300_100, method, 0.99) for method in ("standard", "pruned", "freezenet")), seeds=8)

TABLE1 = Experiment("table1", "Table 1", METHODS, GRID, GRID)
