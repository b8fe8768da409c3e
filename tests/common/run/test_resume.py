import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from common import cli
from common.experiment import Grid, Job, Metrics, Replicates, Tier
from common.reproduce import reproduce, train
from common.run.record import Store
from common.run.resume import CHECKPOINTS, begun, left_behind
from common.train.checkpoint import CheckpointFile
from common.train.state_file import Owner
from tests import conftest


def checkpoints(request):
    return sorted((request.results / request.study.tier / "toy" / CHECKPOINTS).iterdir())


def records(request):
    paths = sorted((request.results / request.study.tier / "toy").glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in paths}


def often(request):
    """Return a request whose training is saved whenever a loop offers to."""
    return replace(request, environment=replace(request.environment, checkpoint_seconds=0.0))


class Interrupted:
    """A run function that notes its company, counts up to a thousand by epochs, and stops where it is told to."""

    def __init__(self, stop_at_epoch=None, stop_at_record=None):
        self.stop_at_epoch, self.stop_at_record = stop_at_epoch, stop_at_record
        self.__module__, self.__qualname__ = conftest.toy.__module__, conftest.toy.__qualname__
        self.calls, self.epochs = [], 0

    def __call__(self, jobs, call):
        self.calls.append((list(jobs), set(call.measured)))
        part = call.checkpoint.part("loop")
        total = part.begun() or 0
        for epoch in range(total, 10):
            if epoch == self.stop_at_epoch:
                raise KeyboardInterrupt
            self.epochs += 1
            part.save(lambda done=epoch + 1: done)
        for number, job in enumerate(jobs):
            if number == self.stop_at_record:
                raise KeyboardInterrupt
            yield job, Metrics({"score": len(jobs) + number / 100, "validation_accuracy": 0.5})


def package_of(package, run):
    return replace(package, experiments=(conftest.experiment(run=run, seeds=1),))


def run(package, request, function):
    own = package_of(package, function)
    return train(replace(request, study=replace(request.study, package=own, chosen=own.experiments)))


def test_an_interrupted_group_goes_on_in_the_same_company_and_keeps_its_first_records(toy_package, request_for):
    package, _ = toy_package
    first, second = Interrupted(stop_at_record=2), Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(package, request_for(), first)
    before = records(request_for())
    assert len(before) == 2
    assert len(checkpoints(request_for())) == 1
    assert run(package, request_for(), second) == {}
    after = records(request_for())
    ((jobs, known),) = second.calls
    assert [job.key for job in jobs] == [job.key for job in first.calls[0][0]]
    assert known == set(before)
    assert {key: after[key] for key in before} == before
    assert sorted(record["scalars"]["score"] for record in after.values()) == [6 + number / 100 for number in range(6)]
    assert len({record["provenance"]["together"] for record in after.values()}) == 1
    assert checkpoints(request_for()) == []


def test_training_goes_on_where_it_was_saved(toy_package, request_for):
    package, _ = toy_package
    first, second = Interrupted(stop_at_epoch=7), Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(package, often(request_for()), first)
    assert run(package, often(request_for()), second) == {}
    assert (first.epochs, second.epochs) == (7, 3)


def test_smoke_saves_no_training_and_full_every_few_minutes(monkeypatch, toy_package):
    package, _ = toy_package
    seen = {}
    monkeypatch.setattr(cli, "reproduce", lambda request: seen.setdefault(request.study.tier, request) and 0)
    for tier in Tier:
        cli.main(package, ["--tier", tier])
    assert seen[Tier.SMOKE].environment.checkpoint_seconds is None
    assert seen[Tier.FULL].environment.checkpoint_seconds == 180.0


