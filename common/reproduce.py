"""From declarations to an exit code: expand, run, record, read, judge, tell."""

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from common.claims.claim import Claim
from common.claims.declared import require_fit
from common.claims.judge import all_at_once, check_claims, fails
from common.claims.power import with_power
from common.claims.read import path_of, read
from common.claims.results import Results, aggregate
from common.experiment import Tier
from common.machine import require_memory
from common.package import Package
from common.plan.cost import ASSUMED, predicted
from common.plan.probe import cached
from common.report.console import console, summary
from common.report.figures import draw
from common.report.files import write
from common.report.report import Report
from common.run.call import Environment
from common.run.expand import expand
from common.run.lock import held
from common.run.older import mention as mention_older
from common.run.older import note
from common.run.origins import mixed, origins_of
from common.run.record import Store, writable
from common.run.resume import CHECKPOINTS, others
from common.run.run import run_missing
from common.run.stale import mention, stale
from common.run.together import trained_otherwise
from common.study import Study, study


@dataclass(frozen=True)
class Request:
    """What a command asks for: a study, the folder of all results, and the environment to run in.

    `train` is False where existing records are only judged again.
    """

    study: Study
    results: Path
    environment: Environment
    train: bool = True

    @property
    def store(self) -> Store:
        """The records of the study."""
        return Store(self.study.folder(self.results))


def reproduce(request: Request) -> int:
    """Do it all and return the exit code: 0 where every gating claim holds, otherwise 1.

    The verdicts are printed before anything is written, so that no full disk and no figure costs them.
    """
    asked = request.study
    claims = declared_claims(asked.package, asked.tier)
    errors = train(request) if request.train else {}
    results = read_results(asked, request.results, errors)
    judged = with_power(all_at_once(check_claims(claims, results)), results)
    notes = [asked.part, trained_otherwise(results.records, asked, request.environment.device)]
    origins = origins_of(results.records.values())
    report = Report(asked.package.name, asked.tier, claims, judged, origins, list(filter(None, notes)))
    print(console(judged))
    print(f"\n{summary(report)}")
    for sentence in (*report.notes, *mixed(report.origins)):
        print(sentence)
    for message, count in Counter(errors.values()).items():
        print(f"{'a job' if count == 1 else f'{count} jobs'} failed: {message}", file=sys.stderr)
    folder = request.results / asked.tier / f"{asked.package.name}-report{'-partial' if asked.part else ''}"
    write(report, folder)
    figures = draw(asked.package.figures(results), folder)
    print(f"report: {folder / 'report.md'}, {len(figures)} figures beside it")
    return 1 if errors or fails(judged) else 0


def declared_claims(package: Package, tier: Tier) -> list[Claim]:
    """Return a package's claims; raise UsageError where they do not fit its experiments in this tier."""
    path = path_of(package.name)
    claims = read(path)
    require_fit(claims, Results(study(package, tier)), f"{path.parent.name}/{path.name}")
    return claims


def train(request: Request) -> dict[str, str]:
    """Run the jobs that have no record yet, and return the errors of those that failed, by key."""
    asked, store, environment = request.study, request.store, request.environment
    jobs = expand(asked)
    store.open()
    writable(store.folder / CHECKPOINTS)
    missing = [job for job in jobs if not store.finished(job)]
    for job in missing:
        require_memory(environment.device, job.work.memory, str(job))
    done = len(jobs) - len(missing)
    print(f"{asked.package.name} {asked.tier}: {len(jobs)} jobs, {done} already done", file=sys.stderr)
    for sentence in filter(None, (mention_older(store, store.older(missing)), mention(stale(asked, store), store))):
        print(sentence, file=sys.stderr)
    probe = cached(environment, request.results)
    speeds = probe.speeds if probe else ASSUMED[environment.device.type]
    with held(store.folder):
        note(store, {job.procedure for job in jobs})
        seconds = predicted(jobs, speeds, environment.device)
        errors = run_missing(jobs, seconds, store, environment)
        if left := others(store):
            print(left, file=sys.stderr)
    return errors


def read_results(study: Study, results: Path, errors: Mapping[str, str] = MappingProxyType({})) -> Results:
    """Read what the records below the folder of all results say; `errors` are those of jobs that failed, by key."""
    return aggregate(study, expand(study), Store(study.folder(results)), errors)
