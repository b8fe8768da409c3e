from pathlib import Path

import pytest
import torch

from common.errors import UsageError
from common.plan import measure
from common.plan.cost import Rate, Speeds
from common.plan.network_cost import network_cost
from common.run.call import Environment
from common.run.workers import Died
from tests.fake_gpu import FakeGpu

CPU = Environment(torch.device("cpu"), Path("data"))


def test_a_measurement_of_this_machine_is_plausible():
    found = measure.measure(CPU, seconds=0.5)
    for rate in (found.products, found.convolutions):
        assert 1e8 < rate.small_rate < 1e13
        assert 1e8 < rate.large_rate < 1e13
        assert rate.small < rate.large
    assert 1e8 < found.bandwidth < 1e12
    assert 1e-7 < found.call < 1e-3


class Clock:
    """A clock that only tasks move, in place of the module time."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now

    monotonic = perf_counter

    def takes(self, seconds, first=0.0):
        """Return a task of so many seconds, the first time of some more, and the list of its calls."""
        calls = []

        def task():
            self.now += seconds + (0.0 if calls else first)
            calls.append(self.now)

        return task, calls


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(measure, "time", found)
    return found


def slow_tasks(clock, monkeypatch, seconds, first=0.0):
    """Make every measurement of tasks that take so long, and return the lists of their calls."""
    calls = []

    def task(*arguments):
        made, made_calls = clock.takes(seconds, first)
        calls.append(made_calls)
        return made

    monkeypatch.setattr(measure, "_step", task)
    monkeypatch.setattr(measure, "_product", lambda *arguments: (1.0, task()))
    monkeypatch.setattr(measure, "_convolution", lambda *arguments: (1.0, task()))
    monkeypatch.setattr(measure, "_bandwidth", lambda device, timed: 1.0 / timed(task()))
    return calls


@pytest.mark.parametrize(("seconds", "first"), [(0.1, 0.0), (0.1, 2.0), (0.001, 1.0)])
def test_a_probe_keeps_to_its_time_however_slow_its_tasks_and_warm_ups_are(clock, monkeypatch, seconds, first):
    calls = slow_tasks(clock, monkeypatch, seconds, first)
    measure.measure(CPU)
    assert len(calls) == measure.MEASUREMENTS
    taken = clock.now - 100.0
    assert measure.SECONDS - 0.1 <= taken <= measure.SECONDS + 0.2 <= 19.0
    spans = [own[-1] - own[0] + seconds + first for own in calls]
    assert max(spans) - min(spans) < 0.3, "equal shares"


def test_several_processes_give_the_median_of_every_speed(monkeypatch):
    found = [Speeds(Rate(1.0, n, 9.0, 2.0 * n), Rate(1.0, 3.0 * n, 9.0, 4.0 * n), 5.0 * n, n) for n in (1.0, 2.0, 7.0)]

    def in_processes(function, tasks, count, preload):
        assert count == len(tasks) == 3, "all measure at once"
        yield from ((task, function(task)) for task in tasks)

    monkeypatch.setattr(measure, "in_processes", in_processes)
    monkeypatch.setattr(measure, "_measure", lambda device, end: found.pop())
    expected = found[1]
    assert measure.measure(Environment(CPU.device, CPU.data_dir, workers=3)) == expected


def test_a_process_that_dies_while_it_measures_is_one_line(monkeypatch):
    def in_processes(function, tasks, count, preload):
        yield from ((task, Died("it was killed")) for task in tasks)

    monkeypatch.setattr(measure, "in_processes", in_processes)
    with pytest.raises(UsageError, match=r"^the probe lost one of its processes: it was killed$"):
        measure.measure(Environment(CPU.device, CPU.data_dir, workers=2))


def test_bandwidth_counts_what_is_read_and_what_is_written(monkeypatch):
    monkeypatch.setitem(measure._COPIED, "cpu", 100)
    assert measure._bandwidth(CPU.device, lambda task: 2.0) == 2 * 4 * 100 / 2.0


def test_the_start_of_processes_is_part_of_a_probes_time(clock, monkeypatch):
    slow_tasks(clock, monkeypatch, 0.1)
    deadlines = []

    def in_processes(function, tasks, count, preload):
        """Do tasks in processes that take five seconds to start, and then run side by side."""
        clock.now += 5.0
        started = clock.now
        for end in tasks:
            deadlines.append(end)
            clock.now = started
            yield end, function(end)

    monkeypatch.setattr(measure, "in_processes", in_processes)
    measure.measure(Environment(CPU.device, CPU.data_dir, workers=2))
    assert deadlines == [100.0 + measure.SECONDS] * 2
    assert clock.now - 100.0 <= measure.SECONDS + 0.2


def test_a_machine_too_slow_for_the_time_is_measured_once(clock, monkeypatch):
    calls = slow_tasks(clock, monkeypatch, 10.0)
    assert measure.measure(CPU).bandwidth == 0.1
    assert [len(own) for own in calls] == [2] * measure.MEASUREMENTS, "a warm-up and a look"


def test_rates_are_of_single_calls_of_a_convolution_and_of_a_small_one_without_its_operator(clock, monkeypatch):
    slow_tasks(clock, monkeypatch, 0.1)
    found = measure.measure(CPU)
    call = 0.1 / network_cost(measure._tiny, (8,)).training(1, 1).calls
    assert found.call == pytest.approx(call)
    assert found.products.large_rate == pytest.approx(1.0 / 0.1)
    assert found.products.small_rate == pytest.approx(1.0 / (0.1 - call))
    assert found.convolutions.large_rate == pytest.approx(3.0 / 0.1), "forward, and back to maps and to the kernel"
    assert found.convolutions.small_rate == pytest.approx(1.0 / (0.1 / 3 - call))


def test_one_call_that_something_else_held_up_changes_no_time(clock):
    calls = []

    def task():
        calls.append(clock.now)
        clock.now += 2.0 if len(calls) == 4 else 0.1

    assert measure.seconds_of(task, CPU.device, seconds=5.0) == pytest.approx(0.1)


def test_the_convolution_that_is_timed_goes_forward_and_back_as_autograd_does(monkeypatch):
    drawn = []
    draw = torch.randn
    monkeypatch.setattr(torch, "randn", lambda *size, device: drawn.append(draw(*size)) or drawn[-1])
    operations, step = measure._convolution(2, 3, 5, CPU.device)
    found, (to_maps, to_kernel, _) = step()
    maps, kernel = (tensor.requires_grad_() for tensor in drawn)
    output = torch.nn.functional.conv2d(maps, kernel, padding=1)
    output.sum().backward()
    assert operations == 2 * output.numel() * 9 * 3
    for ours, theirs in ((found, output), (to_maps, maps.grad), (to_kernel, kernel.grad)):
        torch.testing.assert_close(ours, theirs, check_stride=False)


def test_the_step_that_times_operators_is_counted_as_the_model_counts_it():
    counted = network_cost(measure._tiny, (8,))
    assert measure._TINY.training(1, 1).calls == counted.training(1, 1).calls


def test_a_task_is_timed_by_the_median_of_many(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(measure.time, "perf_counter", lambda: next(clock) * 0.5)
    calls = []
    assert measure.seconds_of(lambda: calls.append(1), torch.device("cpu"), seconds=5.0) == 0.5
    assert len(calls) > 3


def test_a_gpu_is_measured_by_replays_as_it_trains():
    with FakeGpu() as gpu:
        device = torch.device("cuda")
        counted = torch.zeros((), device=device)
        task = measure._as_in_training(lambda: counted.add_(1.0), device)
        for _ in range(4):
            task()
        assert counted.item() == 3 + 4  # warm-ups, and every call
        step = measure._step(device)
        gpu.waits.clear()
        measure._as_in_training(step, device)()
    assert len(gpu.graphs) == 2
    assert not gpu.waits
