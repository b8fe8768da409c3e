"""The nouns of the suite: what is declared, what is run, what comes out."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from common.cell import describe, plain, problems_of
from common.code_hash import code_hash, digests
from common.errors import UsageError
from common.work import Work

UNITS = ("fraction", "count", "kilobytes", "ratio", "seconds", "none")


class Tier(StrEnum):
    """Two values of the same experiment: tiny on a CPU, or at the paper's scale."""

    SMOKE = "smoke"
    FULL = "full"


@dataclass(frozen=True)
class Metrics:
    """What one job measured.

    `scalars` holds one number a name; a NaN says that training diverged. `curves` holds one number an
    epoch (or step) a name. `seconds` is the job's share of a program that trained several jobs at once;
    None where the job ran by itself. `withheld` says, by name, why a number is not there or must not be
    read: its claims are errors.
    """

    scalars: Mapping[str, float]
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)


Measured = tuple["Job", Metrics]
"""A finished job with what it measured."""

Run = Callable[[Sequence["Job"], Any], Iterable[Measured]]
"""Runs jobs whose cells share a setting, and yields each of them once, with what it measured, as soon as it is done.

It is given a `common.run.call.Call`: the device, the folders of data and weights, and where its training goes on from.
"""


@dataclass(frozen=True)
class Metric:
    """A number that jobs measure: its unit, one of UNITS, and one sentence that says what it is."""

    unit: str
    sentence: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UsageError(f"unknown unit '{self.unit}' of a metric; there are: {', '.join(UNITS)}")


def as_it_is(cell: Any, share: float) -> Any:
    """Return a cell that trains nothing, and so has no length."""
    return cell


@dataclass(frozen=True)
class Procedure:
    """How jobs of a paper run, what they measure, and what one asks of a device.

    `name` is the procedure's own within its package, and part of every job's key: it outlives moves and renames of the
    code. `metrics` declares all scalars that `run` measures; what a job cannot measure it withholds with a reason.
    `work` estimates one job by its cell, for the plan. `shorten` returns the cell as it is trained
    for a share of its declared length. Raises UsageError where the declaration is not sound.
    """

    name: str
    run: Run
    metrics: Mapping[str, Metric] = field(compare=False)
    work: Callable[[Any], Work] = field(compare=False)
    shorten: Callable[[Any, float], Any] = field(default=as_it_is, compare=False)

    def __post_init__(self) -> None:
        for function in (self.run, self.work, self.shorten):
            if function.__module__ == "__main__" or "<" in function.__qualname__:
                raise UsageError(
                    f"procedure '{self.name}': worker processes do not find {function.__qualname__}: it must be a "
                    "function of a module, not of a script or inside another function"
                )

    @property
    def code(self) -> str:
        """Return a hash of the code that the procedure rests on."""
        return code_hash(self.run.__module__)

    @property
    def files(self) -> dict[str, str]:
        """Return that code's files, each with a digest."""
        return digests(self.run.__module__)

    def problem(self, metrics: Metrics) -> str:
        """Return why metrics are not those that are declared, or nothing."""
        found = {*metrics.scalars, *metrics.withheld}
        if unknown := sorted(found - self.metrics.keys()):
            return f"procedure '{self.name}' does not declare what was measured: {', '.join(unknown)}"
        if missing := sorted(self.metrics.keys() - found):
            return f"procedure '{self.name}' declares what was neither measured nor withheld: {', '.join(missing)}"
        return ""


@dataclass(frozen=True)
class Job:
    """A cell and a seed. Equal jobs of two experiments are the same job and run once.

    The key hashes every field of the cell, defaults included, so a changed default never meets an old result. `scale`
    is the share of its declared length that the cell is trained for, and `as_trained` tells that it is shortened
    already. The code that the job rests on stands in its
    record: a record of other code is older, never current.
    """

    procedure: Procedure
    cell: Any
    seed: int
    scale: float = 1.0
    as_trained: bool = False

    @cached_property
    def key(self) -> str:
        """Return 16 hexadecimal digits that name the job."""
        text = json.dumps(self.fields, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Return the plain fields behind the key."""
        return {
            "procedure": self.procedure.name,
            "cell": plain(self.cell),
            "seed": self.seed,
            "scale": self.scale,
        }

    @cached_property
    def work(self) -> Work:
        """What the job asks of a device."""
        return self.procedure.work(self.trained.cell)

    @property
    def trained(self) -> "Job":
        """Return the job with its cell as it is trained; several jobs may become the same one."""
        if self.scale == 1.0 or self.as_trained:
            return self
        return replace(self, cell=self.procedure.shorten(self.cell, self.scale), as_trained=True)

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
class Grid:
    """What one tier of an experiment runs: every cell with so many seeds.

    Raises UsageError where a cell is not a frozen dataclass of hashable fields with a `setting`, is declared twice, or
    where there is no seed.
    """

    cells: Sequence[Any]
    seeds: int = 1

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise UsageError(f"a grid with {self.seeds} seeds: at least one is needed")
        for cell in {type(cell): cell for cell in self.cells}.values():
            for problem in problems_of(cell):
                raise UsageError(f"cells of type {type(cell).__name__} {problem}")
        seen: set[Any] = set()
        for cell in self.cells:
            if cell in seen:
                raise UsageError(f"a grid declares this cell twice: {describe(cell)}")
            seen.add(cell)


NOTHING = Grid(())
"""The grid of a tier in which an experiment runs nothing."""


@dataclass(frozen=True)
class Experiment:
    """One table or figure: its source, the procedure that its jobs run, and a grid of cells and seeds for each tier.

    `scale` is the share of the declared length that its cells train for.
    """

    name: str
    source: str
    procedure: Procedure
    smoke: Grid = NOTHING
    full: Grid = NOTHING
    scale: float = 1.0

    def grid(self, tier: Tier) -> Grid:
        """Return the grid of a tier."""
        return self.smoke if tier is Tier.SMOKE else self.full

    def jobs(self, tier: Tier, replicates: Replicates = DECLARED) -> list[Job]:
        """Return cells x seeds."""
        grid = self.grid(tier)
        return [self.job(cell, seed) for cell in grid.cells for seed in replicates.of(grid.seeds)]

    def job(self, cell: Any, seed: int) -> Job:
        """Return the job of a cell and a seed."""
        return Job(self.procedure, cell, seed, self.scale)

    def at_scale(self, share: float) -> "Experiment":
        """Return the experiment shortened to a share of its length; what trains nothing stays as it is."""
        return self if self.procedure.shorten is as_it_is else replace(self, scale=share)
