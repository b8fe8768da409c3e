import json
import math
import os
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.claims.verdict import Verdict
from common.errors import UsageError
from common.tools import accepted
from common.tools.accepted import Accepted, Numbers, last, lightened, pinned, read, text, write

HERE = {"torch": "2.15.0", "device": "cpu"}
PINNED = Path(__file__).resolve().parents[3] / "ci" / "baselines" / "smoke.json"


def numbers(*values, name="value", place=HERE, company="c0"):
    return Numbers(Verdict.REPRODUCED, {name: list(values)}, place, company)


def run(packages, reason="why not", records=None):
    return Accepted("2026-11-20", "abc", reason, records or {"torch": {"2.15.0": 3}}, packages)


RUNS = [
    run({"toy": {"toy/a": numbers(0.1, -0.0, 1e-320), "toy/b": numbers(1.0, place={"torch": "1 and 2"})}}),
    run({"other": {"other/a": Numbers(Verdict.NOT_RUN, {}, {}, "")}}, reason='größer "als"\n'),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "baseline.json"


def test_what_was_written_is_read(path):
    write(path, "smoke", RUNS)
    assert read(path, "smoke") == RUNS
    assert text("smoke", read(path, "smoke")) == path.read_text()


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.text(), st.text())
def test_numbers_come_back_to_the_last_bit(values, name, reason):
    runs = [run({"toy": {name: numbers(*values, name=name)}}, reason=reason)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "baseline.json"
        write(path, "smoke", runs)
        (found,) = read(path, "smoke")
    back = found.packages["toy"][name].samples[name]
    assert struct.pack(f"{len(values)}d", *values) == struct.pack(f"{len(back)}d", *back)
    assert found == runs[0]


def test_a_sample_is_a_line_and_circumstances_stand_once():
    lines = text("smoke", RUNS).splitlines()
    assert '       "value": [0.1, -0.0, 1e-320]}},' in lines
    assert sum('"torch": "2.15.0", "device": "cpu"' in line for line in lines) == 1
    assert any(line.strip().startswith('"toy/b": {"verdict": "reproduced", "company": "c0",') for line in lines)


def test_the_accepted_run_of_the_suite_is_whole_and_as_it_would_be_written():
    runs = read(PINNED, "smoke")
    assert text("smoke", runs) == PINNED.read_text(encoding="utf-8")
    assert len(runs) >= 5
    assert {"freezenet", "fast", "plasticity", "sequential_learning"} <= last(runs).keys()
    assert pinned(runs)


def test_numbers_that_no_comparison_reads_are_left_out_and_reasons_stay():
    silent, telling = numbers(1.0, place={}), numbers(2.0)
    runs = [
        run({"a": {"a/x": silent}, "b": {"b/x": silent}}, "first"),
        run({"a": {"a/x": telling}}, "second"),
        run({"a": {"a/x": telling}}, "third"),
    ]
    light = lightened(runs)
    assert [own.packages for own in light] == [{"b": {"b/x": silent}}, runs[1].packages, runs[2].packages]
    assert [own.reason for own in light] == ["first", "second", "third"]
    assert pinned(light) == pinned(runs)


def test_a_package_is_pinned_to_the_last_run_that_has_it():
    first, second = numbers(1.0), numbers(2.0)
    runs = [run({"a": {"a/x": first, "a/y": first}, "b": {"b/x": first}}), run({"a": {"a/x": second}})]
    assert last(runs) == {"a": runs[1], "b": runs[0]}
    assert pinned(runs) == {"a/x": second, "b/x": first}
    assert pinned(runs, ["b"]) == {"b/x": first}
    assert pinned(runs, ["c"]) == {}


def refused(path):
    with pytest.raises(UsageError) as caught:
        read(path, "smoke")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"baseline {path} ")
    return line


def signed(content):
    """Return the text of a file with a right checksum, however wrong its content is."""
    content.pop("checksum", None)
    return json.dumps(content | {"checksum": accepted._checksum(content)})


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("0.1,", "0.2,"),
        lambda text: text.replace('"torch": "2.15.0", "device"', '"torch": "2.16.0", "device"'),
        lambda text: text.replace('"device": "cpu"', '"device": "gpu"'),
        lambda text: text.replace('"circumstances": 0', '"circumstances": 1', 1),
        lambda text: text.replace('"company": "c0"', '"company": "c1"', 1),
        lambda text: text.replace('"2.15.0": 3', '"2.15.0": 4', 1),
        lambda text: text.replace('"reproduced"', '"inconclusive"', 1),
        lambda text: text.replace("why not", "because"),
        lambda text: text.replace('"toy/b"', '"toy/c"'),
    ],
)
def test_a_file_that_was_changed_is_refused(path, change):
    write(path, "smoke", RUNS)
    before = path.read_text()
    assert change(before) != before
    path.write_text(change(before))
    assert "was changed after it was written, its checksum does not fit" in refused(path)


