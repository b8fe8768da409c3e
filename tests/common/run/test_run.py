import json
import weakref
from dataclasses import dataclass, replace

import pytest
import torch

from common.datasets import DataSet, load
from common.datasets.digits import DIGITS
from common.errors import UsageError
from common.experiment import Job
from common.run.attempt import run_group
from common.run.call import Environment
from common.run.record import Store
from common.run.resume import CHECKPOINTS
from common.run.run import _run_group_of, run_missing
from common.run.together import together
from common.run.workers import cause_of
from common.train.state_file import owner_of
from tests import conftest, runs

SIZES = []


def hungry(jobs, call):
    """Hold no more than three jobs at once."""
    SIZES.append(len(jobs))
    if len(jobs) > 3:
        raise torch.OutOfMemoryError("CUDA out of memory")
    yield from conftest.toy(jobs, call)


class Memory:
    """What an attempt holds."""


HELD = []


def holding(jobs, call):
    """Need room for one job at a time, where nothing is left of earlier attempts, not even in a circle."""
    assert [memory() for memory in HELD if memory() is not None] == []
    memory = Memory()
    memory.itself = memory
    HELD.append(weakref.ref(memory))
    if len(jobs) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory")
    memory.itself = None
    yield from conftest.toy(jobs, call)


def insatiable(jobs, call):
    """Hold not even one job."""
    raise torch.OutOfMemoryError("CUDA out of memory")
    yield


@dataclass(frozen=True)
class Exact:
    """A setting whose recipe names a precision."""

    name: str = "exact"
    precision: str = "bf16"


def precise(jobs, call):
    """Say whether products run in bfloat16 while jobs do."""
    for measured in conftest.toy(jobs, call):
        assert torch.is_autocast_enabled("cpu")
        yield measured


@pytest.fixture
def store(tmp_path):
    SIZES.clear()
    HELD.clear()
    found = Store(tmp_path / "results")
    found.open()
    (found.folder / CHECKPOINTS).mkdir()
    return found


def grouped(run, count, store, setting=None):
    settings = {} if setting is None else {"setting": setting}
    jobs = [Job(conftest.procedure(run), conftest.Cell("a", 0.1, **settings), seed) for seed in range(count)]
    return jobs, run_group(jobs, store, Environment(torch.device("cpu"), store.folder))


def test_a_group_that_memory_cannot_hold_goes_on_in_halves(store, capsys):
    jobs, errors = grouped(hungry, 10, store)
    assert errors == {}
    assert all(store.read(job) is not None for job in jobs)
    assert SIZES == [10, 5, 3, 2, 5, 3, 2]
    assert "not enough memory for 10 jobs together: they go on in halves" in capsys.readouterr().err


def test_what_a_group_held_is_free_before_it_goes_on_in_halves(store):
    _, errors = grouped(holding, 4, store)
    assert errors == {}
    assert len(HELD) == 7


WORDS = []


def starved(jobs, call):
    """Lack memory for more than three jobs, in the words of CUDA or of a library of it."""
    SIZES.append(len(jobs))
    if len(jobs) > 3:
        raise RuntimeError(*WORDS)
    yield from conftest.toy(jobs, call)


@pytest.mark.parametrize(
    "message", ["CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"]
)
def test_memory_that_torch_does_not_allocate_may_be_short_too(message, store):
    WORDS[:] = [message]
    _, errors = grouped(starved, 6, store)
    assert errors == {}
    assert SIZES == [6, 3, 3]


def test_a_job_that_memory_cannot_hold_alone_is_an_error_with_its_name(store, capsys):
    jobs, errors = grouped(insatiable, 2, store)
    assert set(errors) == {job.key for job in jobs}
    for message in errors.values():
        assert message.startswith("OutOfMemoryError: CUDA out of memory; a job that fails alone needs a GPU with more")
    assert f"failed: {jobs[0]}" in capsys.readouterr().err


