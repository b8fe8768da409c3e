"""FAST's inner loop against a plain one that does the same: updates, validations, best state, two tests a checkpoint.

As in `test_engine.py`: each round trains every contender once, in turn; each has the whole machine, the plain loop all
its threads, the engine one process a core. The ratio is printed; nothing is asserted about time.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from common.machine import set_up, workers_on
from common.run.call import Call
from common.train.batches import StratifiedBatches
from papers.fast.anytime import Run, Schedule, adapt
from papers.fast.by_hand import fine_tune
from papers.fast.settings import OPTIMIZERS, ROTATED, ZERO
from papers.fast.sources import adopt, source_of
from papers.fast.tasks import task
from tests.bench.contest import milliseconds, show

SEEDS, STEPS, ROUNDS = 20, 89, 4
SCHEDULE = Schedule(STEPS, ROTATED.batch_size, OPTIMIZERS["sgd"])


def problem():
    """Return source and target; the source model is trained once a process, in the warm-up round."""
    call = Call(torch.device("cpu"), Path("data"))
    return source_of(ROTATED, call), task(ROTATED.target, call.data_dir, call.device)


def run(source, target, seed):
    return Run(adopt(source, target.num_classes, ZERO, seed), 0.05, 0.005, seed)


def plain_loops():
    source, target = problem()
    for seed in range(SEEDS):
        drawn = StratifiedBatches(target.labels, target.train, target.num_classes, SCHEDULE.batch_size, seed)
        fine_tune(run(source, target, seed), SCHEDULE, drawn.draw(STEPS), target, source.task)


def engine_share(seeds):
    """Adapt some of the seeds in this process."""
    source, target = problem()
    adapt([run(source, target, seed) for seed in seeds], SCHEDULE, target, source.task)


def engine(pool):
    shares = [range(SEEDS)[i :: pool._max_workers] for i in range(pool._max_workers)]
    for done in [pool.submit(engine_share, share) for share in shares]:
        done.result()


def test_fine_tuning_with_anytime_performance(benchmark):
    cores = workers_on(torch.device("cpu"))
    torch.set_num_threads(cores)
    pool = ProcessPoolExecutor(cores, multiprocessing.get_context("spawn"), initializer=set_up)
    contenders = {"engine": lambda: engine(pool), "plain loop": plain_loops}
    found = milliseconds(benchmark, contenders, ROUNDS, STEPS * SEEDS)
    pool.shutdown()
    show(f"FAST on digits, {SEEDS} seeds, batch {SCHEDULE.batch_size}, ADP kept: milliseconds a step and seed", found)