def test_a_checkpoint_of_other_code_is_deleted_by_name(toy_package, request_for, monkeypatch, capsys):
    package, _ = toy_package
    with pytest.raises(KeyboardInterrupt):
        run(package, often(request_for()), Interrupted(stop_at_epoch=7))
    (path,) = checkpoints(request_for())
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "mended")
    again = Interrupted()
    assert run(package, often(request_for()), again) == {}
    assert again.epochs == 10
    line = f"checkpoint {path} deleted: it was made by other code; its jobs start anew"
    assert capsys.readouterr().err.splitlines().count(line) == 1
    assert checkpoints(request_for()) == []


def test_a_stale_checkpoint_of_the_full_tier_is_one_message_on_the_command_line(
    full_toy, request_for, monkeypatch, capsys
):
    arguments = ["--tier", "full", "--results", str(request_for().results)]
    monkeypatch.setitem(cli.CHECKPOINT_SECONDS, Tier.FULL, 0.0)
    monkeypatch.setattr(cli, "workers_on", lambda device: 1)
    assert cli.main(package_of(full_toy, Interrupted(stop_at_epoch=7)), arguments) == 130
    (path,) = checkpoints(request_for(tier=Tier.FULL))
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "mended")
    capsys.readouterr()
    again = Interrupted()
    cli.main(package_of(full_toy, again), arguments)
    assert again.epochs == 10
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "checkpoint" in line]
    assert line == f"checkpoint {path} deleted: it was made by other code; its jobs start anew"
    assert len(records(request_for(tier=Tier.FULL))) == 6


@pytest.mark.parametrize("keep", [0, 5, 20])
def test_a_checkpoint_without_a_whole_header_is_deleted_by_name(toy_package, request_for, capsys, keep):
    package, _ = toy_package
    with pytest.raises(KeyboardInterrupt):
        run(package, often(request_for()), Interrupted(stop_at_epoch=7))
    (path,) = checkpoints(request_for())
    path.write_bytes(path.read_bytes()[:keep])
    again = Interrupted()
    assert run(package, often(request_for()), again) == {}
    assert again.epochs == 10
    assert f"checkpoint {path} deleted: it is damaged (" in capsys.readouterr().err
    assert checkpoints(request_for()) == []


@pytest.mark.parametrize("call", ["open", "read_bytes"])
@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.EMFILE])
def test_a_checkpoint_that_cannot_be_read_is_one_line_and_left_alone(
    full_toy, request_for, monkeypatch, capsys, call, number
):
    arguments = ["--tier", "full", "--results", str(request_for().results)]
    monkeypatch.setitem(cli.CHECKPOINT_SECONDS, Tier.FULL, 0.0)
    monkeypatch.setattr(cli, "workers_on", lambda device: 1)
    assert cli.main(package_of(full_toy, Interrupted(stop_at_epoch=7)), arguments) == 130
    (path,) = checkpoints(request_for(tier=Tier.FULL))
    before, real = path.read_bytes(), getattr(Path, call)

    def fails(self, *arguments, **names):
        if self == path:
            raise OSError(number, os.strerror(number), str(self))
        return real(self, *arguments, **names)

    capsys.readouterr()
    with monkeypatch.context() as broken:
        broken.setattr(Path, call, fails)
        for option in ([], ["--plan"]):
            assert cli.main(package_of(full_toy, Interrupted()), [*arguments, *option]) == 2
            errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
            assert errors == [f"error: {path} cannot be read: {os.strerror(number)}; it is left as it is"]
    assert path.read_bytes() == before
    again = Interrupted()
    cli.main(package_of(full_toy, again), arguments)
    assert again.epochs == 3


def test_folders_and_pipes_in_a_checkpoints_place_are_none(toy_package, request_for):
    package, _ = toy_package
    run(package, request_for(), Interrupted())
    folder = request_for().results / "smoke" / "toy" / CHECKPOINTS
    (folder / "old.safetensors").mkdir()
    os.mkfifo(folder / "pipe.safetensors")
    (folder.parent / ".tmp-mine").mkdir()
    for path in folder.parent.glob("*.json"):
        path.unlink()
    assert run(package, request_for(), Interrupted()) == {}
    assert sorted(path.name for path in folder.iterdir()) == ["old.safetensors", "pipe.safetensors"]
    assert (folder.parent / ".tmp-mine").is_dir()


