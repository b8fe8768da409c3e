"""What a container, or another control group of Linux, lets its processes use of the machine."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path("/")


def cores(root: Path = ROOT) -> float:
    """Return how many cores' worth of time this process may take; infinity where nothing limits it.

    The least of all groups that the process is in, up to the root; `root` is where /proc and /sys lie.
    """
    return min(_limits(root, "cpu", _cores), default=math.inf)


def memory(root: Path = ROOT) -> float:
    """Return how many bytes this process may hold together with all others of its groups; infinity for no limit."""
    return min(_limits(root, "memory", _bytes), default=math.inf)


def _limits(root: Path, controller: str, read: Callable[[Path], float]) -> Iterator[float]:
    """Yield the limit of every group of the process, in either version of control groups.

    In a container the groups' paths may be those outside, while only the container's own group is there, at the root.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        group = Path(path.lstrip("/"))
        for tree in (controllers, controller) if controllers else ("", "unified"):
            for inner in (group, *group.parents):
                yield read(root / "sys/fs/cgroup" / tree / inner)


def _cores(group: Path) -> float:
    quota, _, period = _text(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
    limit, length = _number(quota), _number(period)
    return limit / length if 0.0 < limit < math.inf and 0.0 < length < math.inf else math.inf


def _bytes(group: Path) -> float:
    return _number(_text(group / "memory.max") or _text(group / "memory.limit_in_bytes"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> float:
    """Return a number, or infinity where there is none, as in `max`."""
    return float(text) if text.lstrip("-").isdigit() else math.inf
