"""What one call of a run function is given, and the environment that it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from common.experiment import Job, Measured, Metrics
from common.train.checkpoint import NOWHERE, Checkpoint


@dataclass(frozen=True)
class Call:
    """Where the jobs of one call run: the device, the folders of data sets and weights.

    `checkpoint` is where their training goes on from and saves to, and `measured` holds, by key, jobs of the call that
    have a record already.
    """

    device: torch.device
    data_dir: Path
    weights: Path = Path("weights")
    checkpoint: Checkpoint = field(default=NOWHERE, compare=False)
    measured: Mapping[str, Metrics] = field(default_factory=dict, compare=False)

    def known(self, job: Job) -> list[Measured]:
        """Return a job with what it measured before this call was interrupted; nothing where it has to be trained."""
        return [(job, self.measured[job.key])] if job.key in self.measured else []


@dataclass(frozen=True)
class Environment:
    """The machine that a command runs on: the device, the folders, and how many processes train at once.

    Training is saved every `checkpoint_seconds` (None: never).
    """

    device: torch.device
    data_dir: Path
    workers: int = 1
    weights_dir: Path | None = None
    checkpoint_seconds: float | None = None

    @property
    def weights(self) -> Path:
        """Return the folder of pretrained weights: `weights_dir`, else "weights" among the data sets."""
        return self.weights_dir or self.data_dir / "weights"

    def call(self, checkpoint: Checkpoint, measured: Mapping[str, Metrics]) -> Call:
        """Return what a call of a run function is given here."""
        return Call(self.device, self.data_dir, self.weights, checkpoint, measured)
