import pytest
import torch

from common.experiment import Job, Tier
from common.run.group import FEW, MANY, as_trained, groups
from common.work import Work
from tests import conftest
from tests.common.test_cli import LongCell, long_procedure

CPU, GPU = torch.device("cpu"), torch.device("cuda")
STACKS = Work(memory=100.0, stacks=frozenset({"cpu", "cuda"}))


def with_work(jobs, work):
    """Return the jobs, which say that they ask for so much."""
    for job in jobs:
        vars(job)["work"] = work
    return jobs


def sizes(work, device, seeds=50):
    jobs = conftest.experiment(seeds=seeds).jobs(Tier.SMOKE)
    found = list(groups(with_work(jobs, work), device))
    assert [job for group in found for job in group] == jobs
    return [len(group) for group in found]


@pytest.fixture
def memory(monkeypatch):
    def have(size):
        monkeypatch.setattr("common.run.group.memory_of", lambda device: size)

    return have


def test_a_cpu_takes_a_few_whatever_they_hold():
    assert sizes(STACKS, CPU) == [FEW] * 15
    assert sizes(Work(), CPU) == [FEW] * 15


def test_a_gpu_takes_many_that_train_as_one_program(memory):
    memory(1_000_000)
    assert sizes(STACKS, GPU) == [MANY, 300 - MANY]
    memory(None)  # no GPU here: a plan is made for a large one
    assert sizes(STACKS, GPU) == [MANY, 300 - MANY]


def test_a_gpu_takes_a_few_that_train_one_after_another(memory):
    memory(1_000_000)
    assert sizes(Work(memory=100.0, stacks=frozenset({"cpu"})), GPU) == [FEW] * 15


def test_what_a_gpu_takes_fits_its_memory(memory):
    memory(10_000)  # two fifths of it are not given away
    assert sizes(STACKS, GPU, seeds=30) == [60, 60, 60]
    memory(170)
    assert sizes(STACKS, GPU, seeds=1) == [1] * 6
    memory(50)  # not even one: the device refuses it, or memory runs out
    assert sizes(STACKS, GPU, seeds=1) == [1] * 6


def test_the_largest_job_decides(memory):
    memory(10_000)
    jobs = conftest.experiment(seeds=30).jobs(Tier.SMOKE)
    with_work(jobs, STACKS)
    with_work(jobs[7:8], STACKS * 1 + Work(memory=400.0))
    assert [len(group) for group in groups(jobs, GPU)] == [15] * 12


def test_jobs_of_two_settings_are_kept_apart():
    first, second = conftest.experiment(seeds=1).jobs(Tier.SMOKE), conftest.experiment(seeds=2).jobs(Tier.SMOKE)
    other = [
        type(job)(job.procedure, type(job.cell)(job.cell.method, job.cell.rate, conftest.Setting("other")), job.seed)
        for job in second
    ]
    assert [len(group) for group in groups(with_work([*first, *other], STACKS), CPU)] == [6, 12]


def test_jobs_that_become_the_same_one_when_they_are_shortened_run_together_and_count_once():
    procedure = long_procedure(conftest.TOY)
    cells = [LongCell("a", 0.1, epochs=epochs) for epochs in range(1, 2 * FEW + 1)]
    jobs = [Job(procedure, cell, 0, 0.1) for cell in cells]
    found = list(groups(jobs, CPU))
    assert [len(as_trained(group)) for group in found] == [len(as_trained(jobs))] == [4]
    assert sorted(job.key for group in found for job in group) == sorted(job.key for job in jobs)


def test_a_job_is_shortened_once():
    job = Job(long_procedure(conftest.TOY), LongCell("a", 0.1, epochs=8), 0, 0.25)
    assert job.trained.cell.epochs == 2
    assert job.trained.trained == job.trained
    assert job.trained.key != job.key
