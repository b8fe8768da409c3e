"""The nouns of the suite: what is declared, what is run, what comes out."""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from common.models.operations import Work
from common.provenance import code_fingerprint
from common.train.checkpoint import NOWHERE, Checkpoint


class Tier(StrEnum):
    """Two values of the same experiment: tiny on a CPU, or at the paper's scale."""

    SMOKE = "smoke"
    FULL = "full"


class Cell(Protocol):
    """One entry of a table: a frozen dataclass of plain values, with the named setting it runs on.

    Cells with equal settings may be trained together, so the setting holds what they must share
    (data set, model, recipe).
    """

    @property
    def setting(self) -> Hashable:
        """What the cells of one group share."""
        ...


@dataclass(frozen=True)
class Metrics:
    """What one job measured.

    `scalars` holds one number a name; a NaN says that training diverged. `curves` holds one number an
    epoch (or step) a name. `seconds` is the job's share of a program that trained several jobs at once;
    None where the job ran by itself. `withheld` says, by name, why a number must not be read: its claims are errors.
    """

    scalars: Mapping[str, float]
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """Where jobs run: the device, the folders of data sets and weights, and how many processes train at once.

    Training is saved every `checkpoint_seconds` (None: never). In a call of a run function, `checkpoint` is where its
    training goes on from and saves to, and `measured` holds, by key, jobs of the call that have a record already.
    """

    device: torch.device
    data_dir: Path
    workers: int = 1
    weights_dir: Path | None = None
    checkpoint_seconds: float | None = None
    checkpoint: Checkpoint = field(default=NOWHERE, compare=False)
    measured: Mapping[str, Metrics] = field(default_factory=dict, compare=False)

    @property
    def weights(self) -> Path:
        """Return the folder of pretrained weights: `weights_dir`, else "weights" among the data sets."""
        return self.weights_dir or self.data_dir / "weights"

    def known(self, job: "Job") -> list[Metrics]:
        """Return what a job measured before this call was interrupted, or nothing: then it has to be trained."""
        return [self.measured[job.key]] if job.key in self.measured else []


Run = Callable[[Sequence["Job"], Environment], Iterable[Metrics]]


@dataclass(frozen=True)
class Job:
    """A cell and a seed. Equal jobs of two experiments are the same job and run once.

    The key hashes every field of the cell, defaults included, and the code that the run function rests
    on, so a changed default or a changed algorithm never meets an old result.
    """

    run: Run
    cell: Any
    seed: int

    @cached_property
    def key(self) -> str:
        """Return 16 hexadecimal digits that name the job."""
        text = json.dumps({"code": self.code, **self.fields}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def code(self) -> str:
        """Return a hash of the code that the run function rests on."""
        return _fingerprint(self.run)

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Return the plain fields behind the key."""
        run = f"{self.run.__module__}.{self.run.__qualname__}"
        return {"run": run, "cell": plain(self.cell), "seed": self.seed}

    def __str__(self) -> str:
        return f"{describe(self.cell)}, seed {self.seed} ({self.key})"


@dataclass(frozen=True)
class Replicates:
    """Which seeds to run: `count` of them, or as many as each experiment declares, from `first` on.

    The declared seeds are 0, 1, ...; another `first` gives fresh ones and leaves them alone.
    """

    first: int = 0
    count: int | None = None

    def of(self, declared: int) -> range:
        """Return the seeds of an experiment that declares this many."""
        return range(self.first, self.first + (declared if self.count is None else self.count))


DECLARED = Replicates()


@dataclass(frozen=True)
class Experiment:
    """One table or figure: its source, its grid of cells and its number of seeds for each tier.

    `run` takes jobs whose cells share a setting and yields one `Metrics` per job, in order; `metrics`
    names the scalars that it measures. `work` estimates what one job asks of a device, for the plan.
    """

    name: str
    source: str
    run: Run
    metrics: Sequence[str]
    cells: Mapping[Tier, Sequence[Any]]
    seeds: Mapping[Tier, int]
    work: Callable[[Any], Work]

    def jobs(self, tier: Tier, replicates: Replicates = DECLARED) -> list[Job]:
        """Return cells x seeds."""
        return [Job(self.run, cell, seed) for cell in self.cells[tier] for seed in replicates.of(self.seeds[tier])]


def plain(cell: Any) -> dict[str, Any]:
    """Return a cell's fields as JSON values, nested dataclasses as nested mappings."""
    fields: dict[str, Any] = json.loads(json.dumps(asdict(cell), default=str))
    return fields


def describe(cell: Any) -> str:
    """Return the cell's own fields in one line, its setting by name."""
    parts = [f"{name}={getattr(value, 'name', value)}" for name, value in vars(cell).items() if value is not None]
    return ", ".join(parts)


@cache
def _fingerprint(run: Run) -> str:
    return code_fingerprint(run.__module__)
