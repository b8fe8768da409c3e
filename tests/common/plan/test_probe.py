import errno
import json
import os
from pathlib import Path

import pytest
import torch

from common.errors import UsageError
from common.plan import probe
from common.plan.cost import Rate, Speeds
from common.plan.network_cost import network_cost
from common.run.call import Environment
from common.run.workers import Died
from tests.fake_gpu import FakeGpu

CPU = Environment(torch.device("cpu"), Path("data"))
SPEEDS = Speeds(Rate(1e6, 1e9, 1e9, 2e9), Rate(1e6, 3e9, 1e9, 4e9), 5e9, 6e-6)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "measure", lambda environment: SPEEDS)
    probe.probe(CPU, tmp_path)
    return tmp_path


def test_a_probe_is_kept_for_the_device_torch_and_threads(kept, monkeypatch):
    found = probe.cached(CPU, kept)
    assert found is not None
    assert found.speeds == SPEEDS
    assert probe.cached(Environment(CPU.device, CPU.data_dir, workers=2), kept) is None
    monkeypatch.setattr(torch, "__version__", "9.9")
    assert probe.cached(CPU, kept) is None


def test_probes_of_several_devices_lie_side_by_side(kept):
    probe.probe(Environment(CPU.device, CPU.data_dir, workers=2), kept)
    assert probe.cached(CPU, kept) is not None
    assert len(json.loads((kept / "probe.json").read_text())["probes"]) == 2


