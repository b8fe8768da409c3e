"""The toy paper as a command in a process of its own: `python -m tests.command FOLDER RUN [options]`.

RUN names a function of `tests.runs`; records, and what the functions leave, go to FOLDER.
"""

import sys
from dataclasses import replace
from pathlib import Path

from common import reproduce
from common.cli import main
from common.package import Package
from tests import conftest, runs


def package_of(run):
    """Return the toy package with one more cell, of a setting of its own, that no claim reads."""
    found = conftest.experiment(run=run)
    cells = (conftest.Cell("a", 0.7, conftest.Setting("first")), *found.smoke.cells)
    grid = replace(found.smoke, cells=cells)
    return Package("toy", (replace(found, smoke=grid, full=grid),), lambda results: [])


if __name__ == "__main__":
    folder, name, *options = sys.argv[1:]
    path = Path(folder) / "expectations.yaml"
    path.write_text(conftest.CLAIMS)
    reproduce.path_of = lambda package: path
    where = ["--results", str(Path(folder) / "results"), "--data-dir", folder]
    sys.exit(main(package_of(getattr(runs, name)), [*where, *options]))