def test_a_checkpoint_with_a_damaged_state_keeps_its_company_and_starts_anew(toy_package, request_for, capsys):
    package, _ = toy_package
    with pytest.raises(KeyboardInterrupt):
        run(package, often(request_for()), Interrupted(stop_at_record=3))
    (path,) = checkpoints(request_for())
    whole = path.read_bytes()
    assert whole.count(rb"\"state\": 10") == 1
    path.write_bytes(whole.replace(rb"\"state\": 10", rb"\"state\": 11"))
    again = Interrupted()
    assert run(package, often(request_for()), again) == {}
    assert again.epochs == 10
    assert len(again.calls[0][0]) == 6
    assert f"damaged checkpoint {path}: its checksum" in capsys.readouterr().err


def test_checkpoints_of_another_device_other_seeds_or_other_experiments_are_left_alone_and_named(
    toy_package, request_for, capsys
):
    package, _ = toy_package
    request = request_for(package)
    run(package, request, Interrupted())  # makes the folders
    for path in (request.results / request.study.tier / "toy").glob("*.json"):
        path.unlink()
    jobs = package_of(package, Interrupted()).experiments[0].jobs(Tier.SMOKE)
    code, keys = jobs[0].procedure.code, tuple(job.key for job in jobs)
    folder = request.results / request.study.tier / "toy" / CHECKPOINTS
    others = [
        Owner("toy", code, "cuda", keys),
        Owner("toy", code, "cpu", (*keys, "0123456789abcdef")),
        Owner("another", "other code", "cpu", ("0123456789abcdef",)),
    ]
    for owner in others:
        CheckpointFile(folder, owner, 0.0).begin()
    capsys.readouterr()
    assert run(package, request, Interrupted()) == {}
    left = checkpoints(request)
    assert [path.name for path in left] == sorted(owner.name for owner in others)
    size = sum(path.stat().st_size for path in left) / 1e6
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "checkpoint" in line]
    assert line.startswith(f"3 checkpoints of unfinished jobs ({size:.1f} MB): this command, or one with other seeds, ")
    assert line.endswith(f"; if none is to, delete them: rm {' '.join(map(str, left))}")
    subprocess.run(line.rpartition(": ")[2], shell=True, check=True)
    run(package, request, Interrupted())
    assert checkpoints(request) == []
    assert "of unfinished jobs" not in capsys.readouterr().err


def test_a_checkpoint_whose_jobs_are_all_recorded_is_cleared_away(toy_package, request_for):
    package, _ = toy_package
    request = request_for(package)
    run(package, request, Interrupted())
    jobs = package_of(package, Interrupted()).experiments[0].jobs(Tier.SMOKE)
    owner = Owner("toy", jobs[0].procedure.code, "cpu", tuple(job.key for job in jobs))
    CheckpointFile(request.results / request.study.tier / "toy" / CHECKPOINTS, owner, 0.0).begin()
    again = Interrupted()
    run(package, request, again)
    assert again.calls == []
    assert checkpoints(request) == []


def test_a_checkpoint_whose_owner_was_altered_is_deleted_by_name(toy_package, request_for, capsys):
    package, _ = toy_package
    with pytest.raises(KeyboardInterrupt):
        run(package, often(request_for()), Interrupted(stop_at_epoch=7))
    (path,) = checkpoints(request_for())
    keys = [job.key for job in package_of(package, Interrupted()).experiments[0].jobs(Tier.SMOKE)]
    content = path.read_bytes()
    assert content.count(keys[0].encode()) == 1
    path.write_bytes(content.replace(keys[0].encode(), keys[1].encode()))
    again = Interrupted()
    assert run(package, often(request_for()), again) == {}
    assert again.epochs == 10
    assert f"checkpoint {path} deleted: it is damaged (the checksum of its owner" in capsys.readouterr().err


