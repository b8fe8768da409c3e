import subprocess
import sys
from dataclasses import dataclass, field, replace

import pytest

from common.cell import describe, plain
from common.errors import UsageError
from common.experiment import Experiment, Grid, Job, Metric, Metrics, Procedure
from common.package import Package
from common.run.expand import expand
from tests import conftest


@dataclass(frozen=True)
class Setting:
    name: str = "toy"
    width: int = 4


@dataclass(frozen=True)
class Cell:
    method: str
    rate: float | None = None
    layers: tuple[int, ...] = (1, 2)
    hidden: bool = False
    setting: Setting = Setting()


JOB = Job(conftest.TOY, Cell("a"), 0)


def test_equal_jobs_have_equal_keys():
    spelled_out = Cell("a", None, (1, 2), False, Setting("toy", 4))
    assert Job(conftest.TOY, spelled_out, 0).key == JOB.key
    assert len(JOB.key) == 16
    assert int(JOB.key, 16) >= 0


def test_each_field_of_the_cell_and_the_seed_change_the_key():
    changes = {"method": "b", "rate": 0.0, "layers": (2, 1), "hidden": True, "setting": Setting(width=5)}
    assert changes.keys() == vars(JOB.cell).keys()
    jobs = [JOB, *(replace(JOB, cell=replace(JOB.cell, **{name: new})) for name, new in changes.items())]
    jobs += [replace(JOB, cell=replace(JOB.cell, setting=Setting("other")))]
    jobs += [replace(JOB, seed=seed) for seed in (1, 2)]
    assert len({job.key for job in jobs}) == len(jobs)


def moved(jobs, environment):
    return conftest.toy(jobs, environment)


@dataclass(frozen=True)
class Named:
    """Stands for a data set, which a key knows by its name."""

    name: str
    size: int = 3

    @property
    def plain(self):
        return self.name


def test_what_has_a_plain_form_of_its_own_is_that_in_the_fields_behind_the_key():
    cell = Cell("a", layers=(Named("x"), Setting("deep")), setting=Setting(name=Named("y")))
    assert plain(cell) == {
        "method": "a",
        "rate": None,
        "layers": ["x", {"name": "deep", "width": 4}],
        "hidden": False,
        "setting": {"name": "y", "width": 4},
    }
    assert describe(Cell(Named("x"))) == "method=x, layers=(1, 2), hidden=False, setting=toy"


def test_the_procedure_by_its_name_is_part_of_the_key_and_its_code_is_not(monkeypatch):
    assert Job(replace(conftest.TOY, name="other"), JOB.cell, 0).key != JOB.key
    assert Job(replace(conftest.TOY, run=moved), JOB.cell, 0).key == JOB.key
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "another algorithm")
    assert replace(JOB).key == JOB.key
    assert JOB.procedure.code == "another algorithm"


def test_a_new_field_with_a_default_changes_the_key():
    @dataclass(frozen=True)
    class Longer(Cell):
        extra: int = 0

    assert Job(conftest.TOY, Longer("a"), 0).key != JOB.key


@dataclass
class Unfrozen:
    setting: Setting = field(default_factory=Setting)


@dataclass(frozen=True)
class Homeless:
    method: str = "a"


@dataclass(frozen=True)
class Listing:
    rates: list[float] = field(default_factory=list)
    setting: Setting = Setting()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([Unfrozen()], "cells of type Unfrozen must be frozen dataclasses"),
        (["a"], "cells of type str must be frozen dataclasses"),
        ([Homeless()], "cells of type Homeless need a 'setting'"),
        ([Listing()], "cells of type Listing must have hashable fields: unhashable type: 'list'"),
        ([Cell("a"), Cell("b"), Cell("a")], "a grid declares this cell twice: method=a"),
    ],
)
def test_cells_that_no_grid_can_hold_are_refused_when_it_is_declared(cells, words):
    with pytest.raises(UsageError, match=words):
        Grid(cells)


def test_a_grid_needs_a_seed():
    with pytest.raises(UsageError, match="a grid with 0 seeds: at least one is needed"):
        Grid([Cell("a")], 0)


def test_a_function_that_workers_do_not_find_is_refused():
    def local(jobs, environment):
        return conftest.toy(jobs, environment)

    with pytest.raises(UsageError, match=r"procedure 'toy': worker processes do not find .*local"):
        Procedure("toy", local, {}, conftest.work)
    with pytest.raises(UsageError, match="worker processes do not find"):
        Procedure("toy", conftest.toy, {}, lambda cell: None)


def test_a_function_of_a_script_is_refused(monkeypatch):
    monkeypatch.setattr(conftest.toy, "__module__", "__main__")
    with pytest.raises(
        UsageError, match="procedure 'toy': worker processes do not find toy: it must be a function of a"
    ):
        Procedure("toy", conftest.toy, {}, conftest.work)


def test_a_metric_has_a_unit_that_there_is():
    with pytest.raises(UsageError, match="unknown unit 'percent' of a metric; there are: fraction, count"):
        Metric("percent", "How many.")


@pytest.mark.parametrize(
    ("scalars", "withheld", "words"),
    [
        ({"score": 1.0, "validation_accuracy": 1.0}, {}, ""),
        ({"score": 1.0}, {"validation_accuracy": "there is none"}, ""),
        ({"score": 1.0}, {}, "declares what was neither measured nor withheld: validation_accuracy"),
        ({"score": 1.0, "validation_accuracy": 1.0, "more": 1.0}, {}, "does not declare what was measured: more"),
    ],
)
def test_what_was_measured_is_held_against_what_is_declared(scalars, withheld, words):
    assert conftest.TOY.problem(Metrics(scalars, withheld=withheld)).endswith(words)
    assert bool(conftest.TOY.problem(Metrics(scalars, withheld=withheld))) == bool(words)


def test_two_experiments_or_procedures_of_one_name_are_refused():
    with pytest.raises(UsageError, match="papers/toy declares two experiments 'table': rename one"):
        Package("toy", (conftest.experiment(), conftest.experiment(seeds=3)), list)
    twin = replace(conftest.experiment("other"), procedure=replace(conftest.TOY))
    with pytest.raises(UsageError, match="papers/toy declares two procedures 'toy': rename one"):
        Package("toy", (conftest.experiment(), twin), list)


@dataclass(frozen=True)
class Adam:
    rate: float = 0.1


@dataclass(frozen=True)
class Nadam:
    rate: float = 0.1


@dataclass(frozen=True)
class Tuned:
    optimizer: Adam | Nadam
    setting: Setting = Setting()


def test_cells_that_differ_in_a_class_alone_are_refused_for_they_would_share_a_record():
    experiment = Experiment("table", "Table 9", conftest.TOY, smoke=Grid([Tuned(Adam()), Tuned(Nadam())]))
    with pytest.raises(UsageError, match="differs from another job in its classes alone"):
        expand(conftest.study_of(experiment))


BAD = """
import sys
from common.cli import main
from common.experiment import Experiment, Grid
from common.package import Package
from tests import conftest

BROKEN = Experiment("table", "Table 9", conftest.TOY, smoke=Grid(["not a cell"]))
sys.exit(main(Package("toy", (BROKEN,), lambda results: [])))
"""


def test_a_bad_declaration_ends_a_command_in_one_line_and_code_2():
    done = subprocess.run([sys.executable, "-c", BAD], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: cells of type str must be frozen dataclasses\n")


def test_any_other_mistake_keeps_its_traceback():
    code = "from common import cli\nraise KeyError('typo')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
