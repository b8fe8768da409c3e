"""The device, and how a process is set up for it."""

import ctypes
import math
import os
import sys

import torch

from common import cgroup
from common.errors import UsageError
from common.provenance import provenance

MOST_WORKERS = 16  # where nobody says how many
WORKER_MEMORY = 2**29  # bytes that a process takes, most of it for its own copy of the libraries
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's names for what mallopt sets
_REMEDIES = (  # for what torch says of CUDA, lower case
    ("too old", "update the NVIDIA driver, or install a torch wheel for an older CUDA"),
    ("no nvidia driver", "install one, or use --device cpu"),
    ("not compiled", "install a torch wheel with CUDA, or use --device cpu"),
)


def device_of(name: str) -> torch.device:
    """Return the device called `cpu` or `cuda[:index]`; raise UsageError for any other name."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device '{name}'; use cpu, cuda or cuda:1") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"unknown device '{name}'; use cpu, cuda or cuda:1")
    return device


def fastest_device() -> torch.device:
    """Return a GPU where torch can use one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def require(device: torch.device) -> None:
    """Raise UsageError where the device is not on this machine or cannot compute, with torch's reason.

    A GPU becomes the current one: captured steps run on the current GPU's streams.
    """
    if device.type == "cpu":
        count = 1
    else:
        try:
            torch.cuda.init()  # type: ignore[no-untyped-call]  # raises what device_count keeps to itself
            count = torch.cuda.device_count()
        except (AssertionError, RuntimeError) as error:
            raise UsageError(_no_cuda(device, error)) from None
    if (device.index or 0) >= count:
        raise UsageError(f"device '{device}' was asked for, but there are {count} of its kind here; use --device cpu")
    try:
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)
        torch.ones(1, device=device).add_(1.0)
    except (AssertionError, RuntimeError) as error:
        raise UsageError(_no_cuda(device, error)) from None


def _no_cuda(device: torch.device, error: Exception) -> str:
    """Return in one line what torch says, and what to do."""
    reason = " ".join(str(error).split()).rstrip(".")
    remedy = next((what for sign, what in _REMEDIES if sign in reason.lower()), "check nvidia-smi, or use --device cpu")
    wheel = f"torch {torch.__version__}, built for CUDA {torch.version.cuda or '(none)'}"
    return f"device '{device}' was asked for, but {wheel}, cannot use it: {reason}; {remedy}"


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, of the processor for the CPU, or `cuda` where there is no GPU."""
    if device.type == "cpu":
        return str(provenance()["machine"]["processor"])
    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else device.type


def memory_of(device: torch.device) -> int | None:
    """Return the memory of a GPU in bytes; None where there is none here, and for a CPU, whose all processes share."""
    if device.type == "cpu" or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_properties(device).total_memory


def require_memory(device: torch.device, needed: float, what: str) -> None:
    """Raise UsageError where a GPU's memory cannot hold so many bytes, which `what` needs."""
    has = memory_of(device)
    if has is not None and needed > has:
        raise UsageError(
            f"{device_name(device)} has {_gibibytes(has)} of memory, but {what} needs about {_gibibytes(needed)} even "
            "alone, without data; use another GPU, or leave it out with --only"
        )


def _gibibytes(size: float) -> str:
    return f"{size / 2**30:.3g} GiB"


def workers_on(device: torch.device) -> int:
    """Return how many processes train at once: one a core on a CPU, as far as memory goes, and one on a GPU.

    A container's limits count like the machine's.
    """
    if device.type != "cpu":
        return 1
    cores, memory = min(_cores(), cgroup.cores()), cgroup.memory() // WORKER_MEMORY
    return max(1, math.ceil(min(cores, memory, MOST_WORKERS)))


def _cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def set_up() -> None:
    """Set up this process for training: one thread, and memory that is kept.

    One thread makes results independent of the number of cores. Keeping freed blocks spares each step the
    page faults of gradients that are allocated again and again, 10 to 25 % of its time. On a GPU, convolutions take
    algorithms that give the same bits each time, as a run that goes on after an interruption needs, and matrix products
    a workspace of their own.
    """
    torch.set_num_threads(1)
    torch.backends.cudnn.deterministic = True
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when a GPU multiplies for the first time
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_M_MMAP_THRESHOLD, 64 << 20)
            libc.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
