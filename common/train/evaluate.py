"""Accuracy and loss of trained networks, batched and off the training path."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

BATCH = 2048


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Switch a network to evaluation mode and back to the mode it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of right answers on images [N, C, H, W] with labels [N]; NaN if outputs are not finite.

    Running statistics of BatchNorm are used, not changed.
    """
    with evaluation_mode(model):
        correct = torch.zeros((), dtype=torch.long, device=images.device)
        finite = torch.ones((), dtype=torch.bool, device=images.device)
        for start in range(0, len(images), BATCH):
            logits = model(images[start : start + BATCH])
            finite &= logits.isfinite().all()
            correct += (logits.argmax(1) == labels[start : start + BATCH]).sum()
    return correct.item() / len(images) if finite.item() else float("nan")
