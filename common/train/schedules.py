"""Learning-rate schedules: the factor on the initial rate at a given step."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DropEverySteps:
    """Divide the learning rate by ten every `steps` optimisation steps."""

    steps: int

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Return the factor at `step`, counted from 0."""
        return 0.1 ** (step // self.steps)


@dataclass(frozen=True)
class DropAtEpochs:
    """Divide the learning rate by ten after each of the named epochs."""

    epochs: tuple[int, ...]

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Return the factor at `step`, counted from 0."""
        epoch = step // steps_per_epoch
        return 0.1 ** sum(epoch >= drop for drop in self.epochs)


Schedule = DropEverySteps | DropAtEpochs
