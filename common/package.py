"""A paper package: what it declares, and how all of them are found, for `common` imports none of them by name."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from common.code_hash import ROOT
from common.errors import UsageError
from common.experiment import Experiment, Procedure

Figures = Callable[[Any], Iterable[tuple[str, Callable[[], Any]]]]
"""Given the results, yields the name of each picture that they are complete for, with what makes it."""


@dataclass(frozen=True)
class Package:
    """A paper package: its name, its experiments, and the figures that can be drawn from results.

    Raises UsageError for two experiments, or two procedures, of one name.
    """

    name: str
    experiments: Sequence[Experiment]
    figures: Figures

    def __post_init__(self) -> None:
        seen: set[str] = set()
        procedures: dict[str, Procedure] = {}
        for experiment in self.experiments:
            if experiment.name in seen:
                raise UsageError(f"papers/{self.name} declares two experiments '{experiment.name}': rename one")
            seen.add(experiment.name)
            procedure = experiment.procedure
            if procedures.setdefault(procedure.name, procedure) is not procedure:
                raise UsageError(f"papers/{self.name} declares two procedures '{procedure.name}': rename one")


def find_packages(named: Sequence[str] = ()) -> list[Package]:
    """Return the packages named as `papers/freezenet`, or all; raise UsageError for one that does not exist."""
    known = sorted(f"papers/{path.parent.name}" for path in ROOT.glob("papers/*/reproduce.py"))
    chosen = list(dict.fromkeys(name.rstrip("/") for name in named)) or known
    for name in chosen:
        if name not in known:
            raise UsageError(f"unknown paper '{name}'; there are: {', '.join(known)}")
    return [importlib.import_module(f"{name.replace('/', '.')}.reproduce").PACKAGE for name in chosen]
