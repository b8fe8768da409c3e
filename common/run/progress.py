"""How far a run has come, for people."""

import sys
import time

from tqdm import tqdm

QUIET_SECONDS = 10.0  # between two lines of progress where the output is not a terminal


class Progress:
    """A bar with the time left on a terminal; elsewhere a line now and then."""

    def __init__(self, jobs: int, work: float) -> None:
        self.jobs, self.done = jobs, 0
        self.started = self.spoken = time.perf_counter()
        self.work, self.worked = work, 0.0
        self.bar = tqdm(total=jobs, unit="job", disable=not (jobs and sys.stderr.isatty()), dynamic_ncols=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def advance(self, work: float) -> None:
        """Count one job as done."""
        self.done += 1
        self.worked += work
        now = time.perf_counter()
        left = (self.work - self.worked) / self.worked * (now - self.started) if self.worked else 0.0
        self.bar.set_postfix_str(f"about {duration(left)} left")
        self.bar.update()
        if self.bar.disable and (now - self.spoken > QUIET_SECONDS or self.done == self.jobs):
            self.spoken = now
            tail = f"about {duration(left)} left" if self.done < self.jobs else "done"
            print(
                f"{self.done} of {self.jobs} jobs in {duration(now - self.started)}, {tail}",
                file=sys.stderr,
                flush=True,
            )


def duration(seconds: float) -> str:
    """Return a length of time as people say it: 8 s, 3 min, 2.5 h, 1.2 days."""
    for limit, unit, digits in ((90, "s", 0), (90 * 60, "min", 0), (36 * 3600, "h", 1)):
        if seconds < limit:
            return f"{seconds / {'s': 1, 'min': 60, 'h': 3600}[unit]:.{digits}f} {unit}"
    return f"{seconds / 86400:.1f} days"
