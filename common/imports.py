"""What a module rests on: all that it imports of the project, followed through its source."""

import ast
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from common.code_hash import canonical

PROJECT_PACKAGES = ("common", "papers")


def code_fingerprint(module: str) -> str:
    """Return a hash of the code that `module` rests on: itself and all that it imports from the project.

    Comments, formatting and docstrings do not count, so a better sentence leaves results valid.
    """
    digest = hashlib.sha256()
    for name in sorted(import_closure(module)):
        digest.update(name.encode() + b"\0" + _code(name).encode() + b"\0")
    return digest.hexdigest()[:16]


def import_closure(module: str) -> set[str]:
    """Return the names of a module and of all that it imports, wherever the import stands."""
    found: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += imported_by(name)
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
def imported_by(module: str) -> list[str]:
    """Return the project's modules that a module imports, wherever the import stands."""
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
