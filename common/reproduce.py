"""From declarations to an exit code: expand, run, record, aggregate, check, report."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.claims.claim import Claim
from common.claims.declared import require_fit
from common.claims.judge import all_at_once, check_claims, fails
from common.claims.read import path_of, read
from common.claims.results import Results, aggregate
from common.errors import UsageError
from common.experiment import DECLARED, Experiment, Replicates, Tier
from common.machine import require_memory
from common.package import Package
from common.plan.cost import ASSUMED, predicted, work_of
from common.plan.probe import cached
from common.report import report
from common.report.figures import draw
from common.run import together
from common.run.call import Environment
from common.run.expand import expand, select
from common.run.lock import held
from common.run.older import mention as mention_older
from common.run.older import note
from common.run.origins import mixed, origins_of
from common.run.record import Store, writable
from common.run.resume import CHECKPOINTS, others
from common.run.run import run_missing
from common.run.stale import mention, stale


def at_scale(package: Package, scale: float) -> Package:
    """Return a package whose training is shortened to a share of its length, where its procedures have one.

    The scale is part of every job's key and of every verdict. Raises UsageError for a scale outside (0, 1], and where
    nothing in the package has a length.
    """
    if not 0.0 < scale <= 1.0:
        raise UsageError(f"--scale {scale:g}: a share of the declared length, above 0 and at most 1")
    if scale == 1.0:
        return package
    short = replace(package, experiments=[experiment.at_scale(scale) for experiment in package.experiments])
    if all(experiment.scale == 1.0 for experiment in short.experiments):
        raise UsageError(f"--scale: the lengths of papers/{package.name} cannot be scaled")
    return short


@dataclass(frozen=True)
class Request:
    """What the command line asked for. `train` is False where existing records are only judged again.

    `scale` says how the package was shortened.
    """

    tier: Tier
    only: tuple[str, ...]
    replicates: Replicates
    results: Path
    environment: Environment
    train: bool = True
    scale: float = 1.0


def reproduce(package: Package, request: Request) -> int:
    """Do it all and return the exit code: 0 where every gating claim holds, otherwise 1.

    The verdicts are printed before anything is written, so that no full disk and no figure costs them.
    """
    tier, replicates = request.tier, request.replicates
    claims = declared_claims(package, tier)
    experiments = select(package.experiments, request.only)
    errors = train(package, experiments, request) if request.train else {}
    results = read_results(package, experiments, tier, replicates, request.results, errors)
    judged = all_at_once(check_claims(claims, results))
    origins, part = origins_of(results.records.values()), part_of(package, request)
    said = [part, company_of(package, request, results)]
    print(report.console(judged))
    print(f"\n{report.summary(judged, claims, tier)}")
    for sentence in filter(None, (*said, *mixed(origins))):
        print(sentence)
    for message, count in Counter(errors.values()).items():
        print(f"{'a job' if count == 1 else f'{count} jobs'} failed: {message}", file=sys.stderr)
    folder = request.results / tier / f"{package.name}-report{'-partial' if part else ''}"
    report.write(judged, claims, tier, package.name, folder, origins, "; ".join(filter(None, said)))
    figures = draw(package.figures(results), folder)
    print(f"report: {folder / 'report.md'}, {len(figures)} figures beside it")
    return 1 if errors or fails(judged) else 0


def part_of(package: Package, request: Request) -> str:
    """Return a sentence that says by which options a run is not the declared one, "" for the declared one.

    That is a run of all experiments on their declared seeds at full length, however it was asked for.
    """
    experiments, replicates = select(package.experiments, request.only), request.replicates
    grids = [experiment.grid(request.tier) for experiment in package.experiments]
    options = []
    if len(experiments) < len(package.experiments):
        options += [f"--only {experiment.name}" for experiment in experiments]
    if any(replicates.of(grid.seeds) != DECLARED.of(grid.seeds) for grid in grids if grid.cells):
        options += [f"--first-seed {replicates.first}"] if replicates.first else []
        options += [] if replicates.count is None else [f"--seeds {replicates.count}"]
    options += [] if request.scale == 1.0 else [f"--scale {request.scale:g}"]
    return f"not the run as declared, but one with {' '.join(options)}" if options else ""


def company_of(package: Package, request: Request, results: Results) -> str:
    """Return a sentence about the records that trained beside other jobs than a complete run's, "" for none."""
    jobs = expand(package.experiments, request.tier, request.replicates)
    work = work_of(package.experiments, request.tier, request.replicates)
    apart = together.in_other_company(results.records, jobs, work, request.environment.device)
    return together.mention(apart, len(results.records))


def declared_claims(package: Package, tier: Tier) -> list[Claim]:
    """Return a package's claims; raise UsageError where they do not fit its experiments in this tier."""
    path = path_of(package.name)
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
    missing = [job for job in jobs if not store.finished(job)]
    for job in missing:
        require_memory(request.environment.device, work[job.key].memory, str(job))
    print(f"{package.name} {tier}: {len(jobs)} jobs, {len(jobs) - len(missing)} already done", file=sys.stderr)
    if other := mention_older(store, store.older(missing)):
        print(other, file=sys.stderr)
    if unread := mention(stale(package.experiments, tier, store), store.folder):
        print(unread, file=sys.stderr)
    probe = cached(request.environment, request.results)
    speeds = probe.speeds if probe else ASSUMED[request.environment.device.type]
    with held(store.folder):
        note(store, {job.procedure for job in jobs})
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
