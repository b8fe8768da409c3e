"""What a command would run, its state and its time, without a device or data."""

from tabulate import tabulate

from common.experiment import Job
from common.pipeline import Package, Request
from common.pipeline.expand import expand, select
from common.pipeline.record import Store
from common.pipeline.run import duration

ASSUMED_SPEED = {"cpu": 5e10, "cuda": 5e12}  # operations a second of one job, until records say better
HEADERS = ("experiment", "source", "setting", "jobs", "done", "shared", "to run", "time")


def plan(package: Package, request: Request) -> str:
    """Return a table with one row for each setting of an experiment, and the total time.

    A job that an earlier row has already is counted as shared: it runs once. Time is the work of the jobs
    to run over the speed of the finished ones of this tier and the number of jobs at once.
    """
    experiments = select(package.experiments, request.only)
    store = Store(request.results / request.tier / package.name)
    done = {job.key: store.read(job) for job in expand(experiments, request.tier, request.replicates)}
    work = {job.key: e.work(job.cell) for e in experiments for job in e.jobs(request.tier, request.replicates)}
    seconds = sum(record.wall_seconds for record in done.values() if record)
    worked = sum(work[key] for key, record in done.items() if record)
    device, workers = request.environment.device.type, request.environment.workers
    speed = workers * (worked / seconds if worked else ASSUMED_SPEED[device])
    rows: list[list[object]] = []
    planned: set[str] = set()
    for experiment in experiments:
        settings: dict[str, list[Job]] = {}
        for job in experiment.jobs(request.tier, request.replicates):
            settings.setdefault(job.cell.setting.name, []).append(job)
        for name, jobs in settings.items():
            own = [job for job in jobs if job.key not in planned]
            planned |= {job.key for job in own}
            missing = [job for job in own if done[job.key] is None]
            time = duration(sum(work[job.key] for job in missing) / speed)
            counts = (len(jobs), len(own) - len(missing), len(jobs) - len(own), len(missing))
            rows.append([experiment.name, experiment.source, name, *counts, time])
    total = duration(sum(work[key] for key, record in done.items() if record is None) / speed)
    basis = "at the speed of the finished jobs" if worked else f"assuming {speed:.0e} operations a second"
    return f"{tabulate(rows, HEADERS)}\n\nto run: {total}, {workers} jobs at once on {device} ({basis})"
