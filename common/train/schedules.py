"""Learning-rate schedules: the factor on the initial rate at a given step."""

from dataclasses import dataclass


def shortened(length: int, share: float) -> int:
    """Return a share of a length, such as a number of epochs: at least 1 where there was any."""
    return max(1, round(share * length)) if length else 0


@dataclass(frozen=True)
class DropEverySteps:
    """Divide the learning rate by ten every `steps` optimisation steps."""

    steps: int

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Return the factor at `step`, counted from 0."""
        return 0.1 ** (step // self.steps)

    def shortened(self, share: float) -> "DropEverySteps":
        """Return the schedule of training that is shortened to a share of its length."""
        return DropEverySteps(shortened(self.steps, share))


@dataclass(frozen=True)
class DropAtEpochs:
    """Divide the learning rate by ten after each of the named epochs."""

    epochs: tuple[int, ...]

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Return the factor at `step`, counted from 0."""
        epoch = step // steps_per_epoch
        return 0.1 ** sum(epoch >= drop for drop in self.epochs)

    def shortened(self, share: float) -> "DropAtEpochs":
        """Return the schedule of training that is shortened to a share of its length."""
        return DropAtEpochs(tuple(shortened(epoch, share) for epoch in self.epochs))


Schedule = DropEverySteps | DropAtEpochs
