"""Classifier warm-up: train W alone until validation stands still, then W and theta together (Section 6.4)."""

import torch
from torch import Tensor

from common.train.states import State, copy_into

PATIENCE = 10  # steps without progress, after which a run switches
PROGRESS = 100  # the reciprocal of the validation accuracy that counts as progress: one percent


class WarmUp:
    """The switching rule for R runs that validate after every step.

    A run switches when ten successive steps bring no validation accuracy at least one percentage point above the best
    one accepted so far. `warming`, bool [R], says which runs still train W alone.
    """

    def __init__(self, runs: int, images: int, device: torch.device) -> None:
        """Start with every run warming up; `images` is the number of validation images."""
        self.images = images
        self.accepted = torch.full((runs,), -images, device=device)
        self.stale = torch.zeros_like(self.accepted)
        self.warming = torch.ones(runs, dtype=torch.bool, device=device)
        self.switched_at = torch.full_like(self.accepted, -1)

    def see(self, correct: Tensor, step: int) -> None:
        """Take in the numbers of right answers after `step` updates, [R]."""
        progress = (correct - self.accepted) * PROGRESS >= self.images
        self.accepted = torch.where(progress, correct, self.accepted)
        self.stale = torch.where(progress, 0, self.stale + 1)
        switching = self.warming & (self.stale >= PATIENCE)
        self.switched_at.masked_fill_(switching, step)
        self.warming = self.warming & ~switching

    def state_dict(self) -> State:
        """Return how far every run has come."""
        return {"runs": self._of_runs()}

    def load_state_dict(self, saved: State) -> None:
        """Go on from there."""
        copy_into(self._of_runs(), saved["runs"])

    def _of_runs(self) -> list[Tensor]:
        return [self.accepted, self.stale, self.warming, self.switched_at]
