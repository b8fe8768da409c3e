"""How every command of the suite begins and ends: its options, its exit code, and output that never fails."""

import argparse
import codecs
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, TextIO, cast

from common.atomic import reason
from common.errors import UsageError

INTERRUPTED = 130
STOPPING = frozenset(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask a command to stop."""


def one_line_hook() -> None:
    """Let a UsageError that nobody catches, such as one while declarations load, end in one line and code 2."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, UsageError):
            before(kind, error, trace)
            return
        _say(f"error: {error}")
        raise SystemExit(2)

    sys.excepthook = hook


class Stopped(KeyboardInterrupt):
    """A signal other than Ctrl-C's asks the command to stop; the message is its name."""


def exit_code(command: Callable[[], int], kept: str = "") -> int:
    """Run a command and return its exit code, whatever comes up.

    A UsageError, or an error of the operating system that nobody foresaw, is one line on stderr and code 2; Ctrl-C,
    SIGTERM and SIGHUP are one line, which goes on with what is `kept`, and code 130. Output goes through `Output`.
    """
    out, err = Output(sys.stdout), Output(sys.stderr)
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
        try:
            with _stoppable():
                return command()
        except UsageError as error:
            _say(f"error: {error}")
        except OSError as error:
            _say(f"error: {error.filename or type(error).__name__}: {reason(error)}")
        except KeyboardInterrupt as signalled:
            print(file=sys.stderr)  # a terminal shows ^C at the beginning of the line
            _say("".join([f"ended by {signalled}" if isinstance(signalled, Stopped) else "interrupted", kept]))
            return INTERRUPTED
        finally:
            out.flush()
            err.flush()
    return 2


def _say(sentence: str) -> None:
    """Print a sentence on one line of stderr, whatever was put into it."""
    print("".join(c if c.isprintable() else repr(c)[1:-1] for c in sentence), file=sys.stderr)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP stop the command as Ctrl-C does, unless the process was told to ignore them (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING - {signal.SIGINT}}
    ours = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(signal.Signals(number).name)


class Output:
    """A text stream that takes everything: a command that has done its work fails at no output.

    Characters that the stream cannot show are put plainly. Once its reader is gone (`| head`), or it cannot be written
    for any other reason, the rest goes nowhere; what is not a closed pipe is said on stderr.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream  # None where the process has no such stream

    def write(self, text: str) -> int:
        """Write what can be shown of the text."""
        if self._stream is not None:
            encoding = self._stream.encoding or "utf-8"
            shown = text.encode(encoding, "plainly").decode(encoding)
            self._attempt(lambda stream: stream.write(shown))
        return len(text)

    def flush(self) -> None:
        """Write what was kept back."""
        self._attempt(lambda stream: stream.flush())

    def isatty(self) -> bool:
        """Tell whether somebody watches."""
        return self._stream is not None and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _attempt(self, action: Callable[[TextIO], object]) -> None:
        if self._stream is None:
            return
        try:
            action(self._stream)
        except OSError as error:
            _to_nowhere(self._stream)
            if self._stream is sys.__stdout__ and not isinstance(error, BrokenPipeError):
                _say(f"standard output cannot be written: {reason(error)}")


def _to_nowhere(stream: TextIO) -> None:
    """Let all that is still to be written to a stream, by the interpreter's end too, go nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


_PLAIN = {"±": "+-", "…": "...", "→": "->"}


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in unknown), error.end


codecs.register_error("plainly", _plainly)


class Parser(argparse.ArgumentParser):
    """A command line whose mistakes are a UsageError: one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message}; --help explains all options")


def to_path(text: str) -> Path:
    """Return the path that an option names, for a parser."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError("an empty name" if not text else "a name with a NUL character in it")
    return Path(text)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return what reads an option's whole number within bounds, for a parser."""

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number") from None
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"{text[:40]} is not from {least} to {most}")
        return found

    return read
