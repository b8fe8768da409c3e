"""A group of jobs run together, and what is done where that fails: one by one, or in halves where memory is short."""

import gc
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from common.errors import UsageError
from common.experiment import Job
from common.run.call import Environment
from common.run.record import Store
from common.run.recording import measured, run_recorded
from common.run.resume import checkpoint_of
from common.train.checkpoint import Checkpoint


def run_group(
    group: Sequence[Job], store: Store, environment: Environment, done: Callable[[Job], None] = lambda job: None
) -> dict[str, str]:
    """Run jobs together, write each one's record, and return the errors of those that failed, by key.

    Where the group fails as a whole, its unfinished jobs run again one at a time, or, where memory was too small, in
    halves; no job is changed by that but for rounding. A line on stderr says so, and why.
    """
    failure = _attempt(group, store, environment, done)
    if failure is None:
        return {}
    unfinished = [job for job in group if store.read(job) is None]
    if len(unfinished) > 1:
        parts = [run_group(part, store, environment, done) for part in _parts(unfinished, failure)]
        return {key: message for part in parts for key, message in part.items()}
    print(failure.trace, end="", file=sys.stderr)
    for job in unfinished:  # one, or none where all had their records
        print(f"failed: {job}", file=sys.stderr)
        done(job)
    return {job.key: failure.message for job in unfinished}


@dataclass(frozen=True)
class Failure:
    """What ended a group, without the error itself: that would hold on to all that its frames hold, networks too."""

    message: str
    trace: str
    out_of_memory: bool

    @staticmethod
    def of(error: Exception) -> "Failure":
        """Describe an error in one line, and where it came from in a few."""
        short = any(_lacks_memory(one) for one in _chain(error))
        advice = "; a job that fails alone needs a GPU with more memory, or is left out with --only" if short else ""
        message = " ".join(f"{type(error).__name__}: {error}{advice}".split())
        return Failure(message, "".join(traceback.format_exception(error, limit=-3)), short)


def _lacks_memory(error: BaseException) -> bool:
    """Tell whether memory was too small, also for a graph or a library's workspace, which torch does not allocate."""
    words = str(error).lower() if isinstance(error, RuntimeError) else ""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "alloc_failed" in words


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those during which it came up: a capture that memory cuts off ends with another error."""
    while error is not None:
        yield error
        error = error.__context__


def _attempt(
    group: Sequence[Job], store: Store, environment: Environment, done: Callable[[Job], None]
) -> Failure | None:
    """Run jobs together; return what went wrong."""
    checkpoint = checkpoint_of(group, store, environment)
    try:
        checkpoint.begin()
        call = environment.call(Checkpoint(checkpoint, checkpoint.tree), measured(group, store))
        run_recorded(group, store, call, done)
    except UsageError:
        raise
    except Exception as error:
        checkpoint.remove()
        return Failure.of(error)
    checkpoint.remove()
    return None


def _parts(jobs: Sequence[Job], failure: Failure) -> list[Sequence[Job]]:
    """Return which jobs are to run together after their group failed."""
    if not failure.out_of_memory:
        print(f"{len(jobs)} jobs together failed, so each runs by itself: {failure.message}", file=sys.stderr)
        return [[job] for job in jobs]
    print(f"not enough memory for {len(jobs)} jobs together: they go on in halves", file=sys.stderr)
    gc.collect()
    torch.cuda.empty_cache()
    middle = (len(jobs) + 1) // 2
    return [jobs[:middle], jobs[middle:]]
