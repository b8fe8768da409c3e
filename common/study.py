"""What is asked for: experiments of one package, in one tier, on some seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from common.errors import UsageError
from common.experiment import DECLARED, Experiment, Replicates, Tier
from common.package import Package


@dataclass(frozen=True)
class Study:
    """The experiments of a package that are asked for, all of them unless some were named, and their seeds."""

    package: Package
    tier: Tier
    chosen: Sequence[Experiment]
    replicates: Replicates = DECLARED

    @cached_property
    def experiments(self) -> Mapping[str, Experiment]:
        """The experiments by name."""
        return {experiment.name: experiment for experiment in self.chosen}

    @property
    def scale(self) -> float:
        """The share of its declared length that training is shortened to."""
        return min((experiment.scale for experiment in self.chosen), default=1.0)

    @property
    def whole(self) -> "Study":
        """The study of all experiments of the package on the same seeds."""
        return replace(self, chosen=self.package.experiments)

    @property
    def part(self) -> str:
        """A sentence that says by which options this is not the declared study, "" for the declared one.

        That is one of all experiments on their declared seeds at full length, however it was asked for.
        """
        grids = [experiment.grid(self.tier) for experiment in self.package.experiments]
        options = []
        if len(self.chosen) < len(self.package.experiments):
            options += [f"--only {experiment.name}" for experiment in self.chosen]
        if any(self.replicates.of(grid.seeds) != DECLARED.of(grid.seeds) for grid in grids if grid.cells):
            options += [f"--first-seed {self.replicates.first}"] if self.replicates.first else []
            options += [] if self.replicates.count is None else [f"--seeds {self.replicates.count}"]
        options += [] if self.scale == 1.0 else [f"--scale {self.scale:g}"]
        return f"not the run as declared, but one with {' '.join(options)}" if options else ""

    def folder(self, results: Path) -> Path:
        """Return the folder of its records below that of all results."""
        return results / self.tier / self.package.name


def study(
    package: Package,
    tier: Tier,
    only: Sequence[str] = (),
    replicates: Replicates = DECLARED,
    scale: float = 1.0,
) -> Study:
    """Return the study of the experiments named, or of all, shortened to a share of their length.

    Raises UsageError for a name that does not exist, a scale outside (0, 1], and where nothing in the package has a
    length to be shortened.
    """
    short = _at_scale(package, scale)
    known = {experiment.name: experiment for experiment in short.experiments}
    for name in only:
        if name not in known:
            raise UsageError(f"unknown experiment '{name}'; there are: {', '.join(known)}")
    return Study(short, tier, [known[name] for name in known if not only or name in only], replicates)


def _at_scale(package: Package, scale: float) -> Package:
    if not 0.0 < scale <= 1.0:
        raise UsageError(f"--scale {scale:g}: a share of the declared length, above 0 and at most 1")
    if scale == 1.0:
        return package
    short = replace(package, experiments=[experiment.at_scale(scale) for experiment in package.experiments])
    if all(experiment.scale == 1.0 for experiment in short.experiments):
        raise UsageError(f"--scale: the lengths of papers/{package.name} cannot be scaled")
    return short
