import errno
import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UsageError
from common.experiment import Job, Metrics
from common.run import record
from common.run.record import DamagedError, Record, Store, write_atomically
from tests import conftest

JOB = Job(conftest.TOY, conftest.Cell("a", 0.1), 3)
RECORD = Record(Metrics({"score": 0.5, "loss": 1234.5}, {"curve": [0.25, 0.5]}), 2.5, {"commit": "abc"})


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "deep" / "records")
    store.open()
    return store


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.text(), NUMBERS), st.dictionaries(st.text(), st.lists(NUMBERS)))
def test_what_is_written_is_read(tmp_path_factory, scalars, curves):
    store = Store(tmp_path_factory.getbasetemp() / "round-trip")
    store.open()
    store.write(JOB, Record(Metrics(scalars, curves), 1.0, {}))
    found = store.read(JOB)
    assert found is not None
    assert _bits(found.metrics.scalars) == _bits(scalars)
    assert {name: _bits(dict(enumerate(curve))) for name, curve in found.metrics.curves.items()} == {
        name: _bits(dict(enumerate(curve))) for name, curve in curves.items()
    }


def _bits(numbers):
    """Return numbers as text that tells -0.0 from 0.0 and takes any NaN for equal."""
    return {name: "nan" if math.isnan(value) else value.hex() for name, value in numbers.items()}


def test_nan_and_infinity_are_kept_in_a_file_of_valid_json(store):
    nan, inf = float("nan"), float("inf")
    store.write(JOB, Record(Metrics({"a": nan, "b": inf}, {"c": [-inf, 1.0]}), 1.0, {}))
    content = json.loads(store.path(JOB).read_text(), parse_constant=pytest.fail)
    assert (content["scalars"], content["curves"]) == ({"a": "nan", "b": "inf"}, {"c": ["-inf", 1.0]})
    found = store.read(JOB)
    assert math.isnan(found.metrics.scalars["a"])
    assert found.metrics.scalars["b"] == inf
    assert found.metrics.curves["c"] == [-inf, 1.0]


def test_the_file_says_what_was_run_and_where_it_comes_from(store):
    store.write(JOB, RECORD)
    assert store.path(JOB).name == f"{JOB.key}.json"
    content = json.loads(store.path(JOB).read_text())
    assert (content["procedure"], content["code"]) == ("toy", conftest.TOY.code)
    assert content["cell"] == {"method": "a", "rate": 0.1, "setting": {"name": "toy"}}
    assert (content["seed"], content["wall_seconds"], content["provenance"]) == (3, 2.5, {"commit": "abc"})
    assert store.read(JOB) == RECORD


def test_a_job_without_a_file_is_not_finished(store, capsys):
    assert store.read(JOB) is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("fault", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(store, monkeypatch, fault, error):
    store.write(JOB, RECORD)
    before = store.path(JOB).read_bytes()

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, fault, fail)
    kind = UsageError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(kind) as caught:
        store.write(JOB, Record(Metrics({"score": 0.75}), 1.0, {}))
    if kind is UsageError:
        assert str(caught.value) == f"{store.path(JOB)} cannot be written: No space left on device"
    assert store.path(JOB).read_bytes() == before
    assert os.listdir(store.folder) == [store.path(JOB).name]


def test_a_number_that_is_no_number_leaves_the_old_file(store):
    store.write(JOB, RECORD)
    before = store.path(JOB).read_bytes()
    with pytest.raises(TypeError):
        store.write(JOB, Record(Metrics({"score": "high"}), 1.0, {}))
    assert store.path(JOB).read_bytes() == before


def test_writing_again_replaces_the_file_and_leaves_no_temporary_one(store):
    for score in (0.1, 0.2, 0.3):
        store.write(JOB, Record(Metrics({"score": score}), 1.0, {}))
    assert os.listdir(store.folder) == [store.path(JOB).name]
    assert store.read(JOB).metrics.scalars == {"score": 0.3}


