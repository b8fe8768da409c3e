"""The plots of both papers, from records: every run as a point, or means over seeds."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from common.claims.results import Results
from common.experiment import Metrics
from common.report.figures import Drawing
from papers.sequential_learning.drawing import Plot, points
from papers.sequential_learning.frozen_weights.figures import PLOTS as FROZEN
from papers.sequential_learning.negative_pretraining.figures import PLOTS as NEGATIVE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOTS = NEGATIVE + FROZEN


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiments have all their records."""
    for plot in PLOTS:
        if all(results.complete(name) for name in plot.experiments):
            yield plot.name, partial(picture, plot, results)


def picture(plot: Plot, results: Results) -> "Figure":
    """Return a figure; its title says what was run, and how many runs diverged, which are left out."""
    from matplotlib.figure import Figure  # takes a second to load, which a plan or an error should not pay

    arms: dict[Any, dict[int, Metrics]] = {}
    for name in plot.experiments:
        for cell in results.grid(name).cells:
            arms[cell] = {job.seed: results.records[job].metrics for job in results.jobs(name, cell)}
    figure = Figure()
    plot.paint(figure, arms)
    first, *others = (results.experiments[name].source for name in plot.experiments)
    sources = " and ".join([first, *(source.rpartition(", ")[2] for source in others)])
    lost = sum(len(runs) - len(points(runs, "test_loss")) for runs in arms.values())
    diverged = f", {lost} diverged and left out" if lost else ""
    title = f"{sources}, {results.tier}, {named({seed for runs in arms.values() for seed in runs})}{diverged}"
    figure.suptitle(title, fontsize="medium", y=1 - 0.1 / figure.get_figheight(), va="top")
    return figure


def named(seeds: set[int]) -> str:
    """Name seeds that follow each other."""
    return f"seeds {min(seeds)} to {max(seeds)}" if len(seeds) > 1 else f"seed {min(seeds)}"
