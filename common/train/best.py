"""The best state of each run of a program so far; with a patience, this is early stopping."""

import torch
from torch import Tensor

from common.train.program import Program
from common.train.states import State, copy_into


class Best:
    """Each run's best state by a score, all on the device.

    `score` and `moment` are [R]: the best score so far and when it was reached, in the caller's count; a run without a
    score above minus infinity yet has moment -1. `last` [R] is the latest moment that counts for a run, and `training`
    [R] says whether it still trains: without patience for ever. Ties go to the earlier moment; NaN is never better.
    """

    def __init__(self, program: Program, patience: int | None = None) -> None:
        """Begin with the program's present state. Raises ValueError for a patience below 1."""
        if patience is not None and patience < 1:
            raise ValueError(f"a patience of {patience} epochs never trains: it is at least 1")
        device = next(iter(program.parameters.values())).device
        self.program, self.patience = program, patience
        self.score = torch.full((program.runs,), -torch.inf, device=device)
        self.moment = torch.full((program.runs,), -1, device=device)
        self.last = torch.zeros_like(self.moment)
        self.training = torch.ones(program.runs, dtype=torch.bool, device=device)
        self.state = program.state()

    def see(self, score: Tensor, moment: int) -> None:
        """Take in the scores [R] of the program's present state.

        With a patience, a run stops training once so many moments have passed since its best one, or since 0. What its
        neighbours make it compute after that counts for nothing.
        """
        better = self.training & (score > self.score)
        self.score = torch.where(better, score, self.score)
        self.moment.masked_fill_(better, moment)
        self.last.masked_fill_(self.training, moment)
        self.program.keep(better, self.state)
        if self.patience is not None:
            self.training &= self.last - self.moment.clamp(min=0) < self.patience

    def restore(self) -> None:
        """Take every run of the program back to its best state; one that never had a score stays as it is."""
        self.program.restore(self.moment >= 0, self.state)

    def state_dict(self) -> State:
        """Return how far every run has come, and its best state."""
        return {"runs": self._of_runs(), "state": self.state}

    def load_state_dict(self, saved: State) -> None:
        """Go on from there."""
        copy_into(self._of_runs(), saved["runs"])
        copy_into(list(self.state.values()), [saved["state"][name] for name in self.state])

    def _of_runs(self) -> list[Tensor]:
        return [self.score, self.moment, self.last, self.training]
