"""The paper packages, found by their folders: `common` imports none of them by name."""

import importlib
from collections.abc import Sequence

from common.code_hash import ROOT
from common.errors import UsageError
from common.pipeline import Package


def find(named: Sequence[str] = ()) -> list[Package]:
    """Return the packages named as `papers/freezenet`, or all; raise UsageError for one that does not exist."""
    known = sorted(f"papers/{path.parent.name}" for path in ROOT.glob("papers/*/reproduce.py"))
    chosen = list(dict.fromkeys(name.rstrip("/") for name in named)) or known
    for name in chosen:
        if name not in known:
            raise UsageError(f"unknown paper '{name}'; there are: {', '.join(known)}")
    return [importlib.import_module(f"{name.replace('/', '.')}.reproduce").PACKAGE for name in chosen]
