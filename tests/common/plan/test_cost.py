from dataclasses import replace

import pytest
import torch

from common.experiment import Tier
from common.plan.cost import Rate, Speeds, predicted
from common.work import Work
from tests import conftest
from tests.common.run.test_group import with_work

FLAT = Rate(1.0, 100.0, 10.0, 100.0)
SPEEDS = Speeds(FLAT, Rate(1.0, 50.0, 10.0, 50.0), bandwidth=10.0, call=0.5)


def test_between_two_sizes_the_time_of_a_call_grows_by_the_same_for_every_operation():
    rate = Rate(10.0, 5.0, 100.0, 25.0)  # 2 s and 4 s
    assert rate.at(55.0) == pytest.approx(55.0 / 3.0)
    assert [rate.at(size) for size in (1.0, 10.0, 100.0, 1e9)] == pytest.approx([5.0, 5.0, 25.0, 25.0])


def test_time_is_the_larger_of_arithmetic_and_memory_plus_the_calls():
    assert SPEEDS.seconds(Work(operations=1000.0, products=1.0)) == 10.0
    assert SPEEDS.seconds(Work(operations=1000.0, convolved=500.0, products=1.0)) == 5.0 + 10.0
    assert SPEEDS.seconds(Work(operations=1000.0, bytes=50.0, products=1.0)) == 10.0
    assert SPEEDS.seconds(Work(operations=1000.0, bytes=500.0, products=1.0)) == 50.0
    assert SPEEDS.seconds(Work(operations=1000.0, bytes=500.0, calls=8.0, products=1.0)) == 54.0
    assert SPEEDS.seconds(Work()) == 0.0


def test_networks_that_stack_share_calls_and_make_larger_products():
    growing = Speeds(Rate(10.0, 10.0, 100.0, 100.0), FLAT, bandwidth=1e9, call=0.5)
    work = Work(operations=100.0, calls=8.0, products=10.0)
    assert growing.seconds(work) == 10.0 + 4.0
    assert growing.seconds(work, together=10) == 1.0 + 0.4


CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_jobs_of_a_group_with_equal_work_train_together():
    experiment = conftest.experiment()
    jobs = experiment.jobs(Tier.SMOKE)
    counted = Work(calls=60.0, stacks=frozenset({"cpu"}))
    times = predicted(with_work(jobs, counted), SPEEDS, CPU)
    assert sorted(set(times.values())) == [1.5, 3.0], "a group of 20, and one of 10"
    assert set(predicted(jobs, SPEEDS, GPU).values()) == {30.0}, "each on its own"
    with_work(jobs[:10], replace(counted, calls=20.0))
    assert [predicted(jobs, SPEEDS, CPU)[key] for key in (jobs[0].key, jobs[10].key)] == [1.0, 3.0]


def test_windows_cost_time_where_they_are_unfolded():
    jobs = conftest.experiment(seeds=1).jobs(Tier.SMOKE)

    def seconds(device, *stacks, **fields):
        work = Work(**{"bytes": 50.0, "unfolded": 100.0} | fields, stacks=frozenset(stacks))
        return predicted(with_work(jobs, work), SPEEDS, device)[jobs[0].key]

    assert seconds(GPU, "cpu", "cuda") == 15.0
    assert seconds(GPU, "cpu") == seconds(CPU, "cpu", "cuda") == 5.0
    convolutions = {"operations": 5000.0, "convolved": 5000.0, "products": 1.0}
    assert seconds(GPU, "cuda", **convolutions) == 50.0, "as products"
    assert seconds(CPU, "cpu", **convolutions) == seconds(GPU, "cpu", **convolutions) == 100.0


def test_the_work_of_a_job_is_that_of_its_cell():
    assert {job.work for job in conftest.experiment().jobs(Tier.SMOKE)} == {Work(1e9, products=1e3)}
