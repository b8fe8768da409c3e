"""Accuracy and loss of trained networks, batched and off the training path."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from common.datasets.resident import Stored

BATCH = 2048
STACK_BATCH = 128  # images of each network at once where a GPU evaluates a stack, for all of them share its memory


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
def accuracy(model: nn.Module, images: Stored, labels: Tensor, index: Tensor | None = None) -> float:
    """Return the share of right answers on images [N, C, H, W] with labels [N], or on those that `index` [n] names.

    NaN if outputs are not finite. Running statistics of BatchNorm are used, not changed.
    """
    chosen = torch.arange(len(images), device=images.device) if index is None else index.to(images.device)
    with evaluation_mode(model):
        correct = torch.zeros((), dtype=torch.long, device=images.device)
        finite = torch.ones((), dtype=torch.bool, device=images.device)
        for part in torch.split(chosen, BATCH):
            logits = model(images[part])
            finite &= logits.isfinite().all()
            correct += (logits.argmax(1) == labels[part]).sum()
    return correct.item() / len(chosen) if finite.item() else float("nan")
