from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from common.experiment import Job, Metrics, Procedure
from common.run.call import Call
from common.train.checkpoint import Checkpoint, CheckpointFile
from common.train.programs import in_programs
from common.train.state_file import Owner
from common.work import Work

STACKS, ALONE = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Dropout())
OWNER = Owner("toy", "code", "cpu", ("job",))


@dataclass(frozen=True)
class Cell:
    kind: str
    setting: str = "toy"


def toy(jobs, call):
    yield from ()


def work(cell):
    return Work()


PROCEDURE = Procedure("toy", toy, {}, work)
JOBS = [Job(PROCEDURE, Cell(kind), seed) for kind, seed in (("a", 0), ("b", 0), ("a", 1), ("c", 0), ("b", 1))]


class Trained:
    """Trains programs of three epochs each, saved after every one; notes them, and may be killed before an epoch."""

    def __init__(self, killed_at=None):
        self.killed_at, self.programs, self.epochs = killed_at, [], 0

    def __call__(self, jobs, checkpoint):
        self.programs.append([str(job.cell.kind) + str(job.seed) for job in jobs])
        if checkpoint.result is None:
            for epoch in range(checkpoint.begun() or 0, 3):
                if self.epochs == self.killed_at:
                    raise KeyboardInterrupt
                self.epochs += 1
                checkpoint.save(lambda done=epoch + 1: done)
            checkpoint.finish(lambda: "trained")
        for number, job in enumerate(jobs):
            yield job, Metrics({"place": float(number), "company": float(len(jobs))})


def call(folder=None, known=()):
    """Return a call that goes on from what was saved in a folder, and knows some jobs already."""
    file = None if folder is None else CheckpointFile(folder, OWNER, 0.0)
    measured = {job.key: Metrics({"place": -1.0}) for job in known}
    return Call(torch.device("cpu"), Path("none"), checkpoint=Checkpoint(file, file and file.tree), measured=measured)


def kind(job):
    return job.cell.kind


def test_jobs_that_are_alike_train_together_and_all_are_yielded_in_their_order():
    train = Trained()
    found = list(in_programs(JOBS, call(), STACKS, train, kind))
    assert train.programs == [["a0", "a1"], ["b0", "b1"], ["c0"]]
    assert [job for job, _ in found] == JOBS
    assert [metrics.scalars["place"] for _, metrics in found] == [0.0, 0.0, 1.0, 0.0, 1.0]
    assert [metrics.scalars["company"] for _, metrics in found] == [2.0, 2.0, 2.0, 1.0, 2.0]


def test_all_jobs_are_alike_unless_something_else_is_said():
    train = Trained()
    found = list(in_programs(JOBS, call(), STACKS, train))
    assert train.programs == [["a0", "b0", "a1", "c0", "b1"]]
    assert [metrics.scalars["place"] for _, metrics in found] == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_jobs_that_do_not_stack_train_and_are_yielded_one_after_another():
    train, seen = Trained(), []
    for job, metrics in in_programs(JOBS, call(), ALONE, train, kind):
        assert train.epochs == 3 * (len(seen) + 1), "nothing is trained ahead"
        assert metrics.scalars["company"] == 1.0
        seen.append(job)
    assert seen == JOBS
    assert train.programs == [["a0"], ["b0"], ["a1"], ["c0"], ["b1"]]


def test_a_job_that_does_not_stack_and_has_a_record_is_not_trained_again():
    train = Trained()
    found = list(in_programs(JOBS, call(known=[JOBS[0], JOBS[3]]), ALONE, train))
    assert train.programs == [["b0"], ["a1"], ["b1"]]
    assert [job for job, _ in found] == JOBS
    assert [metrics.scalars["place"] for _, metrics in found] == [-1.0, 0.0, 0.0, -1.0, 0.0]


def test_jobs_that_stack_keep_their_company_whatever_is_recorded():
    train = Trained()
    found = list(in_programs(JOBS, call(known=[JOBS[0]]), STACKS, train, kind))
    assert train.programs == [["a0", "a1"], ["b0", "b1"], ["c0"]]
    assert found == list(in_programs(JOBS, call(), STACKS, Trained(), kind))


@pytest.mark.parametrize("model", [STACKS, ALONE], ids=["stack", "one by one"])
@pytest.mark.parametrize("killed_at", range(9))
def test_a_killed_call_goes_on_from_what_each_program_saved(model, killed_at, tmp_path):
    undisturbed = list(in_programs(JOBS, call(), model, Trained(), kind))
    first, again, recorded = Trained(killed_at), Trained(), []
    with pytest.raises(KeyboardInterrupt):
        recorded.extend(in_programs(JOBS, call(tmp_path), model, first, kind))
    known = [job for job, _ in recorded]
    found = list(in_programs(JOBS, call(tmp_path, known), model, again, kind))
    assert len(known) == (0 if model is STACKS else killed_at // 3)
    assert first.epochs + again.epochs == (9 if model is STACKS else 15), "no epoch is trained twice"
    assert [job for job, _ in found] == JOBS
    assert found[len(known) :] == undisturbed[len(known) :]


def test_parts_are_called_by_number_in_a_stack_and_by_key_where_they_are_forgotten_one_by_one(tmp_path):
    for folder in ("stacked", "single"):
        (tmp_path / folder).mkdir()
    stacked = call(tmp_path / "stacked")
    list(in_programs(JOBS, stacked, STACKS, Trained(), kind))
    parts = stacked.checkpoint.node["parts"]
    assert {name: part["result"] for name, part in parts.items()} == dict.fromkeys("012", "trained")
    single = call(tmp_path / "single")
    programs = in_programs(JOBS, single, ALONE, Trained())
    for done, _ in enumerate(programs):
        parts = single.checkpoint.node["parts"]
        assert list(parts) == [job.key for job in JOBS[: done + 1]]
        assert [bool(part) for part in parts.values()] == [False] * done + [True], "until the next job is asked for"