def capturing(jobs, call):
    """Lack memory inside a capture, which then says that it was cut off."""
    SIZES.append(len(jobs))
    if len(jobs) > 3:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")
    yield from conftest.toy(jobs, call)


def test_a_capture_that_memory_cut_off_goes_on_in_halves_too(store):
    _, errors = grouped(capturing, 6, store)
    assert errors == {}
    assert SIZES == [6, 3, 3]


def stumbling(jobs, call):
    """Fail when all is measured."""
    yield from conftest.toy(jobs, call)
    raise RuntimeError("after the last job")


def test_a_group_that_fails_when_all_is_recorded_says_so_and_has_no_failed_job(store, capsys):
    jobs, errors = grouped(stumbling, 2, store)
    assert errors == {}
    assert all(store.read(job) is not None for job in jobs)
    assert "after the last job" in capsys.readouterr().err


def test_jobs_run_with_the_precision_of_their_recipe_and_the_record_says_so(store):
    (job, *_), errors = grouped(precise, 2, store, Exact())
    assert errors == {}
    assert json.loads(store.path(job).read_text())["provenance"]["precision"] == "bf16"
    assert not torch.is_autocast_enabled("cpu")


def one_too_few(jobs, call):
    yield from list(conftest.toy(jobs, call))[1:]


def one_too_many(jobs, call):
    yield from conftest.toy(jobs, call)
    yield next(iter(conftest.toy(jobs, call)))


def of_another_job(jobs, call):
    for job, metrics in conftest.toy(jobs, call):
        yield replace(job, seed=job.seed + 100), metrics


def undeclared(jobs, call):
    for job, metrics in conftest.toy(jobs, call):
        yield job, replace(metrics, scalars={**metrics.scalars, "more": 1.0})


def backwards(jobs, call):
    yield from reversed(list(conftest.toy(jobs, call)))


@pytest.mark.parametrize(
    ("run", "failed", "words"),
    [
        (one_too_few, 1, "measured nothing of 1 jobs: method=a, rate=0.1, setting=toy, seed 0"),
        (one_too_many, 0, "which was not asked for or is done"),
        (of_another_job, 3, "which was not asked for or is done"),
        (undeclared, 3, "does not declare what was measured: more"),
    ],
)
def test_a_procedure_that_measures_something_else_shifts_no_record(store, capsys, run, failed, words):
    jobs, errors = grouped(run, 3, store)
    assert len(errors) == failed
    assert words in capsys.readouterr().err
    for job in jobs:
        record = store.read(job)
        assert (record is None) == (job.key in errors)
        if record is not None:
            assert record.metrics.scalars["score"] == pytest.approx(0.8 + 0.001 * job.seed)


def test_jobs_may_be_done_in_any_order(store):
    jobs, errors = grouped(backwards, 3, store)
    assert errors == {}
    assert [store.read(job).metrics.scalars["score"] for job in jobs] == pytest.approx([0.8, 0.801, 0.802])


def quarrelling(jobs, call):
    """Fail wherever there is company."""
    if len(jobs) > 1:
        raise RuntimeError("two are one too many")
    yield from conftest.toy(jobs, call)


def test_a_group_that_falls_apart_says_so_with_the_reason(store, capsys):
    _, errors = grouped(quarrelling, 3, store)
    assert errors == {}
    line = "3 jobs together failed, so each runs by itself: RuntimeError: two are one too many"
    assert line in capsys.readouterr().err


def test_a_record_of_other_code_is_older_and_made_anew(store, monkeypatch):
    jobs, _ = grouped(conftest.toy, 2, store)
    assert store.older(jobs) == {}
    code = conftest.TOY.code
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "mended")
    assert [store.read(job) for job in jobs] == [None, None]
    assert store.older(jobs) == dict.fromkeys(jobs, code)
    assert all(store.path(job).exists() for job in jobs), "an older record stays until a newer one takes its place"
    grouped(conftest.toy, 2, store)
    assert store.older(jobs) == {}
    assert all(store.read(job) is not None for job in jobs)


