import errno
import os
import platform
import signal
import subprocess
import sys

import pytest
from filelock import FileLock

from common.errors import UsageError
from common.reproduce import reproduce
from common.run import lock
from common.run.lock import HOLDER, held
from tests import conftest


@pytest.fixture
def another(tmp_path):
    """A process that holds a folder and waits."""
    folder = tmp_path / "results" / "smoke" / "toy"
    folder.mkdir(parents=True)
    code = (
        "import sys, time; from pathlib import Path; from common.run.lock import HOLDER, held\n"
        "with held(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process, folder
        process.kill()


def test_a_second_process_is_refused_by_name_until_the_first_is_gone_however_it_goes(
    another, toy_package, request_for, capsys
):
    process, folder = another
    package, _ = toy_package
    with pytest.raises(UsageError) as caught:
        reproduce(request_for(package))
    assert str(caught.value) == (
        f"results folder {folder} is in use by process {process.pid} on {platform.node()}; "
        "wait for it, or name another with --results"
    )
    assert conftest.CALLS == []
    assert not list(folder.glob("*.json"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert reproduce(request_for(package)) == 0


def test_another_folder_can_be_used_meanwhile(another, toy_package, request_for, tmp_path):
    package, _ = toy_package
    assert reproduce(request_for(package, results=tmp_path / "others")) == 0


def test_records_can_be_judged_while_another_process_trains(another, toy_package, request_for):
    package, _ = toy_package
    assert reproduce(request_for(package, train=False)) == 1


def test_what_a_killed_process_was_writing_is_cleared_away_and_nothing_else(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    for name in (".tmp-a", "checkpoints/.tmp-b", "record.json", "checkpoints/one.safetensors"):
        (tmp_path / name).write_text("half")
    with held(tmp_path):
        assert sorted(path.name for path in tmp_path.rglob("*.*") if path.name[1:] not in ("lock", "holder")) == [
            "one.safetensors",
            "record.json",
        ]


def test_a_folder_can_be_held_again(tmp_path):
    for _ in range(2):
        with held(tmp_path):
            pass


def test_a_folder_is_let_go_at_once_not_when_its_lock_is_forgotten(tmp_path, monkeypatch):
    remembered = []

    class Remembered(FileLock):
        def acquire(self, *arguments, **names):
            remembered.append(self)
            return super().acquire(*arguments, **names)

    monkeypatch.setattr(lock, "FileLock", Remembered)
    with pytest.raises(RuntimeError), held(tmp_path):
        raise RuntimeError("in training")
    with held(tmp_path):
        pass
    assert len(remembered) == 2


@pytest.mark.parametrize("left", [b"\xff\xfe", b"", b"x" * 10_000, None])
def test_a_holder_that_does_not_say_who_it_is_is_another_process(another, toy_package, request_for, left):
    _, folder = another
    if left is None:
        (folder / HOLDER).unlink()
        (folder / HOLDER).mkdir()
    else:
        (folder / HOLDER).write_bytes(left)
    with pytest.raises(UsageError, match=r"is in use by .{1,200}; wait for it, or name another with --results$"):
        reproduce(request_for(toy_package[0]))


def test_the_holder_is_named_while_it_holds(tmp_path):
    with held(tmp_path):
        assert (tmp_path / HOLDER).read_text() == f"process {os.getpid()} on {platform.node()}"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks by other means")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_a_file_system_that_cannot_lock_is_not_taken_for_another_process(tmp_path, monkeypatch, number):
    def refuse(file, how):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(UsageError, match=f"cannot be locked: .*{os.strerror(number)}$"), held(tmp_path):
        pass
