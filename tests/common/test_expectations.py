import subprocess
import sys
from dataclasses import replace

import pytest

from common import expectations
from common.experiment import NOTHING


@pytest.fixture
def toy(toy_package, monkeypatch):
    package, path = toy_package
    table = package.experiments[0]
    smoke_only = replace(table, full=NOTHING)
    package = replace(package, experiments=(smoke_only,))
    monkeypatch.setattr("common.expectations.find_packages", lambda named=(): [package])
    folder = path.parent / "expectations"
    folder.mkdir()
    monkeypatch.setattr(expectations, "ROOT", path.parent)
    return package, path, folder


def test_sound_expectations_are_counted(toy, capsys):
    assert expectations.main(["check"]) == 0
    header, _, row, total = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "file"
    assert row.split() == ["expectations/toy.yaml", "3", "2", "2", "0", "0", "1"]
    assert total.split() == ["all", "3", "2", "2", "0", "0", "1"]


def test_unsound_expectations_are_named_with_their_place(toy, capsys):
    _, path, _ = toy
    path.write_text(path.read_text().replace("kind: value", "kind: valeu"))
    assert expectations.main(["check"]) == 2
    assert "expectations.yaml:24:13: expected one of value, order, trend, rate, exact" in capsys.readouterr().err


def test_a_check_that_cannot_decide_is_refused_with_its_place(toy, capsys):
    _, path, _ = toy
    sound = path.read_text()
    path.write_text(sound.replace("effect: 0.1, spread: 0.01", "effect: 0.1, spread: 0.5"))
    assert expectations.main(["check"]) == 2
    error = capsys.readouterr().err
    assert "expectations.yaml:10:7: toy/order (smoke): it is shown in " in error
    assert " where true, and 80 % are the least" in error
    assumed = next(line for line in sound.splitlines(keepends=True) if "assumed" in line)
    path.write_text(sound.replace(assumed, ""))
    assert expectations.main(["check"]) == 2
    error = capsys.readouterr().err
    assert "(smoke): its power is not known: give assumed: {effect: .., spread: .., reason: ..}" in error
    undecidable = "      undecidable: nobody knows by how much\n"
    path.write_text(sound.replace(assumed, undecidable).replace("gate: reproduced", "gate: none"))
    assert expectations.main(["check"]) == 0


def test_a_file_without_a_package_is_refused(toy, capsys):
    _, _, folder = toy
    (folder / "stray.yaml").write_text("claims: []")
    assert expectations.main(["check"]) == 2
    assert "expectations/stray.yaml: there is no papers/stray with a reproduce.py" in capsys.readouterr().err


def test_the_only_command_is_check(capsys):
    assert expectations.main(["list"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: argument command: invalid choice: 'list' (choose from ")


def test_the_documented_command_runs():
    command = [sys.executable, "-m", "common.expectations", "--help"]
    assert "validate all files" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