def test_the_name_of_a_company_is_that_of_cells_and_seeds_in_order_and_no_procedures():
    cells = [conftest.Cell("a", 0.1), conftest.Cell("b", 0.1)]
    group = [Job(conftest.TOY, cell, seed) for cell in cells for seed in (0, 1)]
    name = together(group)
    assert together([Job(conftest.procedure(precise), job.cell, job.seed) for job in group]) == name
    others = [group[:3], group[::-1], [Job(conftest.TOY, cells[0], seed) for seed in range(4)], []]
    assert len({name, *map(together, others)}) == 5


class InProcesses:
    """Jobs of three settings that two processes run, and the lines that were said."""

    def __init__(self, run, store, capsys, data):
        settings = [conftest.Setting(name) for name in ("first", "second", "third")]
        self.jobs = [
            Job(conftest.procedure(run), conftest.Cell("a", 0.1, setting), seed)
            for setting in settings
            for seed in range(3)
        ]
        self.store, self.environment = store, Environment(torch.device("cpu"), data, workers=2)
        seconds = {job.key: 1.0 for job in self.jobs}
        self.errors = run_missing(self.jobs, seconds, store, self.environment)
        self.lines = capsys.readouterr().err.splitlines()

    def recorded(self):
        return {job for job in self.jobs if self.store.read(job) is not None}


def test_a_group_whose_process_is_killed_goes_on_alone_and_no_other_is_disturbed(store, tmp_path, capfd):
    found = InProcesses(runs.dying_once, store, capfd, tmp_path)
    assert found.errors == {}
    assert found.recorded() == {*found.jobs}
    (line,) = [line for line in found.lines if "died" in line]
    assert line == (
        f"a process died that ran 3 jobs, the first {found.jobs[0]}: it was killed, as the system does where memory "
        "runs out; --workers N trains in fewer at once; they are tried once more, alone, when the others are done"
    )
    assert found.lines[-1].startswith("9 of 9 jobs")
    assert list((store.folder / CHECKPOINTS).iterdir()) == []


def test_jobs_whose_process_is_killed_twice_have_failed_and_all_others_are_done(store, tmp_path, capfd):
    found = InProcesses(runs.dying, store, capfd, tmp_path)
    dead = found.jobs[1:3]
    assert found.recorded() == {*found.jobs} - {*dead}
    assert set(found.errors) == {job.key for job in dead}
    assert set(found.errors.values()) == {f"its process died twice: {cause_of(-9)}"}
    assert [line for line in found.lines if line.startswith("failed: ")] == [f"failed: {job}" for job in dead]
    (left,) = (store.folder / CHECKPOINTS).iterdir()
    assert owner_of(left).jobs == tuple(job.key for job in found.jobs[:3]), "from where they can go on"


def test_code_that_changed_under_a_run_is_not_taken_for_its_own(store, monkeypatch):
    group = [Job(conftest.TOY, conftest.Cell("a", 0.1), 0)]
    environment = Environment(torch.device("cpu"), store.folder)
    code = {conftest.TOY: conftest.TOY.code}
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "edited meanwhile")
    with pytest.raises(UsageError, match="the code changed on disk while it ran"):
        _run_group_of(group, code, store, environment)
    assert not list(store.folder.glob("*.json"))


TOY = conftest.Setting()


@dataclass(frozen=True)
class OfDigits:
    method: str
    rate: float
    setting: conftest.Setting = TOY
    dataset: DataSet = DIGITS


def looking(jobs, call):
    """Score as the toy does, after a look at the digits."""
    load(DIGITS, call.data_dir)
    yield from conftest.toy(jobs, call)


def test_a_record_holds_the_hash_of_the_images_behind_it(store):
    job = Job(conftest.procedure(looking), OfDigits("a", 0.1), 0)
    assert run_group([job], store, Environment(torch.device("cpu"), store.folder)) == {}
    assert store.read(job).provenance["data"] == {"digits": load(DIGITS).fingerprint[:16]}
