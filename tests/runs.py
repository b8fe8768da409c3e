"""Run functions that processes of their own are started with, and what they do besides scoring as the toy does."""

import os
import signal
import time

from tests import conftest


def plain(jobs, call):
    """Score as the toy does."""
    yield from conftest.toy(jobs, call)


def sleeping(jobs, call):
    """Leave the number of this process, and take long."""
    (call.data_dir / f"{os.getpid()}.pid").touch()
    time.sleep(120)
    yield from conftest.toy(jobs, call)


def dying_once(jobs, call):
    """Be killed at the first setting's first attempt, after one record."""
    flag = call.data_dir / "died"
    for number, metrics in enumerate(conftest.toy(jobs, call)):
        if jobs[0].cell.setting.name == "first" and number == 1 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield metrics


def dying(jobs, call):
    """Be killed at the first setting, always, after one record."""
    for number, metrics in enumerate(conftest.toy(jobs, call)):
        if jobs[0].cell.setting.name == "first" and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield metrics
