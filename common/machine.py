"""The device, and how a process is set up for it."""

import ctypes
import os
import sys

import torch

from common.errors import UsageError

MOST_WORKERS = 16  # each holds its own copy of the libraries, about 0.4 GiB
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's names for what mallopt sets


def device_of(name: str) -> torch.device:
    """Return the device called `cpu` or `cuda[:index]`; raise UsageError for any other name."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device '{name}'; use cpu, cuda or cuda:1") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"unknown device '{name}'; use cpu, cuda or cuda:1")
    return device


def require(device: torch.device) -> None:
    """Raise UsageError where the device is not on this machine."""
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if (device.index or 0) >= count:
        raise UsageError(f"device '{device}' was asked for, but {count} CUDA devices are here; use --device cpu")


def workers_on(device: torch.device) -> int:
    """Return how many processes train at once: one a core on a CPU, one on a GPU."""
    if device.type != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def set_up() -> None:
    """Set up this process for training: one thread, and memory that is kept.

    One thread makes results independent of the number of cores. Keeping freed blocks spares each step the
    page faults of gradients that are allocated again and again, 10 to 25 % of its time.
    """
    torch.set_num_threads(1)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_M_MMAP_THRESHOLD, 64 << 20)
            libc.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