def test_a_checkpoint_of_two_settings_is_deleted_for_its_jobs_do_not_run_together(toy_package, request_for, capsys):
    package, _ = toy_package
    request = request_for(package)
    experiment = package_of(package, Interrupted()).experiments[0]
    cells = [conftest.Cell("a", 0.1), conftest.Cell("a", 0.1, conftest.Setting("other"))]
    experiment = replace(experiment, smoke=Grid(cells))
    jobs = experiment.jobs(Tier.SMOKE)
    store = Store(request.results / request.study.tier / "toy")
    (store.folder / CHECKPOINTS).mkdir(parents=True)
    owner = Owner(experiment.procedure.name, experiment.procedure.code, "cpu", tuple(job.key for job in jobs))
    CheckpointFile(store.folder / CHECKPOINTS, owner, 0.0).begin()
    assert list(begun(jobs, jobs, store, request.environment)) == []
    assert "deleted: its jobs do not run together; its jobs start anew" in capsys.readouterr().err
    assert checkpoints(request) == []


def test_a_checkpoint_of_other_code_under_the_same_name_is_not_gone_on_from(tmp_path, capsys):
    owner = Owner("toy", "code", "cpu", ("0123456789abcdef",))
    file = CheckpointFile(tmp_path, owner, 0.0)
    file.tree["state"] = 7
    file.save()
    assert CheckpointFile(tmp_path, owner, 0.0).tree == {"state": 7}
    assert CheckpointFile(tmp_path, replace(owner, code="mended"), 0.0).tree == {}
    assert "it is that of other jobs or other code; training starts anew" in capsys.readouterr().err


def test_jobs_that_two_checkpoints_name_run_once(toy_package, request_for):
    package, _ = toy_package
    request = request_for(package)
    run(package, request, Interrupted())
    for path in (request.results / request.study.tier / "toy").glob("*.json"):
        path.unlink()
    jobs = package_of(package, Interrupted()).experiments[0].jobs(Tier.SMOKE)
    for part in (jobs, jobs[:3]):
        owner = Owner("toy", jobs[0].procedure.code, "cpu", tuple(job.key for job in part))
        CheckpointFile(request.results / request.study.tier / "toy" / CHECKPOINTS, owner, 0.0).begin()
    store = Store(request.results / request.study.tier / "toy")
    parts = [found.left for found in left_behind(jobs, jobs, store, request.environment)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(jobs)
    again = Interrupted()
    assert run(package, request, again) == {}
    trained = [job for company, known in again.calls for job in company if job.key not in known]
    assert sorted(job.key for job in trained) == sorted(job.key for job in jobs)


def test_a_group_that_fails_leaves_no_checkpoint(toy_package, request_for):
    package, _ = toy_package
    conftest.BROKEN.add(("b", 0))
    assert reproduce(request_for(package)) == 1
    assert checkpoints(request_for()) == []


def test_a_full_disk_ends_the_run_with_one_message_and_keeps_what_is_there(
    toy_package, request_for, monkeypatch, capsys
):
    package, _ = toy_package
    real, calls = os.fsync, []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) > 7:  # the process's name, the code's, the group, four records
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    arguments = ["--tier", "smoke", "--results", str(request_for().results)]
    monkeypatch.setattr(cli, "workers_on", lambda device: 1)
    assert cli.main(package, arguments) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "No space left on device" in line]
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert len(records(request_for())) == 4
    monkeypatch.setattr(os, "fsync", real)
    jobs = package.experiments[0].jobs(Tier.SMOKE)
    store = Store(request_for().results / "smoke" / "toy")
    assert sum(store.read(job) is not None for job in jobs) == 4
    assert not list(store.folder.rglob(".tmp-*"))
    conftest.CALLS.clear()
    assert cli.main(package, arguments) == 0


