"""Pictures of the papers' figures, each by itself: one that fails costs neither the others nor the verdicts."""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from posixpath import commonpath
from typing import TYPE_CHECKING, Any

from common import atomic
from common.claims.results import Results
from common.report.arms import Arms, gather, sound
from common.report.axes import finish

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawing = tuple[str, Callable[[], "Figure"]]
"""A picture's name, and what makes it."""


@dataclass(frozen=True)
class Plot:
    """A figure: the experiments that it shows, all of them or none, and how their arms are painted.

    A run without the number `metric` is left out and counted in the title. `shows` picks arms by their cells. With
    `seeds` it shows so many of them, the first ones.
    """

    name: str
    experiments: tuple[str, ...]
    paint: Callable[["Figure", Arms], None]
    metric: str = ""
    shows: Callable[[Sequence[Any]], Sequence[Any]] = tuple
    seeds: int | None = None


def drawings(plots: Iterable[Plot], results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiments have all their records."""
    for plot in plots:
        if all(results.complete(name) for name in plot.experiments):
            yield plot.name, partial(picture, plot, results)


def picture(plot: Plot, results: Results) -> "Figure":
    """Return a figure; its title says what was run, and how many runs are left out."""
    from matplotlib.figure import Figure  # takes a second to load, which a plan or an error should not pay

    gathered = gather(results, plot.experiments, plot.seeds)
    shown = {cell: gathered[cell] for cell in plot.shows(list(gathered))}
    arms, faults = sound(shown, plot.metric) if plot.metric else (shown, {})
    figure = Figure()
    plot.paint(figure, arms)
    sources = [results.experiments[name].source for name in plot.experiments]
    left_out = [f"{count} {why} and left out" for why, count in faults.items()]
    facts = [where(arms), str(results.tier), named({seed for runs in arms.values() for seed in runs}), *left_out]
    finish(figure, f"{joined(sources)}\n{', '.join(filter(None, facts))}")
    return figure


def joined(sources: Sequence[str]) -> str:
    """Name the sources of a figure, and what they share once."""
    first, *others = sources
    return " and ".join([first, *(source.rpartition(", ")[2] for source in others)])


def where(arms: Arms) -> str:
    """Return what the names of all settings begin with: the setting, or its data set, or nothing."""
    names: list[str] = [cell.setting.name for cell in arms]
    return commonpath(names)


def named(seeds: set[int]) -> str:
    """Name seeds that follow each other."""
    return f"seeds {min(seeds)} to {max(seeds)}" if len(seeds) > 1 else f"seed {min(seeds)}"


def draw(drawings: Iterable[Drawing], folder: Path) -> list[Path]:
    """Draw pictures as PNG files into a folder that is there, and return the files written.

    One that cannot be drawn or written costs a line on stderr.
    """
    paths = []
    for name, make in drawings:
        path = folder / f"{name}.png"
        try:
            with plain_style():
                picture = io.BytesIO()
                make().savefig(picture, format="png", dpi=110)
            atomic.write(path, picture.getvalue())
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"figure {name} could not be drawn: {why}", file=sys.stderr)
        else:
            paths.append(path)
    return paths


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw in matplotlib's own style and without a screen, whatever a matplotlibrc or MPLBACKEND asks for."""
    backend = os.environ.pop("MPLBACKEND", None)  # a notebook's would be looked for when matplotlib is imported
    try:
        import matplotlib  # takes a second to load, which a plan or an error should not pay

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
