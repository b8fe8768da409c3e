"""The one command line of every reproduce.py."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.command import Parser, exit_code, one_line_hook, to_path, whole_number
from common.datasets import default_folder
from common.datasets.problems import require_readable
from common.errors import UsageError
from common.experiment import Replicates, Tier
from common.machine import MOST_WORKERS, device_of, fastest_device, require, set_up, workers_on
from common.package import Package
from common.plan.plan import plan
from common.plan.probe import probe
from common.reproduce import Request, reproduce
from common.run.call import Environment
from common.run.stale import prune
from common.study import study

one_line_hook()  # a reproduce.py imports its declarations, which are checked as they are made, before it calls `main`

MOST_SEEDS, LAST_SEED = 1000, 10**9  # that can be asked for: more than any experiment needs
CHECKPOINT_SECONDS = {Tier.SMOKE: None, Tier.FULL: 180.0}  # the groups of smoke take seconds


def main(package: Package, arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, do what it asks, and return the exit code.

    0: every gating claim holds. 1: a gating claim does not, or a run failed. 2: bad usage or bad input.
    130: interrupted, by Ctrl-C, SIGTERM or SIGHUP.
    """
    return exit_code(lambda: _run(package, arguments), "; what is done is kept, the same command goes on from there")


def _run(package: Package, arguments: Sequence[str] | None) -> int:
    options = _parser(package).parse_args(arguments)
    if options.list:
        print("\n".join(f"{e.name:16} {e.source}" for e in package.experiments))
        return 0
    request = _request(package, options)
    if options.prune:
        print(prune(request.study, request.store))
        return 0
    set_up()
    if options.probe:
        probe(request.environment, request.results)
    if options.plan:
        print(plan(request))
        return 0
    return reproduce(request)


def _parser(package: Package) -> Parser:
    parser = Parser(
        prog=f"python -m papers.{package.name}.reproduce",
        description=f"Run the experiments of {package.name} and judge every claim against them.",
    )
    workers = f"processes that train at once on a CPU; default one a core, at most {MOST_WORKERS}"
    parser.add_argument("--tier", default="smoke", help="smoke (tiny, CPU) or full (the paper's scale)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="one experiment; repeatable")
    seeds, seed = whole_number(1, MOST_SEEDS), whole_number(0, LAST_SEED)
    parser.add_argument("--seeds", type=seeds, help="number of replicates, in place of the declared one")
    parser.add_argument("--first-seed", type=seed, default=0, metavar="N", help="run fresh seeds from N on, not from 0")
    parser.add_argument("--scale", type=float, default=1.0, help="train for this share of the length, where declared")
    parser.add_argument("--device", help="cpu, cuda or cuda:1; default cpu, in the full tier a GPU where there is one")
    parser.add_argument("--workers", type=whole_number(1, 1024), metavar="N", help=workers)
    parser.add_argument("--data-dir", type=to_path, help="data sets; default $PLASTICITY_BENCH_DATA, else ./data")
    parser.add_argument("--weights-dir", type=to_path, help="ImageNet weights; default: weights in the data folder")
    parser.add_argument("--results", type=to_path, default=Path("results"), help="records and reports")
    parser.add_argument("--plan", action="store_true", help="list the jobs, their state and the time; run none")
    parser.add_argument("--probe", action="store_true", help="with --plan: first measure the device, for 20 seconds")
    parser.add_argument("--report", action="store_true", help="judge the existing records again; run none")
    parser.add_argument("--prune", action="store_true", help="delete records of settings no longer declared; run none")
    parser.add_argument("--list", action="store_true", help="list the experiments")
    return parser


def _request(package: Package, options: argparse.Namespace) -> Request:
    if options.tier not in list(Tier):
        raise UsageError(f"unknown tier '{options.tier}'; there are: {', '.join(Tier)}")
    data = options.data_dir or default_folder()
    tier = Tier(options.tier)
    asked = study(package, tier, options.only, Replicates(options.first_seed, options.seeds), options.scale)
    chosen = device_of(options.device or "cpu")
    device = fastest_device() if tier is Tier.FULL and not options.device else chosen
    if options.probe and not options.plan:
        raise UsageError("--probe measures the device for a plan: give --plan too")
    if options.workers and device.type != "cpu":
        raise UsageError("--workers: on a GPU one process trains; give --device cpu too")
    if options.probe or not (options.plan or options.report or options.prune):
        require(device)
        if tier is Tier.FULL and device.type == "cpu" and not options.device:
            print("no GPU that torch can use, so on the CPU; --device cuda says why", file=sys.stderr)
        for option, folder in (("--data-dir", options.data_dir), ("--weights-dir", options.weights_dir)):
            if folder is not None:
                require_readable(option, folder)
    return Request(
        asked,
        options.results,
        Environment(
            device,
            data,
            options.workers or workers_on(device),
            options.weights_dir,
            checkpoint_seconds=CHECKPOINT_SECONDS[tier],
        ),
        train=not options.report,
    )
