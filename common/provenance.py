"""Where a record comes from: commit, machine and versions."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from common.code_hash import ROOT

DISPATCH = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""Environment variables that choose among a library's kernels, which round differently."""
_KIND = {"cpu family": "family", "model": "model", "CPU implementer": "implementer", "CPU part": "part"}


@cache
def provenance() -> dict[str, Any]:
    """Return commit, dirty flag, versions and machine, as plain values for a record."""
    return {
        **_commit(),
        "versions": {name: version(name) for name in ("torch", "torchvision", "numpy", "scikit-learn")}
        | {"torch": str(torch.__version__), "python": platform.python_version()},
        "machine": {
            "system": " ".join([platform.system(), platform.machine(), *filter(None, platform.libc_ver())]),
            "processor": _processor(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "variables": {name: os.environ[name] for name in DISPATCH if name in os.environ},
        },
    }


TRACKED = ("common", "papers", "expectations")
"""The folders whose untracked files count as changes: what runs and judges."""


def _commit() -> dict[str, Any]:
    """Return the commit, and whether files differ from it; both "unknown" where git does not say."""
    unknown = {"commit": "unknown", "dirty": "unknown"}
    top = _git("rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != ROOT:  # installed inside another repository, whose commit says nothing
        return unknown
    commit, tracked = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    untracked = _git("ls-files", "--others", "--exclude-standard", "--", *TRACKED)
    if commit is None or tracked is None or untracked is None:
        return unknown
    return {"commit": commit, "dirty": bool(tracked or untracked)}


def _git(*arguments: str) -> str | None:
    """Return what git prints, or None where it cannot be asked or fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    """Return the processor's name with its family and model: "AMD EPYC" alone is the name of many."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    name = fields.get("model name") or platform.processor() or platform.machine()
    kind = [f"{label} {fields[key]}" for key, label in _KIND.items() if key in fields]
    return f"{name} ({', '.join(kind)})" if kind else name
