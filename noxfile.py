"""Sessions of plasticity-bench; `nox -l` lists them.

Packages may follow `--`, as in `nox -s smoke -- papers/freezenet`; what else follows goes to the package's
command line (`nox -s smoke -- --help`).
"""

import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests", "smoke"]

PACKAGES = sorted(f"papers/{path.parent.name}" for path in Path(__file__).parent.glob("papers/*/reproduce.py"))


def reproduce(session: nox.Session, *options: str) -> None:
    """Run reproduce.py of the packages named after `--`, or of all; all of them run before the session fails."""
    named = [a.rstrip("/") for a in session.posargs if a.startswith("papers/")]
    extra = [a for a in session.posargs if not a.startswith("papers/")]
    for folder in named:
        if folder not in PACKAGES:
            print(f"error: unknown paper '{folder}'; there are: {', '.join(PACKAGES)}", file=sys.stderr)
            sys.exit(2)
    session.install("-e", ".")
    codes = [_run(session, f"{folder.replace('/', '.')}.reproduce", *options, *extra) for folder in named or PACKAGES]
    if max(codes) > 1:
        sys.exit(max(codes))
    if max(codes) == 1:
        session.error("a gating claim does not hold, or a run failed: see the table above")


def run(session: nox.Session, module: str, failure: str = "a gating claim does not hold") -> None:
    """Run a module of the core with the arguments after `--`; the session fails with its exit code.

    `failure` is what the code 1 means.
    """
    session.install("-e", ".")
    code = _run(session, module, *session.posargs)
    if code > 1:
        sys.exit(code)
    if code == 1:
        session.error(f"{failure}: see the table above")


def _run(session: nox.Session, module: str, *arguments: str) -> int:
    try:
        session.run("python", "-m", module, *arguments, env={"OMP_NUM_THREADS": "1"})  # processes, not threads
    except CommandFailed as failure:
        return failure.return_code or 1
    return 0


@nox.session
def smoke(session: nox.Session) -> None:
    """Reproduce on tiny real data, on the CPU, in minutes; fails where a gating claim fails."""
    reproduce(session, "--tier", "smoke")


@nox.session
def full(session: nox.Session) -> None:
    """Reproduce at the papers' own scale: `nox -s full -- papers/freezenet [--data-dir D] [--plan]`."""
    reproduce(session, "--tier", "full")


@nox.session
def data(session: nox.Session) -> None:
    """Fetch and verify data sets: `nox -s data -- cifar10 mnist [--data-dir D]`; `-- --check` says what is there."""
    session.install("-e", ".[data]")
    code = _run(session, "common.tools.data", *session.posargs)
    if code:
        sys.exit(code)


@nox.session
def gate(session: nox.Session) -> None:
    """Judge all claims at once, from records: `nox -s gate -- [papers/x] [--baseline FILE [--accept REASON]]`."""
    run(session, "common.tools.gate")


@nox.session
def power(session: nox.Session) -> None:
    """Show by simulation what every check can decide: `nox -s power -- [papers/x] [--tier full]`."""
    run(session, "common.tools.power", "a check cannot decide, and does not say so")


@nox.session
def calibrate(session: nox.Session) -> None:
    """Show by simulation how often the gate fails although every claim is true, and how often it should."""
    run(session, "common.tools.calibration")


@nox.session(name="false-alarms")
def false_alarms(session: nox.Session) -> None:
    """Run smoke on fresh seeds, ten times, and show how often each gating claim fails (`-- papers/freezenet`)."""
    run(session, "common.tools.false_alarms")


@nox.session(name="new-paper")
def new_paper(session: nox.Session) -> None:
    """Write a paper package that runs as it stands, to be changed: `nox -s new-paper -- my_paper [--title T]`."""
    run(session, "common.tools.new_paper")


@nox.session
def report(session: nox.Session) -> None:
    """Judge existing records again and redraw tables and figures; trains nothing (`-- --tier full` for full)."""
    reproduce(session, "--report")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite; arguments go to pytest."""
    session.install("-e", ".[tests]")
    session.run("pytest", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session(name="tests-lowest", python="3.11", venv_backend="uv")
def tests_lowest(session: nox.Session) -> None:
    """Run the test suite on the lowest versions that pyproject.toml names; arguments go to pytest."""
    session.install("--resolution", "lowest-direct", "-e", ".[tests]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff."""
    session.install("ruff>=0.17.5,<1")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, strictly."""
    session.install("-e", ".[types]", "nox")
    session.run("mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """Time the engine against plain training loops, side by side, and print the ratios."""
    session.install("-e", ".[tests]")
    session.run("pytest", "tests/bench", "--benchmark-only", "-s", *session.posargs)


@nox.session(name="bench-full")
def bench_full(session: nox.Session) -> None:
    """Time the engine at the papers' own size, on a GPU: `nox -s bench-full -- --device cuda [--quick]`."""
    run(session, "benchmarks.full_scale")
