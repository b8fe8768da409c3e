import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from common.errors import UsageError
from common.run import workers
from common.run.workers import Died, cause_of, context_of, in_processes


def double(task):
    return 2 * task


def work(task, folder):
    """Do what the task's name says; a flag in the folder lets it be done once."""
    name, _, argument = task.partition(" ")
    if name == "dies":
        os.kill(os.getpid(), int(argument))
    if name == "exits":
        os._exit(int(argument))
    if name == "raises":
        raise UsageError(argument)
    if name == "breaks":
        raise UnportableError(1, 2)
    if name == "sleeps":
        (folder / str(os.getpid())).touch()
        time.sleep(60)
    return f"{argument} in {os.getpid()}"


class UnportableError(Exception):
    """An error that cannot be sent, as its arguments are not those that it was made with."""

    def __init__(self, one, two):
        super().__init__("only one")


def outcomes(tasks, count, folder):
    with closing(in_processes(partial(work, folder=folder), tasks, count, [__name__])) as found:
        return dict(found)


def test_every_task_is_done_once_in_as_many_processes_as_asked_for(tmp_path):
    found = outcomes([f"does {i}" for i in range(7)], 2, tmp_path)
    assert {task: result.split(" in ")[0] for task, result in found.items()} == {f"does {i}": str(i) for i in range(7)}
    processes = {result.split(" in ")[1] for result in found.values()}
    assert 1 <= len(processes) <= 2
    assert str(os.getpid()) not in processes


def test_no_task_is_no_process():
    assert list(in_processes(double, [], 4, [])) == []


def test_a_process_that_dies_takes_no_other_task_with_it(tmp_path):
    tasks = ["does 0", "dies 9", "does 1", "exits 3", "does 2", "dies 11", "does 3"]
    found = outcomes(tasks, 2, tmp_path)
    assert set(found) == set(tasks)
    assert [found[f"does {i}"].split()[0] for i in range(4)] == ["0", "1", "2", "3"]
    assert found["dies 9"] == Died(cause_of(-9))
    assert found["exits 3"] == Died("it ended with code 3")
    assert found["dies 11"] == Died("it was ended by SIGSEGV")


def test_a_killed_process_names_memory_as_the_likely_cause():
    assert cause_of(-9).startswith("it was killed, as the system does where memory runs out; --workers N")


def test_what_a_task_raises_is_raised_here_with_its_place_and_ends_the_others(tmp_path):
    with pytest.raises(UsageError) as caught:
        outcomes(["sleeps", "raises the disk is full"], 2, tmp_path)
    assert str(caught.value) == "the disk is full"
    assert "in work" in caught.value.__notes__[0]
    _all_gone(tmp_path)


def test_an_error_that_cannot_be_sent_is_named(tmp_path):
    with pytest.raises(RuntimeError, match="UnportableError: only one"):
        outcomes(["breaks"], 1, tmp_path)


def test_closing_ends_all_processes(tmp_path):
    with closing(in_processes(partial(work, folder=tmp_path), ["sleeps", "does 1"], 2, [])) as found:
        assert next(found)[0] == "does 1"
        until = time.monotonic() + 60
        while not list(tmp_path.iterdir()):
            assert time.monotonic() < until
            time.sleep(0.02)
    _all_gone(tmp_path)


def test_only_the_parent_is_stopped_by_a_signal(tmp_path):
    tasks = [f"dies {int(number)}" for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert not any(isinstance(result, Died) for result in outcomes(tasks, 1, tmp_path).values())


def _all_gone(folder):
    pids = [int(path.name) for path in folder.iterdir()]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("length", [82, 250])
def test_a_long_folder_of_temporary_files_is_no_obstacle(tmp_path_factory, length):
    folder = tmp_path_factory.mktemp("d")
    code = (
        "from common.run.workers import in_processes\nfrom tests.common.run.test_workers import double\n"
        "if __name__ == '__main__':\n print(dict(in_processes(double, [3], 2, [])))\n"
    )
    (folder / "run.py").write_text(code)
    long = folder / ("d" * (length - 1 - len(str(folder))))
    long.mkdir()
    environment = {**os.environ, "TMPDIR": str(long), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(folder / "run.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{3: 6}\n", "")


def test_processes_are_forked_off_where_a_socket_fits(monkeypatch):
    room = workers.LONGEST_SOCKET - len("/pymp-12345678/listener-12345678")
    for length, method in ((room, "forkserver"), (room + 1, "spawn")):
        monkeypatch.setattr("tempfile.gettempdir", lambda length=length: "d" * length)
        assert context_of([]).get_start_method() == method
