"""How often does smoke fail although nothing is wrong? Measured on fresh seeds.

`nox -s false-alarms -- papers/freezenet --runs 10` runs smoke again and again, each time on seeds that no run used
before; the declared seeds and their records stay as they are. Then it judges every run, and runs put together
from random choices among all the fresh seeds, which show rarer failures than a few runs can.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate
from tqdm import tqdm

from common.claims.claim import Claim
from common.claims.judge import all_at_once, check_claims
from common.claims.results import Results
from common.command import Parser, exit_code, to_path, whole_number
from common.datasets import default_folder
from common.experiment import DECLARED, Job, Replicates, Tier
from common.machine import set_up, workers_on
from common.package import Package, find_packages
from common.reproduce import Request, declared_claims, read_results, train
from common.run.call import Environment
from common.run.record import Record
from common.study import study

STRIDE = 100  # between the first seeds of two runs: more than any experiment declares


def main(arguments: Sequence[str] | None = None) -> int:
    """Run smoke on fresh seeds, print how often each gating claim fails, and return the exit code."""
    return exit_code(lambda: _run(arguments), "; what is done is kept, the same command goes on from there")


def _run(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="nox -s false-alarms --", description="Run smoke on fresh seeds.")
    parser.add_argument("papers", nargs="*", help="such as papers/freezenet; default: all")
    count = whole_number(1, 100_000)
    parser.add_argument("--runs", type=count, default=10, help="smoke runs, each on seeds of its own (default 10)")
    parser.add_argument("--draws", type=count, default=300, help="runs put together from all fresh seeds (default 300)")
    parser.add_argument("--results", type=to_path, default=Path("results/fresh"), help="records of the fresh seeds")
    options = parser.parse_args(arguments)
    set_up()
    for package in find_packages(options.papers):
        claims = declared_claims(package, Tier.SMOKE)
        runs = [fresh_run(package, STRIDE * (i + 1), options.results) for i in range(options.runs)]
        among, rng = pools(runs), np.random.default_rng(0)
        drawn = (draw(runs, among, rng) for _ in tqdm(range(options.draws), disable=None))
        print(table(package.name, claims, [failing(claims, r) for r in runs], [failing(claims, r) for r in drawn]))
    return 0


def fresh_run(package: Package, first: int, folder: Path) -> Results:
    """Run what has no record yet of smoke on seeds from `first` on, and return the results."""
    device = torch.device("cpu")
    environment = Environment(device, default_folder(), workers_on(device))
    request = Request(study(package, Tier.SMOKE, replicates=Replicates(first)), folder, environment)
    return read_results(request.study, folder, train(request))


Pools = Mapping[Job, Sequence[Record | None]]


def pools(runs: Sequence[Results]) -> Pools:
    """Return for every declared job the records that the fresh runs have in its place."""
    jobs = [job for experiment in runs[0].experiments.values() for job in experiment.jobs(Tier.SMOKE)]
    return {
        job: [run.records.get(replace(job, seed=run.study.replicates.first + job.seed)) for run in runs] for job in jobs
    }


def draw(runs: Sequence[Results], among: Pools, rng: np.random.Generator) -> Results:
    """Return results whose every seed comes from a run drawn at random, the same one for all experiments."""
    drawn = rng.integers(len(runs), size=1 + max(job.seed for job in among))
    records = {job: records[drawn[job.seed]] for job, records in among.items()}
    found = {job: record for job, record in records.items() if record is not None}
    return Results(replace(runs[0].study, replicates=DECLARED), found)


def failing(claims: Sequence[Claim], results: Results) -> list[str]:
    """Return the gating claims that fail."""
    return [j.claim.id for j in all_at_once(check_claims(claims, results)) if j.blocks]


def table(name: str, claims: Sequence[Claim], runs: Sequence[list[str]], drawn: Sequence[list[str]]) -> str:
    """Return how often the package's smoke, and each claim that ever did, failed; one list of claims a run."""
    each = [Counter(id for failed in group for id in failed) for group in (runs, drawn)]
    ids = [claim.id for claim in claims if any(claim.id in found for found in each)]
    rows = [[id, f"{each[0][id]} of {len(runs)}", f"{100 * each[1][id] / len(drawn):.1f} %"] for id in ids]
    red = [sum(bool(failed) for failed in group) for group in (runs, drawn)]
    rows.append(["any gating claim", f"{red[0]} of {len(runs)}", f"{100 * red[1] / len(drawn):.1f} %"])
    headers = ("claim", "failed in fresh runs", f"in {len(drawn)} drawn runs")
    return f"{name}\n" + tabulate(rows, headers, tablefmt="github")


if __name__ == "__main__":
    sys.exit(main())