def test_a_full_disk_at_a_checkpoint_ends_the_run_and_keeps_the_one_before(toy_package, request_for, monkeypatch):
    package, _ = toy_package
    real, calls = os.replace, []

    def full(*paths):
        calls.append(paths)
        if len(calls) > 7:
            raise OSError(28, "No space left on device")
        real(*paths)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        cli.UsageError, match=r"checkpoints/\w+\.safetensors cannot be written: No space left on device"
    ):
        run(package, often(request_for()), Interrupted())
    monkeypatch.setattr(os, "replace", real)
    again = Interrupted()
    assert run(package, often(request_for()), again) == {}
    assert again.epochs == 10 - 4


@pytest.mark.parametrize("where", ["smoke", "smoke/toy", "smoke/toy/checkpoints"])
def test_results_that_cannot_be_written_are_refused_before_anything_trains(toy_package, request_for, capsys, where):
    package, _ = toy_package
    blocked = request_for().results / where
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    assert cli.main(package, ["--results", str(request_for().results)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "cannot be written: " in line
    assert conftest.CALLS == []


def test_a_read_only_results_folder_is_refused_before_anything_trains(toy_package, request_for, monkeypatch, capsys):
    package, _ = toy_package

    def read_only(**arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    assert cli.main(package, ["--results", str(request_for().results)]) == 2
    folder = request_for().results / "smoke" / "toy"
    assert f"error: results folder {folder} cannot be written: Read-only file system\n" in capsys.readouterr().err
    assert conftest.CALLS == []


def sleeping(jobs, call):
    """Leave the number of this process, and take long."""
    (call.data_dir / str(os.getpid())).touch()
    time.sleep(60)
    yield from conftest.toy(jobs, call)


SLEEP = """
import sys, torch
from pathlib import Path
from common.experiment import Job
from common.run.call import Environment
from common.work import Work
from common.run.record import Store
from common.run.run import run_missing
from tests import conftest
from tests.common.run.test_resume import sleeping

def main():
    folder = Path(sys.argv[1])
    jobs = [Job(conftest.procedure(sleeping), conftest.Cell("a", 0.1, conftest.Setting(name)), 0) for name in "ab"]
    (folder / "checkpoints").mkdir()
    environment = Environment(torch.device("cpu"), folder / "pids", 2)
    run_missing(jobs, {job.key: 1.0 for job in jobs}, Store(folder), environment)

main()
"""


def test_workers_end_with_a_parent_that_was_killed(tmp_path):
    (tmp_path / "pids").mkdir()
    with subprocess.Popen([sys.executable, "-c", SLEEP, str(tmp_path)]) as parent:
        until = time.monotonic() + 60
        while len(pids := list((tmp_path / "pids").iterdir())) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while any(_alive(int(path.name)) for path in pids):
        assert time.monotonic() < until
        time.sleep(0.02)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_every_training_loop_killed_at_random_moments_ends_with_the_records_of_an_undisturbed_run(tmp_path):
    assert "fork" in multiprocessing.get_all_start_methods()
    command = [sys.executable, "-m", "tests.common.run.interrupted", str(tmp_path), "0.5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert len(summary) == 7
    for loop, found in summary.items():
        assert found["different"] == [[], []], loop
        assert found["jobs"] >= 2
        assert found["deaths"] >= 4
    assert sum(found["kills"] for found in summary.values()) >= 7


def test_a_checkpoint_is_of_a_group_and_its_fresh_seeds_are_others(toy_package, request_for, capsys):
    package, _ = toy_package
    with pytest.raises(KeyboardInterrupt):
        run(package, request_for(), Interrupted(stop_at_record=0))
    fresh = Interrupted()
    assert run(package, request_for(replicates=Replicates(first=5)), fresh) == {}
    assert [job.seed for job in fresh.calls[0][0]] == [5] * 6
    assert "1 checkpoint of unfinished jobs (0.0 MB): this command, or one with other seeds" in capsys.readouterr().err
    assert len(checkpoints(request_for())) == 1
    assert Job(conftest.TOY, conftest.Cell("a", 0.1), 0).key not in records(request_for())
