"""A hash of the code that a job's numbers rest on: too much of it rather than too little.

It covers all of `common` but what plans, judges and tells, and the whole paper package of a run function but its
figures. Comments, formatting and docstrings do not count, and all versions of Python give the same hash.
"""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

APART = (
    "common/claims",
    "common/cli.py",
    "common/command.py",
    "common/expectations.py",
    "common/package.py",
    "common/plan",
    "common/report",
    "common/reproduce.py",
    "common/run/older.py",
    "common/run/origins.py",
    "common/run/stale.py",
    "common/tools",
)
"""What plans, judges and tells: a change of it can change no number that a job measures."""

TELLING = {"figures", "figures.py", "reproduce.py"}
"""The modules and folders of a paper that draw what is recorded, and list what is declared."""


@cache
def code_hash(module: str) -> str:
    """Return 16 hexadecimal digits for the code behind a run function that `module` defines.

    Raises ModuleNotFoundError for a module without source.
    """
    return hashlib.sha256(json.dumps(digests(module)).encode()).hexdigest()[:16]


def digests(module: str) -> dict[str, str]:
    """Return what the hash is made of: each file's name and digest. Raises as `code_hash` does."""
    return {
        path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name: _digest(path)
        for path in sorted({*core(), *of_package(module)})
    }


def core() -> Iterator[Path]:
    """Yield the files of `common` that can change a number."""
    for path in (ROOT / "common").rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if not any(name == part or name.startswith(f"{part}/") for part in APART):
            yield path


def of_package(module: str) -> Iterator[Path]:
    """Yield the files of the paper package that a module belongs to; of any other module, the module itself."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source for module {module}")
    path = Path(spec.origin)
    papers = ROOT / "papers"
    if not path.is_relative_to(papers):
        yield path
        return
    for member in (papers / path.relative_to(papers).parts[0]).rglob("*.py"):
        if TELLING.isdisjoint(member.relative_to(papers).parts):
            yield member


@cache
def _digest(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return hashlib.sha256(canonical(tree).encode()).hexdigest()[:16]


def canonical(node: ast.AST) -> str:
    """Return a syntax tree as text without positions, docstrings, and whatever is empty.

    Versions of Python differ in the fields that they leave empty and in how they write code out again, not in this.
    """
    parts = []
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "kind", "type_comment", "type_ignores"):
            continue
        if name == "body" and _documented(node):
            value = value[1:]
        if isinstance(node, ast.JoinedStr):
            value = [part for part in value if not (isinstance(part, ast.Constant) and part.value == "")]
        if value is None or value == []:
            continue
        parts.append(f"{name}={_text(value)}")
    if isinstance(node, ast.Constant) and node.value is None:
        parts.append("value=None")
    return f"{type(node).__name__}({','.join(parts)})"


def _documented(node: ast.AST) -> bool:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None


def _text(value: object) -> str:
    if isinstance(value, ast.AST):
        return canonical(value)
    if isinstance(value, list):
        return f"[{','.join(_text(item) for item in value)}]"
    return f"{type(value).__name__}:{value!r}"
