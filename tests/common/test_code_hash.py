import ast
import hashlib
import subprocess
import sys

import pytest

from common import code_hash
from common.code_hash import APART, ROOT, canonical, core
from common.imports import import_closure
from common.package import find_packages

BODY = """
async def g(a, /, b=None, *, c, d=1, **k):
    async with a as b:
        return {**k, "a": ..., "b": f"{a}" "x" f"{a!r:>{b}}" f"{a:{b}.{c}f}{{}}" f"{c=}"}
match a:
    case {"x": 1, **rest}: x: int
    case [1, *_] | None: pass
z = 1e400 + 1j + -0.0
"""


def text(code):
    return canonical(ast.parse(code))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"""A module."""\nx = 1', "x = 1  # one"),
        ('def f():\n    """Say."""\n    return 1', "def f():\n    return 1"),
        ('class A:\n    """Say."""\n    x = 1', "class A:\n    x = 1"),
        ('async def f():\n    """Say."""\n    return 1', "async def f(): return 1"),
        ("x = (1 +\n  2)", "x = 1 + 2"),
        ('x = "a" "b"', "x = 'ab'"),
        ('x = u"a"', 'x = "a"'),
    ],
)
def test_words_and_formatting_do_not_count(one, other):
    assert text(one) == text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = None", "x = ..."),
        ("return_ = f(a)", "return_ = f(*a)"),
        ("def f(a, b=1): pass", "def f(a, *, b=1): pass"),
        ('x = "text"', 'x = "another"'),
        ("x = {**a}", "x = {a: a}"),
        ("x = a if b else c", "x = c if b else a"),
        ('x = f"{a}"', 'x = f"{a!r}"'),
    ],
)
def test_what_a_program_does_counts(one, other):
    assert text(one) != text(other)


DIGEST = "5fcc6da3"  # of 3.11.2, 3.11.7, 3.12.1 and 3.13.0, which differ in what they leave empty


def test_every_version_of_python_gives_the_same_text():
    assert hashlib.sha256(text(BODY).encode()).hexdigest()[:8] == DIGEST


def closure(module):
    return import_closure(module)


@pytest.mark.parametrize("package", find_packages(), ids=lambda package: package.name)
def test_all_that_trains_is_in_the_hash_and_nothing_that_is_apart_is_imported_by_it(package):
    hashed = {path.relative_to(ROOT).as_posix() for path in core()}
    for procedure in {experiment.procedure for experiment in package.experiments}:
        of_package = {path.relative_to(ROOT).as_posix() for path in code_hash.of_package(procedure.run.__module__)}
        for module in closure(procedure.run.__module__):
            name = module.replace(".", "/")
            assert {f"{name}.py", f"{name}/__init__.py"} & (hashed | of_package), module


def test_what_is_apart_exists():
    assert all((ROOT / name).exists() for name in APART)


def test_how_jobs_are_run_and_set_up_counts():
    hashed = {path.relative_to(ROOT).as_posix() for path in core()}
    assert {
        "common/machine.py",
        "common/train/precision.py",
        "common/run/run.py",
        "common/run/group.py",
        "common/models/grouped.py",
    } <= hashed


def test_a_module_without_source_is_named():
    with pytest.raises(ModuleNotFoundError, match="gone"):
        code_hash.code_hash("tests.gone")


def test_hashes_are_those_of_another_process():
    code = "from common.code_hash import code_hash; print(code_hash('papers.fast.training'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == code_hash.code_hash("papers.fast.training")