def wrong(*keys, value):
    """Return a file with a right checksum that has a wrong value somewhere in its first run."""
    content = json.loads(text("smoke", RUNS))
    at = content["accepted"][0]
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    return signed(content)


CLAIM = ("packages", "toy", "toy/a")
HOSTILE = {
    "empty": "",
    "cut off": text("smoke", RUNS)[:-30],
    "a list": "[]",
    "a number": "7",
    "nested lists": "[" * 100_000 + "]" * 100_000,
    "nested mappings": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "nested content": signed({"schema": 2, "tier": "smoke", "accepted": json.loads("[" * 500 + "]" * 500)}),
    "huge digits": '{"schema": 1' + "0" * 5000 + "}",
    "another schema": signed({"schema": 7, "tier": "smoke", "accepted": []}),
    "schema of a wrong type": signed({"schema": [2], "tier": "smoke", "accepted": []}),
    "no checksum": json.dumps({"schema": 2, "tier": "smoke", "accepted": []}),
    "a field too many": signed({"schema": 2, "tier": "smoke", "accepted": [], "more": 1}),
    "runs of a wrong type": signed({"schema": 2, "tier": "smoke", "accepted": {}}),
    "a run of a wrong type": signed({"schema": 2, "tier": "smoke", "accepted": [1]}),
    "NaN": text("smoke", RUNS).replace("0.1,", "NaN,"),
    "Infinity": text("smoke", RUNS).replace("0.1,", "-Infinity,"),
    "infinite by overflow": text("smoke", RUNS).replace("0.1,", "1e999,"),
    "a name twice": text("smoke", RUNS).replace('"toy/b"', '"toy/a"'),
    "a huge number": wrong(*CLAIM, "samples", "value", 0, value=10**400),
    "an integer": wrong(*CLAIM, "samples", "value", 0, value=1),
    "a number as text": wrong(*CLAIM, "samples", "value", 0, value="1.0"),
    "true": wrong(*CLAIM, "samples", "value", 0, value=True),
    "null": wrong(*CLAIM, "samples", "value", 0, value=None),
    "a sample that is none": wrong(*CLAIM, "samples", "value", value="12"),
    "samples that are none": wrong(*CLAIM, "samples", value=[1.0]),
    "a claim that is none": wrong(*CLAIM, value=[]),
    "claims that are none": wrong("packages", "toy", value=[]),
    "an unknown verdict": wrong(*CLAIM, "verdict", value="fine"),
    "a verdict of a wrong type": wrong(*CLAIM, "verdict", value=["reproduced"]),
    "circumstances that are not there": wrong(*CLAIM, "circumstances", value=9),
    "circumstances below zero": wrong(*CLAIM, "circumstances", value=-1),
    "circumstances of a wrong type": wrong(*CLAIM, "circumstances", value=True),
    "a circumstance of a wrong type": wrong("circumstances", 0, "torch", value=2.15),
    "company of a wrong type": wrong(*CLAIM, "company", value=0),
    "a reason of a wrong type": wrong("reason", value=None),
    "a count of a wrong type": wrong("records", "torch", "2.15.0", value="many"),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_not_whole_is_one_line(path, content):
    path.write_text(content)
    assert "is not whole: " in refused(path)


def test_a_file_that_is_no_text_is_one_line(path):
    path.write_bytes(b"\xff\xfe\x00")
    assert "is not whole: " in refused(path)


def test_a_file_of_the_old_schema_says_what_to_do(path):
    path.write_text('{"schema": 1, "tier": "smoke", "accepted": []}')
    line = refused(path)
    assert "has schema 1, no longer read: move it away and accept a run anew: nox -s gate -- --baseline" in line


def test_a_file_of_another_tier_or_without_a_run_is_refused(path):
    write(path, "full", RUNS)
    assert "holds the full tier, not smoke" in refused(path)
    write(path, "smoke", [])
    assert "holds no accepted run" in refused(path)


def test_a_file_that_is_not_there_says_how_to_accept_a_run(path):
    assert "is not there; accept a run first: nox -s gate -- --baseline FILE --accept" in refused(path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_one_line(path, make):
    make(path)
    assert refused(path).endswith("is not a file")


def test_a_file_that_cannot_be_read_is_one_line(path, monkeypatch):
    write(path, "smoke", RUNS)

    def refuse(self, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert refused(path).endswith("cannot be read: Permission denied")


def test_numbers_that_are_not_finite_are_known_and_never_written(path):
    assert numbers(1.0, 1e308).finite
    for value in (math.nan, math.inf, -math.inf):
        assert not numbers(1.0, value).finite
        with pytest.raises(ValueError, match="JSON compliant"):
            write(path, "smoke", [run({"toy": {"toy/a": numbers(value)}})])
    assert not path.exists()
