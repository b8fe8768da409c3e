import json
from dataclasses import replace

import pytest

from common.experiment import Job, Metrics
from common.run.older import FOLDER, mention, note
from common.run.record import Record, Store
from tests import conftest

JOBS = [Job(conftest.TOY, conftest.Cell("a", 0.1), seed) for seed in (0, 1)]
RECORD = Record(Metrics({"score": 1.0, "validation_accuracy": 1.0}), 1.0, {})


@pytest.fixture
def store(tmp_path):
    """A store of two records whose code has changed since in one file."""
    found = Store(tmp_path / "records")
    found.open()
    for job in JOBS:
        found.write(job, RECORD)
    note(found, [conftest.TOY])
    return found


def change(monkeypatch, name="common/train/fit.py"):
    files = {**conftest.TOY.files, name: "another"}
    monkeypatch.setattr("common.experiment.code_hash", lambda module: "mended")
    monkeypatch.setattr("common.experiment.digests", lambda module: files)


def test_records_of_todays_code_need_no_word(store):
    assert mention(store, store.older(JOBS)) == ""


def test_a_changed_file_is_named_with_the_number_of_records(store, monkeypatch):
    change(monkeypatch)
    sentence = mention(store, store.older(JOBS))
    assert (
        sentence == f"2 records in {store.folder} of other code (common/train/fit.py changed since): they are made anew"
    )
    assert mention(store, store.older(JOBS[:1])).startswith(f"1 record in {store.folder} of other code (common/train/")


@pytest.mark.parametrize("content", [None, "", "[1]", "{", "1"])
def test_where_nobody_wrote_the_files_down_none_is_named(store, monkeypatch, content):
    path = store.folder / FOLDER / f"{conftest.TOY.code}.json"
    path.unlink() if content is None else path.write_text(content)
    change(monkeypatch)
    assert mention(store, store.older(JOBS)) == f"2 records in {store.folder} of other code: they are made anew"


def test_a_file_that_came_or_went_has_changed(store, monkeypatch):
    path = store.folder / FOLDER / f"{conftest.TOY.code}.json"
    before = json.loads(path.read_text())
    before["papers/gone.py"] = before.pop("common/machine.py")
    path.write_text(json.dumps(before))
    change(monkeypatch, "common/machine.py")
    assert "(common/machine.py, papers/gone.py changed since)" in mention(store, store.older(JOBS))


def test_code_is_written_down_once(store):
    path = store.folder / FOLDER / f"{conftest.TOY.code}.json"
    path.write_text("{}")
    note(store, [conftest.TOY, replace(conftest.TOY, name="twin")])
    assert path.read_text() == "{}"
