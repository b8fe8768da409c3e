import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from common import cli, expectations
from common.command import Output, Parser, Stopped, exit_code, to_path, whole_number
from common.errors import UsageError
from common.tools import calibration, data, false_alarms, gate


def raising(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("no such thing"), 2, "error: no such thing\n"),
        (UsageError("a\nb\x1b[31m\udcff"), 2, "error: a\\nb\\x1b[31m\\udcff\n"),
        (OSError(5, "Input/output error", "some/file"), 2, "error: some/file: Input/output error\n"),
        (OSError(24, "Too many open files"), 2, "error: OSError: Too many open files\n"),
        (OSError("odd"), 2, "error: OSError: odd\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted; all is kept\n"),
        (Stopped("SIGTERM"), 130, "\nended by SIGTERM; all is kept\n"),
    ],
)
def test_every_end_is_a_code_and_at_most_one_line(error, code, said, capsys):
    assert exit_code(raising(error), "; all is kept") == code
    assert capsys.readouterr() == ("", said)


def test_what_a_command_returns_is_its_code_and_a_fault_of_ours_is_not_hidden():
    assert [exit_code(lambda code=code: code) for code in (0, 1)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 // 0)
    with pytest.raises(SystemExit) as stop:
        exit_code(lambda: Parser(prog="x").parse_args(["--help"]))
    assert stop.value.code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_that_ask_for_an_end_are_heard_and_their_handlers_put_back(number, capsys):
    before = signal.getsignal(number)
    cleaned = []

    def command():
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            cleaned.append(True)

    assert exit_code(command) == 130
    assert capsys.readouterr().err == f"\nended by {number.name}\n"
    assert cleaned == [True]
    assert signal.getsignal(number) == before


def test_a_signal_that_is_ignored_stays_so_as_nohup_wants(capsys):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert exit_code(lambda: os.kill(os.getpid(), signal.SIGHUP) or 0) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_command_runs_in_a_thread_too():
    codes = []
    thread = threading.Thread(target=lambda: codes.append(exit_code(lambda: 1)))
    thread.start()
    thread.join()
    assert codes == [1]


MAINS = {
    "gate": (gate, []),
    "false alarms": (false_alarms, []),
    "calibration": (calibration, []),
    "expectations": (expectations, ["check"]),
    "data": (data, ["--check"]),
}


@pytest.mark.parametrize("name", MAINS)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), UsageError("wrong"), OSError(5, "Input/output error", "f")])
def test_every_command_ends_that_way(name, error, monkeypatch, capsys):
    module, arguments = MAINS[name]
    monkeypatch.setattr(f"{module.__name__}._run" if name != "gate" else "common.tools.gate._gate", raise_of(error))
    assert module.main(arguments) == (130 if isinstance(error, KeyboardInterrupt) else 2)
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def raise_of(error):
    def fails(*arguments):
        raise error

    return fails


@pytest.mark.parametrize("name", [*MAINS, "reproduce"])
@pytest.mark.parametrize("option", ["--frobnicate", "--\n", "-\x1b"])
def test_an_option_that_is_none_is_one_line(name, option, toy_package, capsys):
    if name == "reproduce":
        assert cli.main(toy_package[0], [option]) == 2
    else:
        assert MAINS[name][0].main([*MAINS[name][1], option]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")


def written(text, encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    output = Output(stream)
    assert output.write(text) == len(text)
    output.flush()
    return raw.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_characters_that_cannot_be_shown_are_put_plainly(encoding):
    assert written("50 % ± 1 → …", encoding).decode(encoding).replace("±", "+-") in (
        "50 % +- 1 -> ...",
        "50 % +- 1 -> …",
        "50 % +- 1 → …",
    )
    assert written("a\udcff", encoding) == b"a\\udcff"
    assert written("λ", "ascii") == b"\\u03bb"


def test_a_process_without_output_says_nothing():
    output = Output(None)
    assert output.write("text") == 4
    output.flush()
    assert not output.isatty()


SCRIPT = """
import sys
from common.command import exit_code
def command():
    for _ in range(20000):
        print("50 % \\u00b1 1")
    print("done", file=sys.stderr)
    return 1
sys.exit(exit_code(command))
"""


def shell(command, **environment):
    """Run a shell's command, in which $PY prints 20,000 lines with a special character, and says done."""
    run = f"{sys.executable} -c '{SCRIPT}'"
    names = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PY": "", **environment}
    line = command.replace("$PY", run)
    return subprocess.run(["bash", "-c", line], env=names, capture_output=True, text=True, check=False)


def test_where_a_terminal_knows_ascii_alone_nothing_is_lost():
    for environment in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        done = shell("$PY", **environment)
        assert (done.returncode, done.stderr) == (1, "done\n")
        assert set(done.stdout.splitlines()) == {"50 % +- 1"}


def test_a_reader_that_goes_away_costs_neither_the_work_nor_its_code():
    done = shell("$PY | head -1; echo ${PIPESTATUS[0]}")
    assert (done.stdout.splitlines()[1:], done.stderr) == (["1"], "done\n")
    done = shell("$PY 2>&1 | head -1; echo ${PIPESTATUS[0]}")
    assert (done.stdout.splitlines()[1:], done.stderr) == (["1"], "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_to_a_full_disk_is_one_line():
    done = shell("$PY > /dev/full")
    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()) == ["done", "standard output cannot be written: No space left on device"]
    assert shell("$PY >&- 2>&-").returncode == 1


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_a_name_that_can_be_no_files_is_refused(text):
    parser = Parser(prog="x")
    parser.add_argument("--file", type=to_path)
    with pytest.raises(UsageError, match=r"argument --file: an empty name|argument --file: a name with a NUL"):
        parser.parse_args(["--file", text])


@pytest.mark.parametrize("text", ["0", "11", "x", "1.5", "", "9" * 5000, "-1"])
def test_a_number_out_of_bounds_is_refused(text):
    parser = Parser(prog="x")
    parser.add_argument("--count", type=whole_number(1, 10))
    assert parser.parse_args(["--count", "10"]).count == 10
    with pytest.raises(UsageError, match=r"^argument --count: .{1,70}; --help explains all options$"):
        parser.parse_args([f"--count={text}"])
