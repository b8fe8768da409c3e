"""The device and how it is set up, once a process."""

import ctypes
import os
import sys

import torch

from common.errors import UsageError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's names for what mallopt sets


def device_of(name: str) -> torch.device:
    """Return the device called `cpu` or `cuda[:index]`, set up; raise UsageError where it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device '{name}'; use cpu, cuda or cuda:1") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"unknown device '{name}'; use cpu, cuda or cuda:1")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(f"device '{name}' was asked for, but {count} CUDA devices are here; use --device cpu")
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    keep_memory()
    return device


def keep_memory() -> None:
    """Tell glibc to reuse large blocks of memory, not to map them afresh.

    A training step allocates gradients of the same sizes again and again; fresh pages cost it 10 to 25 %.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
            libc.mallopt(_M_TRIM_THRESHOLD, 1 << 30)