def test_text_in_any_alphabet_can_be_written(tmp_path):
    write_atomically(tmp_path / "report.md", "0.5 ± 0.1, λ → 0\n")
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "0.5 ± 0.1, λ → 0\n"


def test_every_digit_counts(store, capsys):
    store.write(JOB, RECORD)
    good = store.path(JOB).read_text()
    digits = [i for i, character in enumerate(good) if character.isdigit()]
    assert digits
    for i in digits:
        store.path(JOB).write_text(good[:i] + str((int(good[i]) + 1) % 10) + good[i + 1 :])
        assert store.read(JOB) is None, good[max(0, i - 20) : i + 1]
        assert not store.path(JOB).exists()
    assert len(list(store.folder.iterdir())) == len(digits)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(digits)
    assert lines[0].startswith(f"corrupt record {store.path(JOB)}: ")
    assert lines[1].endswith(f"set aside as {JOB.key}.corrupt2, runs again")


def test_white_space_does_not_count(store):
    store.write(JOB, RECORD)
    store.path(JOB).write_text(json.dumps(json.loads(store.path(JOB).read_text())))
    assert store.read(JOB) == RECORD


def test_bytes_that_are_no_text_are_set_aside(store, capsys):
    store.path(JOB).write_bytes(b"\xff\xfe\x00")
    assert store.read(JOB) is None
    assert store.path(JOB).with_suffix(".corrupt").read_bytes() == b"\xff\xfe\x00"
    assert "runs again" in capsys.readouterr().err


ERRORS = [errno.EIO, errno.EACCES, errno.ESTALE, errno.EMFILE, errno.EISDIR]


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("reading", [Store.read, Store.look])
def test_a_record_that_cannot_be_read_is_one_line_and_left_alone(store, monkeypatch, number, reading):
    store.write(JOB, RECORD)
    before = store.path(JOB).read_bytes()

    def read_bytes(self):
        raise OSError(number, os.strerror(number), str(self))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", read_bytes)
        with pytest.raises(UsageError) as caught:
            reading(store, JOB)
    assert str(caught.value) == f"{store.path(JOB)} cannot be read: {os.strerror(number)}; it is left as it is"
    assert os.listdir(store.folder) == [store.path(JOB).name]
    assert store.path(JOB).read_bytes() == before
    assert store.read(JOB) == RECORD


@pytest.mark.parametrize("content", [b"", b"half a rec", b"\xff\xfe\x00", b"[" * 100_000 + b"]" * 100_000])
def test_looking_at_a_damaged_record_says_so_and_leaves_it(store, content, capsys):
    store.path(JOB).write_bytes(content)
    with pytest.raises(DamagedError):
        store.look(JOB)
    assert store.path(JOB).read_bytes() == content
    assert os.listdir(store.folder) == [store.path(JOB).name]
    assert store.read(JOB) is None
    assert store.path(JOB).with_suffix(".corrupt").read_bytes() == content


def test_a_folder_in_a_records_place_is_one_line(store):
    store.path(JOB).mkdir()
    with pytest.raises(UsageError, match="cannot be read: it is not a file"):
        store.read(JOB)


@pytest.mark.parametrize("value", [True, "0.5", "1e3", None, [], 10**400])
@pytest.mark.parametrize("place", ["scalars", "curves", "wall_seconds"])
def test_what_is_no_number_is_damage_even_under_a_checksum_that_fits(store, place, value):
    store.write(JOB, RECORD)
    content = json.loads(store.path(JOB).read_text())
    content.pop("checksum")
    content[place] = {"scalars": {"score": value}, "curves": {"curve": [value]}, "wall_seconds": value}[place]
    store.path(JOB).write_text(json.dumps(content | {"checksum": record._checksum(content)}))
    with pytest.raises(DamagedError, match=r"is no number|too large"):
        store.look(JOB)