def test_no_probe_was_kept_yet(tmp_path, capsys):
    assert probe.cached(CPU, tmp_path / "none") is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-40],
        lambda text: text.replace('"schema": 1', '"schema": 2'),
        lambda text: text.replace("5000000000.0", "-1.0"),
        lambda text: text.replace("5000000000.0", "NaN"),
        lambda text: text.replace("5000000000.0", '"fast"'),
        lambda text: text.replace('"bandwidth"', '"width"'),
        lambda text: text.replace('"small"', '"tiny"'),
        lambda text: text.replace('"large": 1000000000.0', '"large": 1000000.0'),  # as large as the small one
        lambda text: text.replace("5000000000.0", "1e308"),
        lambda text: text.replace("5000000000.0", "1" + "0" * 400),
        lambda text: text.replace('"date": "', '"date": 7, "when": "'),
        lambda text: "[" * 100_000 + "]" * 100_000,
        lambda text: "[]",
    ],
)
def test_a_damaged_file_is_named_and_not_used_and_a_new_probe_replaces_it(kept, capsys, damage):
    path = kept / "probe.json"
    path.write_text(damage(path.read_text()))
    assert probe.cached(CPU, kept) is None
    assert capsys.readouterr().err.startswith(f"{path} is not used: ")
    probe.probe(CPU, kept)
    assert probe.cached(CPU, kept) is not None


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.EMFILE])
def test_a_file_that_cannot_be_read_is_one_line_and_left_alone(kept, monkeypatch, number):
    path = kept / "probe.json"
    before = path.read_bytes()

    def read_bytes(self):
        raise OSError(number, os.strerror(number), str(self))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", read_bytes)
        for reading in (probe.cached, probe.probe):
            with pytest.raises(UsageError) as caught:
                reading(CPU, kept)
            assert str(caught.value) == f"{path} cannot be read: {os.strerror(number)}; it is left as it is"
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "measure", lambda environment: pytest.fail("measured in vain"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        probe.probe(CPU, tmp_path / "file")


def test_a_measurement_of_this_machine_is_plausible():
    found = probe.measure(CPU, seconds=0.5)
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
    monkeypatch.setattr(probe, "time", found)
    return found


def slow_tasks(clock, monkeypatch, seconds, first=0.0):
    """Make every measurement of tasks that take so long, and return the lists of their calls."""
    calls = []

    def task(*arguments):
        made, made_calls = clock.takes(seconds, first)
        calls.append(made_calls)
        return made

    monkeypatch.setattr(probe, "_step", task)
    monkeypatch.setattr(probe, "_product", lambda *arguments: (1.0, task()))
    monkeypatch.setattr(probe, "_convolution", lambda *arguments: (1.0, task()))
    monkeypatch.setattr(probe, "_bandwidth", lambda device, timed: 1.0 / timed(task()))
    return calls


@pytest.mark.parametrize(("seconds", "first"), [(0.1, 0.0), (0.1, 2.0), (0.001, 1.0)])
def test_a_probe_keeps_to_its_time_however_slow_its_tasks_and_warm_ups_are(clock, monkeypatch, seconds, first):
    calls = slow_tasks(clock, monkeypatch, seconds, first)
    probe.measure(CPU)
    assert len(calls) == probe.MEASUREMENTS
    taken = clock.now - 100.0
    assert probe.SECONDS - 0.1 <= taken <= probe.SECONDS + 0.2 <= 19.0
    spans = [own[-1] - own[0] + seconds + first for own in calls]
    assert max(spans) - min(spans) < 0.3, "equal shares"


def test_several_processes_give_the_median_of_every_speed(monkeypatch):
    found = [Speeds(Rate(1.0, n, 9.0, 2.0 * n), Rate(1.0, 3.0 * n, 9.0, 4.0 * n), 5.0 * n, n) for n in (1.0, 2.0, 7.0)]

    def in_processes(function, tasks, count, preload):
        assert count == len(tasks) == 3, "all measure at once"
        yield from ((task, function(task)) for task in tasks)

    monkeypatch.setattr(probe, "in_processes", in_processes)
    monkeypatch.setattr(probe, "_measure", lambda device, end: found.pop())
    expected = found[1]
    assert probe.measure(Environment(CPU.device, CPU.data_dir, workers=3)) == expected


def test_a_process_that_dies_while_it_measures_is_one_line(monkeypatch):
    def in_processes(function, tasks, count, preload):
        yield from ((task, Died("it was killed")) for task in tasks)

    monkeypatch.setattr(probe, "in_processes", in_processes)
    with pytest.raises(UsageError, match=r"^the probe lost one of its processes: it was killed$"):
        probe.measure(Environment(CPU.device, CPU.data_dir, workers=2))


def test_bandwidth_counts_what_is_read_and_what_is_written(monkeypatch):
    monkeypatch.setitem(probe._COPIED, "cpu", 100)
    assert probe._bandwidth(CPU.device, lambda task: 2.0) == 2 * 4 * 100 / 2.0


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

    monkeypatch.setattr(probe, "in_processes", in_processes)
    probe.measure(Environment(CPU.device, CPU.data_dir, workers=2))
    assert deadlines == [100.0 + probe.SECONDS] * 2
    assert clock.now - 100.0 <= probe.SECONDS + 0.2


def test_a_machine_too_slow_for_the_time_is_measured_once(clock, monkeypatch):
    calls = slow_tasks(clock, monkeypatch, 10.0)
    assert probe.measure(CPU).bandwidth == 0.1
    assert [len(own) for own in calls] == [2] * probe.MEASUREMENTS, "a warm-up and a look"


def test_rates_are_of_single_calls_of_a_convolution_and_of_a_small_one_without_its_operator(clock, monkeypatch):
    slow_tasks(clock, monkeypatch, 0.1)
    found = probe.measure(CPU)
    call = 0.1 / network_cost(probe._tiny, (8,)).training(1, 1).calls
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

    assert probe.seconds_of(task, CPU.device, seconds=5.0) == pytest.approx(0.1)


def test_the_convolution_that_is_timed_goes_forward_and_back_as_autograd_does(monkeypatch):
    drawn = []
    draw = torch.randn
    monkeypatch.setattr(torch, "randn", lambda *size, device: drawn.append(draw(*size)) or drawn[-1])
    operations, step = probe._convolution(2, 3, 5, CPU.device)
    found, (to_maps, to_kernel, _) = step()
    maps, kernel = (tensor.requires_grad_() for tensor in drawn)
    output = torch.nn.functional.conv2d(maps, kernel, padding=1)
    output.sum().backward()
    assert operations == 2 * output.numel() * 9 * 3
    for ours, theirs in ((found, output), (to_maps, maps.grad), (to_kernel, kernel.grad)):
        torch.testing.assert_close(ours, theirs, check_stride=False)


def test_the_step_that_times_operators_is_counted_as_the_model_counts_it():
    counted = network_cost(probe._tiny, (8,))
    assert probe._TINY.training(1, 1).calls == counted.training(1, 1).calls


def test_a_task_is_timed_by_the_median_of_many(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(probe.time, "perf_counter", lambda: next(clock) * 0.5)
    calls = []
    assert probe.seconds_of(lambda: calls.append(1), torch.device("cpu"), seconds=5.0) == 0.5
    assert len(calls) > 3


def test_a_gpu_is_measured_by_replays_as_it_trains():
    with FakeGpu() as gpu:
        device = torch.device("cuda")
        counted = torch.zeros((), device=device)
        task = probe._as_in_training(lambda: counted.add_(1.0), device)
        for _ in range(4):
            task()
        assert counted.item() == 3 + 4  # warm-ups, and every call
        step = probe._step(device)
        gpu.waits.clear()
        probe._as_in_training(step, device)()
    assert len(gpu.graphs) == 2
    assert not gpu.waits
