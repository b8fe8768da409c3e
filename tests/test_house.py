"""The house as it is meant to be: who may import whom, and what the nouns rest on."""

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from common.code_hash import ROOT
from common.imports import import_closure, imported_by
from common.package import find_packages

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for folder in ("common", "papers")
    for path in (ROOT / folder).rglob("*.py")
)
PROCEDURES = {
    f"{package.name}: {experiment.procedure.name}": experiment.procedure
    for package in find_packages()
    for experiment in package.experiments
}


def test_no_file_imports_another_in_a_circle():
    graph = {module: set(imported_by(module)) - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", MODULES)
def test_common_knows_no_paper_and_no_paper_another(module):
    own = module.split(".")[:2]
    papers = [name for name in imported_by(module) if name.startswith("papers.")]
    assert all(own[0] == "papers" and name.split(".")[:2] == own for name in papers), papers


@pytest.mark.parametrize("module", ["common.experiment", "common.package", "common.study", "common.claims.claim"])
def test_nouns_need_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


WINGS = ("claims", "plan", "report", "tools")


@pytest.mark.parametrize("name", PROCEDURES)
def test_what_trains_rests_on_nothing_that_plans_judges_or_tells(name):
    names = import_closure(PROCEDURES[name].run.__module__)
    assert not [module for module in names if module.split(".")[1] in WINGS]


def test_no_file_is_long():
    long = {
        name: lines
        for folder in ("common", "papers")
        for name, lines in (
            (path.relative_to(ROOT).as_posix(), len(path.read_text(encoding="utf-8").splitlines()))
            for path in (ROOT / folder).rglob("*.py")
        )
        if lines > 250
    }
    assert long == {}
