"""Early stopping of runs that train together: each has its own best epoch, and its own end."""

import torch
from torch import Tensor

from common.train.checkpoint import State, copy_into
from common.train.program import Program


class EarlyStopping:
    """The best epoch of each run of a program so far, by validation loss, and which runs still train, on the device.

    `best_loss` and `best_epoch` are [R]; epochs count from 1, and 0 stands for a run without a finite loss yet.
    `epochs` [R] counts how many epochs each run has trained. Ties go to the earlier epoch.
    """

    def __init__(self, program: Program, patience: int, device: torch.device) -> None:
        """Begin with the program's present state. Raises ValueError for a patience below 1."""
        if patience < 1:
            raise ValueError(f"a patience of {patience} epochs never trains: it is at least 1")
        self.program, self.patience = program, patience
        self.best_loss = torch.full((program.runs,), torch.inf, device=device)
        self.best_epoch = torch.zeros(program.runs, dtype=torch.long, device=device)
        self.epochs = torch.zeros_like(self.best_epoch)
        self.training = torch.ones(program.runs, dtype=torch.bool, device=device)
        self.state = program.state()

    def update(self, losses: Tensor) -> Tensor:
        """Take in the validation losses [R] after one more epoch; return which runs still train, bool [R].

        A run stops once its loss has not improved for `patience` epochs. What its neighbours make it compute after that
        counts for nothing.
        """
        self.epochs += self.training.long()
        better = self.training & (losses < self.best_loss)
        self.best_loss = torch.where(better, losses, self.best_loss)
        self.best_epoch = torch.where(better, self.epochs, self.best_epoch)
        self.program.keep(better, self.state)
        self.training &= self.epochs - self.best_epoch < self.patience
        return self.training

    def state_dict(self) -> State:
        """Return how far every run has come, and its best state."""
        return {"runs": self._of_runs(), "best": self.state}

    def load_state_dict(self, saved: State) -> None:
        """Go on from there."""
        copy_into(self._of_runs(), saved["runs"])
        copy_into(list(self.state.values()), [saved["best"][name] for name in self.state])

    def _of_runs(self) -> list[Tensor]:
        return [self.best_loss, self.best_epoch, self.epochs, self.training]

    def restore(self) -> None:
        """Take every run back to its best epoch; one that never had a finite loss stays as it is."""
        self.program.restore(self.best_epoch > 0, self.state)
