"""Processes of one thread each that do tasks side by side, and what is said of one that dies."""

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, TextIO, TypeVar, cast

from common.command import STOPPING, Output
from common.machine import set_up

Task = TypeVar("Task")
Result = TypeVar("Result")

NAME = "worker of plasticity-bench"
LONGEST_SOCKET = 103  # bytes of a socket's path on macOS; Linux takes 107
_BELOW_TEMPORARY = len("/pymp-12345678/listener-12345678")  # where multiprocessing puts its socket
_KILLED = -9


@dataclass(frozen=True)
class Died:
    """The process of a task ended before the task did; `cause` says how, and what is most likely behind it."""

    cause: str


@dataclass(frozen=True)
class _Raised:
    """An error that a task raised, on its way to the parent."""

    error: Exception


@dataclass(frozen=True)
class _Worker:
    process: BaseProcess
    connection: Any


def in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], count: int, preload: Sequence[str]
) -> Generator[tuple[Task, Result | Died], None, None]:
    """Do every task in one of `count` processes, and yield it with its result as soon as it is done.

    A process that dies takes no other task with it: its own is yielded with the cause, and a fresh process takes its
    place. What `function`, which can be pickled, raises is raised here and ends all processes; so does closing the
    iterator. The modules `preload` are imported once for all processes, where the system can do that.
    """
    context = context_of(preload)
    waiting = deque(tasks)
    busy: dict[Any, tuple[_Worker, Task]] = {}
    try:
        while waiting and len(busy) < count:
            _give(_start(context, function), waiting.popleft(), busy)
        while busy:
            for connection in wait(list(busy)):
                worker, task = busy.pop(connection)
                result = _received(worker)
                if isinstance(result, _Raised):
                    raise result.error
                if waiting:
                    again = _start(context, function) if isinstance(result, Died) else worker
                    _give(again, waiting.popleft(), busy)
                else:
                    worker.connection.close()  # which ends it
                yield task, result
    finally:
        with _undisturbed():
            ours = [process for process in multiprocessing.active_children() if process.name == NAME]
            for process in ours:
                process.kill()
            for process in ours:
                process.join()


def context_of(preload: Sequence[str]) -> Any:
    """Return how processes are started: forked off one that has imported `preload`, or else from scratch.

    The former needs a socket in the folder of temporary files, whose path may be too long for one.
    """
    length = len(os.fsencode(tempfile.gettempdir())) + _BELOW_TEMPORARY
    if sys.platform == "win32" or length > LONGEST_SOCKET:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(sorted(set(preload)))
    return context


def _start(context: Any, function: Callable[[Task], object]) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, function), name=NAME, daemon=True)
    with _undisturbed():
        if sys.platform != "win32":
            resource_tracker.ensure_running()  # whose start lets signals through again
        with _undisturbed():
            process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep what stops a run from this thread until the end, and for good from processes that start meanwhile.

    Only the parent decides what a signal means, even where all processes get it, as from a terminal that is closed.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _give(worker: _Worker, task: Task, busy: dict[Any, tuple[_Worker, Task]]) -> None:
    busy[worker.connection] = worker, task
    with suppress(OSError):  # of a dead worker, which reading from it says again
        worker.connection.send(task)


def _received(worker: _Worker) -> Any:
    try:
        return worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join()
        return Died(cause_of(worker.process.exitcode))


def cause_of(code: int | None) -> str:
    """Return how a process ended, from its exit code, and what is most likely behind it."""
    if code == _KILLED:
        return "it was killed, as the system does where memory runs out; --workers N trains in fewer at once"
    if code is not None and code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with code {code}"


def _work(connection: Any, function: Callable[[Any], object]) -> None:
    """Do tasks until there are no more."""
    for number in STOPPING:  # of a process that is not forked, and on Windows, where none can be kept from it
        signal.signal(number, signal.SIG_IGN)
    sys.stdout, sys.stderr = cast(TextIO, Output(sys.stdout)), cast(TextIO, Output(sys.stderr))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    set_up()
    with suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            try:
                result = function(task)
            except Exception as error:
                result = _Raised(_portable(error))
            connection.send(result)


def _portable(error: Exception) -> Exception:
    """Return an error that gets through a pipe, with a note where it came from."""
    error.add_note(f"in a worker: {''.join(traceback.format_exception(error))}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    """End this process once its parent is gone, even where it was killed: nobody else would."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
