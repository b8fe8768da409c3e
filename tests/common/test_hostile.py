"""What users, systems and shells do to the command line: every option with hostile values, signals, full disks."""

import os
import signal
import subprocess
import sys
import time

import pytest

from common.cli import main
from common.experiment import Job
from common.run.record import Store
from common.run.workers import NAME
from tests import conftest

OPTIONS = (
    "--tier",
    "--only",
    "--seeds",
    "--first-seed",
    "--scale",
    "--device",
    "--workers",
    "--data-dir",
    "--weights-dir",
    "--results",
)
VALUES = (
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "nan",
    "1e-300",
    "9" * 30,
    "9" * 5000,
    "n" * 300,
    "a\0b",
    "a\nb",
    "\x1b[31m",
    "\udcff",
    "cuda:-1",
    "cuda:300",
    "cuda:1e3",
    "cpu:99999999999999999999",
    "../../nowhere/at/all",
    "~",
    "$(reboot)",
    "{place}/file",
    "{place}/pipe",
    "{place}/file/below",
    "/dev/null",
    "/proc",
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to be in, with a file and a pipe; /proc takes no file, even from a superuser."""
    (tmp_path / "file").write_text("in the way")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("common.cli.workers_on", lambda device: 1)  # others would look for the code from here
    return tmp_path


@pytest.mark.parametrize("what", ["--plan", "--report", "--prune", "--list"])
@pytest.mark.parametrize("option", OPTIONS)
def test_no_value_of_any_option_ends_in_a_traceback(toy_package, place, capsys, option, what):
    for value in VALUES:
        given = value.format(place=place)
        code = main(toy_package[0], [what, f"{option}={given}"])
        captured = capsys.readouterr()
        assert code in (0, 1, 2), value
        assert "Traceback" not in captured.err
        assert len(captured.err.strip().splitlines()) <= 3, value
        if code == 2:
            assert captured.err.strip().splitlines()[-1].startswith("error: "), value
            assert captured.out == "" or (option, what) == ("--results", "--report"), value


@pytest.mark.parametrize("option", OPTIONS)
def test_a_run_with_bad_values_is_one_line_or_a_run(toy_package, place, capsys, option):
    for value in VALUES:
        if option == "--first-seed" and value == "0":
            continue  # which is the default
        code = main(toy_package[0], ["--results", f"{place}/results", f"{option}={value.format(place=place)}"])
        captured = capsys.readouterr()
        assert code in (0, 1, 2), value
        if code == 2:
            lines = [line for line in captured.err.strip().splitlines() if not line.startswith("toy smoke: ")]
            assert len(lines) == 1, value
            assert lines[0].startswith("error: ")


@pytest.mark.parametrize("kind", ["folder", "pipe", "file of bytes", "nothing"])
def test_expectations_that_are_no_text_file_are_one_line(toy_package, capsys, kind):
    package, path = toy_package
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "file of bytes":
        path.write_bytes(b"\xff\xfe\x00")
    assert main(package, ["--report"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "cannot be read" in line


@pytest.mark.parametrize(("number", "group"), [(signal.SIGTERM, False), (signal.SIGHUP, True)])
def test_a_signal_ends_all_processes_and_lets_go_of_the_folder(tmp_path, number, group):
    command = [sys.executable, "-m", "tests.command", str(tmp_path), "sleeping", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            until = time.monotonic() + 120
            while len(pids := list(tmp_path.glob("*.pid"))) < 2:
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.05)
            os.killpg(process.pid, number) if group else process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    said = f"ended by {number.name}; what is done is kept, the same command goes on from there"
    assert err.splitlines() == ["toy smoke: 35 jobs, 0 already done", "", said]
    for path in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.stem), 0)
    held = subprocess.run(
        [sys.executable, "-m", "tests.command", str(tmp_path), "plain", "--prune"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert held.returncode == 0, "the folder is free again"


def test_a_worker_has_a_name_that_says_whose_it_is():
    assert "plasticity-bench" in NAME


def stopped(jobs, environment):
    for i, measured in enumerate(conftest.toy(jobs, environment)):
        if i == 7:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        yield measured


def test_a_signal_in_a_run_of_one_process_keeps_what_is_done(toy_package, request_for, tmp_path, capsys, monkeypatch):
    package, _ = toy_package
    monkeypatch.setattr("common.cli.workers_on", lambda device: 1)

    own = type(package)("toy", (conftest.experiment(run=stopped),), package.figures)
    assert main(own, ["--results", str(request_for().results)]) == 130
    assert capsys.readouterr().err.endswith(
        "\nended by SIGTERM; what is done is kept, the same command goes on from there\n"
    )
    assert len(list((request_for().results / "smoke" / "toy").glob("*.json"))) == 7


@pytest.mark.parametrize("fault", ["fsync", "replace", "open"])
def test_a_disk_that_is_full_when_all_is_trained_costs_no_verdict(toy_package, request_for, monkeypatch, capsys, fault):
    package, _ = toy_package
    monkeypatch.setattr("common.cli.workers_on", lambda device: 1)
    arguments = ["--results", str(request_for().results)]
    assert main(package, arguments) == 0
    table = capsys.readouterr().out

    def full(*arguments, **names):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, fault, full)
        assert main(package, [*arguments, "--report"]) == 2
    captured = capsys.readouterr()
    assert captured.out == table[: table.index("report: ")]
    assert captured.out.endswith("gate: passes, none of 2 gating claims fails\n")
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(" cannot be written: No space left on device")
    store = Store(request_for().results / "smoke" / "toy")
    jobs = package.experiments[0].jobs("smoke")
    assert all(isinstance(job, Job) and store.read(job) for job in jobs)
