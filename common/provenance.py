"""Where a record comes from: commit, machine, versions, and the code behind a job's key."""

import ast
import hashlib
import importlib.util
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from common.code_hash import ROOT, canonical

PROJECT_PACKAGES = ("common", "papers")
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


def code_fingerprint(module: str) -> str:
    """Return a hash of the code that `module` rests on: itself and all that it imports from the project.

    Comments, formatting and docstrings do not count, so a better sentence leaves results valid.
    """
    digest = hashlib.sha256()
    for name in sorted(_import_closure(module)):
        digest.update(name.encode() + b"\0" + _code(name).encode() + b"\0")
    return digest.hexdigest()[:16]


def _import_closure(module: str) -> set[str]:
    found: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += _project_imports(name)
    return found


@cache
def _source(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source for module {module}")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


@cache
def _code(module: str) -> str:
    return canonical(_source(module))


@cache
def _project_imports(module: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(_source(module)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.append(inner if _is_module(inner) else node.module)
    return [name for name in names if name.split(".")[0] in PROJECT_PACKAGES]


@cache
def _is_module(name: str) -> bool:
    if name.split(".")[0] not in PROJECT_PACKAGES:
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


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
