"""How fast this device is: products, convolutions, copies and operator calls, timed as training does them."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.errors import UsageError
from common.machine import set_up
from common.plan.cost import Rate, Speeds
from common.plan.network_cost import NetworkCost
from common.run.call import Environment
from common.run.workers import Died, in_processes
from common.train.capture import repeated

SECONDS = 18.0  # of the 20, with the start of processes; the others are for the last task and the end of processes
MEASUREMENTS = 6
_BLOCK = 0.03  # seconds between two looks at the clock
_SIDES = {"cpu": (192, 1280), "cuda": (256, 8192)}  # of the matrices
_MAPS = {  # batch, channels and side of the convolutions' maps
    "cpu": ((100, 16, 8), (32, 128, 16)),
    "cuda": ((128, 16, 8), (512, 256, 32)),
}
_COPIED = {"cpu": 1 << 24, "cuda": 1 << 28}  # floats, more than a cache holds
_TINY_LAYERS = 8
_TINY = NetworkCost(layers=2 * _TINY_LAYERS, products=_TINY_LAYERS, tensors=2 * _TINY_LAYERS)  # as the model counts


def measure(environment: Environment, seconds: float = SECONDS) -> Speeds:
    """Measure in as many processes as train at once, since they share memory and often cores; return the medians.

    All is done `seconds` from now, give or take one task: slow starts and warm-ups leave less to the measurements.
    """
    end = time.monotonic() + seconds  # one clock for all processes
    device, workers = environment.device, environment.workers
    if workers == 1:
        set_up()
        return _measure(device, end)
    with closing(in_processes(partial(_measure, device), [end] * workers, workers, [__name__])) as outcomes:
        found = [_measured(outcome) for _, outcome in outcomes]
    return Speeds(
        _median([speeds.products for speeds in found]),
        _median([speeds.convolutions for speeds in found]),
        statistics.median(speeds.bandwidth for speeds in found),
        statistics.median(speeds.call for speeds in found),
    )


def _measured(outcome: Speeds | Died) -> Speeds:
    if isinstance(outcome, Died):
        raise UsageError(f"the probe lost one of its processes: {outcome.cause}")
    return outcome


def _median(rates: list[Rate]) -> Rate:
    return Rate(*(statistics.median(getattr(rate, field.name) for rate in rates) for field in fields(Rate)))


def _measure(device: torch.device, end: float) -> Speeds:
    """Measure this process's part of the device until `end` on the monotonic clock, with torch's present precision."""
    shares = _shares(end)

    def timed(task: Callable[[], object]) -> float:
        return seconds_of(_as_in_training(task, device), device, next(shares))

    call = timed(_step(device)) / _TINY.training(1, 1).calls
    return Speeds(
        _rate([_product(side, device) for side in _SIDES[device.type]], call, timed),
        _rate([_convolution(*maps, device) for maps in _MAPS[device.type]], call, timed, calls=3),
        _bandwidth(device, timed),
        call,
    )


def _as_in_training(task: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """Return a task as training does it: on a GPU captured and replayed, where operators cost the host nothing."""

    def work(inputs: Sequence[Tensor]) -> Tensor:
        task()
        return inputs[0]

    step, nothing = repeated(work, [], device), torch.empty(0, device=device)
    return lambda: step([nothing])


def _shares(end: float) -> Iterator[float]:
    """Yield the seconds of each measurement: its share of what is left now, whatever went before took."""
    for left in range(MEASUREMENTS, 0, -1):
        yield (end - time.monotonic()) / left


Task = tuple[float, Callable[[], object]]
"""A number of operations, and what computes them."""
Timed = Callable[[Callable[[], object]], float]
"""Return the seconds of one call."""


def _rate(tasks: list[Task], call: float, timed: Timed, calls: int = 1) -> Rate:
    """Return the rate of a small and a large task of so many calls each, which the model counts apart."""
    (small, small_time), (large, large_time) = ((n, timed(task) / calls) for n, task in tasks)
    return Rate(small, small / max(small_time - call, 0.2 * small_time), large, large / large_time)


def _product(side: int, device: torch.device) -> Task:
    left, right = torch.randn(side, side, device=device), torch.randn(side, side, device=device)
    return 2.0 * side**3, lambda: left @ right


def _convolution(batch: int, channels: int, side: int, device: torch.device) -> Task:
    """Return a convolution of training: forward, and back to its maps and its kernel, which is slower."""
    maps = torch.randn(batch, channels, side, side, device=device).contiguous(memory_format=torch.channels_last)
    kernel = torch.randn(channels, channels, 3, 3, device=device).contiguous(memory_format=torch.channels_last)
    gradient, ones = torch.ones_like(maps), [1, 1]

    def step() -> object:  # what autograd calls, which itself would first import sympy, for seconds
        back = (gradient, maps, kernel, None, ones, ones, ones, False, [0, 0], 1, [True, True, False])
        return F.conv2d(maps, kernel, padding=1), torch.ops.aten.convolution_backward(*back)

    return 2.0 * batch * side**2 * 9 * channels**2, step


def _bandwidth(device: torch.device, timed: Timed) -> float:
    """Return bytes a second, read and written, of a copy."""
    source = torch.zeros(_COPIED[device.type], device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / timed(lambda: target.copy_(source))


def _step(device: torch.device) -> Callable[[], None]:
    """Return a training step whose arithmetic is nothing, so that its time is that of its operators.

    On a CPU that holds what an operator costs beside its arithmetic: Python, autograd and the allocator.
    """
    model = _tiny().to(device)
    parameters: list[Tensor] = list(model.parameters())
    buffers = [torch.zeros_like(parameter) for parameter in parameters]
    images, labels = torch.randn(64, 8, device=device), torch.zeros(64, dtype=torch.long, device=device)
    index = torch.arange(4, device=device)

    def step() -> None:
        loss = F.cross_entropy(model(images[index]), labels[index])
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            torch._foreach_mul_(buffers, 0.9)
            torch._foreach_add_(buffers, list(gradients))
            torch._foreach_add_(parameters, buffers, alpha=-1e-9)

    return step


def _tiny() -> nn.Module:
    return nn.Sequential(*(layer for _ in range(_TINY_LAYERS) for layer in (nn.Linear(8, 8), nn.ReLU())))


def seconds_of(task: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Return the median time of a task over so many seconds, a warm-up included, however long one call takes.

    A GPU is waited for at every look.
    """
    end = time.perf_counter() + seconds
    task()
    _wait(device)
    count, block = 1, 0.0
    while block < _BLOCK:
        block = _block(task, count, device)
        count *= 1 if block >= _BLOCK else 2
    times = [block / count]
    while time.perf_counter() < end:
        times.append(_block(task, count, device) / count)
    return statistics.median(times)


def _block(task: Callable[[], object], count: int, device: torch.device) -> float:
    started = time.perf_counter()
    for _ in range(count):
        task()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
