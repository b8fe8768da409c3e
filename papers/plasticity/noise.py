"""The noise of the gradients early in tuning, of which Section 3 conjectures that pretraining lowers it."""

from collections.abc import Iterable

import torch
from torch import Tensor

from common.train.program import Program
from common.train.stages import Data

EARLY = 5  # epochs of tuning, before each of which the noise is measured


def gradient_noise(program: Program, batches: Iterable[Tensor], data: Data) -> Tensor:
    """Return how far the gradients of batches lie from their mean, [R]: the root of the trace of their covariance.

    `batches` holds indices int64 [R, B], two batches or more. Gradients are those that a step would take, with
    BatchNorm in training mode; the program is left as it was.
    """
    kept = program.state()
    program.module.train()
    total, squares = [torch.zeros_like(p) for p in program.parameters.values()], []
    for batch in batches:
        gradients = program.gradients(program.losses(data.images[batch], data.labels[batch]))
        squares.append(_square(gradients, program.runs))
        total = [own + gradient for own, gradient in zip(total, gradients, strict=True)]
    program.load(kept)
    count = len(squares)
    mean = _square([own / count for own in total], program.runs)
    return ((torch.stack(squares).sum(0) - count * mean) / (count - 1)).clamp(min=0.0).sqrt()


def _square(gradients: Iterable[Tensor], runs: int) -> Tensor:
    """Return the squared length of every run's gradient, [R]."""
    return torch.stack([gradient.reshape(runs, -1).square().sum(1) for gradient in gradients]).sum(0)
