"""From declarations to an exit code: expand, run, record, aggregate, check, report."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common import expectations
from common.errors import UsageError
from common.expectations import Claim
from common.expectations_file import read
from common.experiment import DECLARED, Environment, Experiment, Replicates, Tier
from common.machine import require_memory
from common.pipeline import report
from common.pipeline.aggregate import Results, aggregate
from common.pipeline.check import all_at_once, check_claims, fails
from common.pipeline.cost import ASSUMED, predicted, work_of
from common.pipeline.declared import require_fit
from common.pipeline.expand import expand, select
from common.pipeline.lock import held
from common.pipeline.probe import cached
from common.pipeline.record import Store, writable
from common.pipeline.resume import CHECKPOINTS, others
from common.pipeline.run import run_missing

Figures = Callable[[Results, Path], list[Path]]


@dataclass(frozen=True)
class Package:
    """A paper package: its name, its experiments, and what draws its figures from results."""

    name: str
    experiments: Sequence[Experiment]
    figures: Figures


def at_scale(package: Package, scale: float) -> Package:
    """Return a package whose training is shortened to a share of its length, where its cells have a `scale`.

    The scale is part of every job's key and of every verdict. Raises UsageError for a scale outside (0, 1], and where
    no cell of the package has one.
    """
    if not 0.0 < scale <= 1.0:
        raise UsageError(f"--scale {scale:g}: a share of the declared length, above 0 and at most 1")
    if scale == 1.0:
        return package
    if not any(hasattr(cell, "scale") for e in package.experiments for cells in e.cells.values() for cell in cells):
        raise UsageError(f"--scale: the lengths of papers/{package.name} cannot be scaled")
    experiments = tuple(replace(e, cells=_scaled(e.cells, scale)) for e in package.experiments)
    return replace(package, experiments=experiments)


def _scaled(cells: Mapping[Tier, Sequence[Any]], scale: float) -> dict[Tier, tuple[Any, ...]]:
    return {
        tier: tuple(replace(cell, scale=scale) if hasattr(cell, "scale") else cell for cell in declared)
        for tier, declared in cells.items()
    }


@dataclass(frozen=True)
class Request:
    """What the command line asked for. `train` is False where existing records are only judged again."""

    tier: Tier
    only: tuple[str, ...]
    replicates: Replicates
    results: Path
    environment: Environment
    train: bool = True


def reproduce(package: Package, request: Request) -> int:
    """Do it all and return the exit code: 0 where every gating claim holds, otherwise 1."""
    tier, replicates = request.tier, request.replicates
    claims = declared_claims(package, tier)
    experiments = select(package.experiments, request.only)
    errors = train(package, experiments, request) if request.train else {}
    results = read_results(package, experiments, tier, replicates, request.results, errors)
    judged = all_at_once(check_claims(claims, results))
    folder = request.results / tier / f"{package.name}-report"
    devices = report.devices_of(results.records.values())
    report.write(judged, claims, tier, package.name, folder, devices)
    figures = package.figures(results, folder)
    print(report.console(judged))
    print(f"\n{report.summary(judged, claims, tier)}")
    if several := report.mixed(devices):
        print(several)
    print(f"report: {folder / 'report.md'}, {len(figures)} figures beside it")
    for message in errors.values():
        print(f"a job failed: {message}", file=sys.stderr)
    return 1 if errors or fails(judged) else 0


def declared_claims(package: Package, tier: Tier) -> list[Claim]:
    """Return a package's claims; raise UsageError where they do not fit its experiments in this tier."""
    path = expectations.path_of(package.name)
    claims = read(path)
    require_fit(claims, aggregate_nothing(package, tier), f"{path.parent.name}/{path.name}")
    return claims


def train(package: Package, experiments: Sequence[Experiment], request: Request) -> dict[str, str]:
    """Run the jobs that have no record yet, and return the errors of those that failed, by key."""
    tier, replicates = request.tier, request.replicates
    jobs = expand(experiments, tier, replicates)
    store = Store(request.results / tier / package.name)
    store.open()
    writable(store.folder / CHECKPOINTS)
    work = work_of(experiments, tier, replicates)
    for job in jobs:
        if not store.path(job).exists():
            require_memory(request.environment.device, work[job.key].memory, str(job))
    done = sum(store.path(job).exists() for job in jobs)
    print(f"{package.name} {tier}: {len(jobs)} jobs, {done} already done", file=sys.stderr)
    probe = cached(request.environment, request.results)
    speeds = probe.speeds if probe else ASSUMED[request.environment.device.type]
    with held(store.folder):
        seconds = predicted(jobs, work, speeds, request.environment.device)
        errors = run_missing(jobs, work, seconds, store, request.environment)
        if left := others(store):
            print(left, file=sys.stderr)
    return errors


def read_results(
    package: Package,
    experiments: Sequence[Experiment],
    tier: Tier,
    replicates: Replicates,
    folder: Path,
    errors: Mapping[str, str],
) -> Results:
    """Read what the records below the results folder say about the experiments."""
    store = Store(folder / tier / package.name)
    return aggregate(experiments, tier, replicates, expand(experiments, tier, replicates), store, errors)


def aggregate_nothing(package: Package, tier: Tier) -> Results:
    """Return results without records: the declarations alone."""
    return Results({e.name: e for e in package.experiments}, tier, DECLARED, {}, {})
