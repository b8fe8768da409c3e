"""A smooth transition from half of the data to all of it, image by image (Figure 3, Section A.2)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

RATE = 50.0  # of the exponent, over the whole of training


def share_of_all(step: float, steps: int, gamma: float) -> float:
    """Return p(n) = 1 - gamma^(50 n / N), with which an image of step n of N is drawn from the full training set."""
    return 1.0 - float(gamma ** (RATE * step / steps))


def require(gamma: float) -> None:
    """Raise ValueError for a gamma outside [0, 1)."""
    if not 0.0 <= gamma < 1.0:
        raise ValueError(f"gamma = {gamma}: it lies in [0, 1); 0 draws from all images from the second step on")


def smooth_epochs(
    half: Tensor, full: Tensor, gammas: Sequence[float], epochs: int, batch_size: int, seeds: Sequence[int]
) -> Iterator[Tensor]:
    """Yield every epoch's batches [steps, R, B]; an epoch has as many steps as one pass through all images.

    Every image is drawn on its own, with replacement: with probability p(n) from full [R, n], else from half [R, h].
    """
    steps = full.shape[1] // batch_size
    if not steps:
        raise ValueError(f"{full.shape[1]} images do not fill a batch of {batch_size}")
    device = full.device
    draws = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    for epoch in range(epochs):
        shares = torch.tensor(
            [[share_of_all(epoch * steps + step, epochs * steps, gamma) for gamma in gammas] for step in range(steps)],
            device=device,
        )
        shape = (steps, batch_size)
        picked = []
        for run, draw in enumerate(draws):
            from_all = torch.rand(shape, generator=draw, device=device) < shares[:, run, None]
            of_all = torch.randint(full.shape[1], shape, generator=draw, device=device)
            of_half = torch.randint(half.shape[1], shape, generator=draw, device=device)
            picked.append(torch.where(from_all, full[run][of_all], half[run][of_half]))
        yield torch.stack(picked, dim=1)
