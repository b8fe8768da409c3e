from dataclasses import replace

import pytest

from common.cli import main
from common.errors import UsageError
from common.experiment import Job, Metrics
from common.run.lock import held
from common.run.record import SCHEMA, Record, Store
from common.run.stale import mention, prune, stale
from tests import conftest
from tests.common.test_cli import LongCell, with_lengths

OTHER = conftest.experiment("other", rates=(0.5,))


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "results" / "smoke" / "toy")
    found.open()
    return found


def write(store, *jobs):
    for job in jobs:
        store.write(job, Record(Metrics({"score": 1.0}), 1.0, {}))
    return [store.path(job) for job in jobs]


def of_other_settings(store, *seeds):
    """Write records of a cell that nobody declares any more."""
    return write(store, *(Job(conftest.TOY, conftest.Cell("c", 0.1), seed) for seed in seeds))


def test_records_of_other_settings_are_found_and_no_others(store, monkeypatch):
    table = conftest.experiment()
    jobs = table.jobs("smoke")
    write(store, *jobs[:3])
    write(store, replace(jobs[0], seed=77))  # of other seeds, which a command can ask for
    other = write(store, OTHER.jobs("smoke")[0])
    gone = of_other_settings(store, 0, 5)
    (store.folder / "notes.json").write_text("[]")
    (store.folder / "half.json").write_text("half a rec")
    (store.folder / "folder.json").mkdir()
    assert stale(conftest.study_of(table, OTHER), store) == sorted(gone)
    assert stale(conftest.study_of(table), store) == sorted(gone + other)
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "other code")
    assert stale(conftest.study_of(table, OTHER), store) == sorted(gone), (
        "a record of other code is due again, not stale"
    )


def test_records_of_another_length_are_of_today(store):
    package = with_lengths(_package())
    (table,) = package.experiments
    lengths = [Job(table.procedure, LongCell("a", 0.1), 0, scale) for scale in (1.0, 0.5, 0.25)]
    write(store, *lengths)
    old = write(store, Job(table.procedure, LongCell("c", 0.1), 0, 0.5))
    assert stale(conftest.study_of(table), store) == old
    assert stale(conftest.study_of(table.at_scale(0.5)), store) == old


def test_a_record_of_a_form_that_is_no_longer_read_is_stale(store):
    (old,) = write(store, Job(conftest.TOY, conftest.Cell("c", 0.1), 0))
    old.write_text(old.read_text().replace(f'"schema": {SCHEMA}', '"schema": 1').replace('"scale": 1.0,', ""))
    assert stale(conftest.study_of(conftest.experiment()), store) == [old]


def _package():
    from common.package import Package

    return Package("toy", (conftest.experiment(),), lambda results: [])


def test_where_there_are_none_nothing_is_said(store):
    assert stale(conftest.study_of(conftest.experiment()), store) == []
    assert mention([], store) == ""
    assert stale(conftest.study_of(conftest.experiment()), Store(store.folder / "none")) == []


def test_a_run_and_a_plan_say_how_many_there_are_and_a_prune_deletes_them(
    toy_package, store, tmp_path, capsys, monkeypatch
):
    package, _ = toy_package
    monkeypatch.setattr("common.cli.workers_on", lambda device: 1)
    results = ["--results", str(tmp_path / "results")]
    jobs = package.experiments[0].jobs("smoke")
    old = of_other_settings(store, 0, 1)
    line = (
        f"2 records in {store.folder} have other settings; they stay, unread; this command with --prune deletes them\n"
    )
    assert main(package, [*results, "--plan"]) == 0
    assert capsys.readouterr().out.endswith(f"\n{line}")
    assert main(package, results) == 0
    assert line in capsys.readouterr().err
    assert all(path.exists() for path in old)
    assert main(package, [*results, "--prune"]) == 0
    assert capsys.readouterr().out == f"2 records of other settings deleted in {store.folder}\n"
    assert not any(path.exists() for path in old)
    assert all(store.path(job).exists() for job in jobs)
    assert main(package, [*results, "--plan"]) == 0
    assert "other settings" not in capsys.readouterr().out


def test_no_record_is_deleted_while_another_process_trains(store):
    table = conftest.experiment()
    of_other_settings(store, 0)
    with held(store.folder), pytest.raises(UsageError, match="is in use by"):
        prune(conftest.study_of(table), store)
    assert len(stale(conftest.study_of(table), store)) == 1
    assert prune(conftest.study_of(table), Store(store.folder / "none")).startswith("there are no records in")
    assert not (store.folder / "none").exists()
