"""What the plots of both papers are made of: runs as points, swarms with violins, panels, legends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Array
from common.experiment import Metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Arms = Mapping[Any, Mapping[int, Metrics]]
"""What every arm of a figure measured, by cell and by seed."""


@dataclass(frozen=True)
class Plot:
    """A figure: the experiments that it shows, all of them or none, and how their arms are drawn."""

    name: str
    experiments: tuple[str, ...]
    paint: Callable[["Figure", Arms], None]


PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito
MARKERS = "osD^vPX"
SMALL = 8  # points, the smallest font
LEFT, RIGHT, TOP, BOTTOM, LEGEND_ROW = 0.8, 0.2, 0.65, 0.65, 0.2  # inches
GAPS = (0.8, 0.9)  # inches between the columns and between the rows of panels
WIDTH = 6.4  # inches, the least
DOT = 5.0  # points, the diameter of a run's point


def points(runs: Mapping[int, Metrics], name: str) -> dict[int, float]:
    """Return a number of every run by seed, without the runs that diverged or where it is not finite."""
    found = {seed: run.scalars for seed, run in runs.items()}
    return {seed: own[name] for seed, own in found.items() if np.isfinite([own[name], own["test_loss"]]).all()}


def values(runs: Mapping[int, Metrics], name: str) -> Array:
    """Return a number of every run that has one, [seeds], as `points` does."""
    return np.array(list(points(runs, name).values()))


def mean_and_deviation(found: Array) -> tuple[float, float]:
    """Return the mean and the standard deviation of [seeds]; NaN where there are too few."""
    mean = float(found.mean()) if len(found) else float("nan")
    return mean, float(found.std(ddof=1)) if len(found) > 1 else float("nan")


def swarm(found: Array, diameter: float) -> Array:
    """Return how far to the side dots at values [n] stand, [n], so that none overlap; all in one unit of length.

    From the lowest value up, every dot takes the free place that is nearest to the middle.
    """
    aside = np.zeros(len(found))
    placed: list[int] = []
    for i in np.argsort(found, kind="stable"):
        near = [j for j in placed if found[i] - found[j] < diameter]
        touching = [np.sqrt(diameter**2 - (found[i] - found[j]) ** 2) for j in near]
        free = [0.0, *(aside[j] + sign * gap for j, gap in zip(near, touching, strict=True) for sign in (1, -1))]
        aside[i] = next(
            x
            for x in sorted(free, key=abs)
            if all(abs(x - aside[j]) >= gap - 1e-9 * diameter for j, gap in zip(near, touching, strict=True))
        )
        placed.append(i)
    return aside


def colours(seeds: Sequence[int]) -> dict[int, Any]:
    """Return a colour for every seed."""
    from matplotlib import colormaps

    return dict(zip(seeds, colormaps["turbo"](np.linspace(0.05, 0.95, len(seeds))), strict=True))


def swarms(
    axes: "Axes", labels: Sequence[str], groups: Sequence[Mapping[int, float]], palette: Mapping[int, Any]
) -> None:
    """Draw a swarm with a violin behind it for every group of numbers by seed, at 0, 1, ..., in finished limits of y.

    The axes must have their place in the figure and hold everything that the limits depend on.
    """
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_xticks(range(len(groups)), labels, fontsize=SMALL)
    for place, group in enumerate(groups):
        found = np.array(list(group.values()))
        if len(found) > 1:
            for body in axes.violinplot([found], [place], widths=0.8, showextrema=False)["bodies"]:  # type: ignore[attr-defined]
                body.set(facecolor="#bbbbbb", edgecolor="none", alpha=0.45)
    diameter = (DOT + 0.5) / 72 * axes.figure.dpi
    for place, group in enumerate(groups):
        found = np.array(list(group.values()))
        pixels = axes.transData.transform(np.column_stack([np.zeros(len(found)), found]))[:, 1]
        unit = np.diff(axes.transData.transform([(0, 0), (1, 0)])[:, 0])
        where = place + swarm(pixels, diameter) / unit
        colour = [palette[seed] for seed in group]
        axes.scatter(where, found, s=DOT**2, c=colour, linewidths=0.3, edgecolors="white", zorder=3)


def panels(
    figure: "Figure",
    rows: int,
    columns: int,
    legend_rows: int = 0,
    size: tuple[float, float] = (2.9, 2.6),
    left: float = LEFT,
) -> "np.ndarray[tuple[int, int], np.dtype[np.object_]]":
    """Return a grid of panels at least so wide and high, in inches, above room for a legend."""
    across, down = GAPS
    bottom = BOTTOM + LEGEND_ROW * legend_rows
    width = max(WIDTH, left + RIGHT + columns * size[0] + (columns - 1) * across)
    height = TOP + bottom + rows * size[1] + (rows - 1) * down
    panel = (width - left - RIGHT - (columns - 1) * across) / columns
    figure.set_size_inches(width, height)
    figure.subplots_adjust(
        left / width, bottom / height, 1 - RIGHT / width, 1 - TOP / height, across / panel, down / size[1]
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.tick_params(labelsize=SMALL)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    return grid


def legend(figure: "Figure", columns: int, more: Mapping[str, Any] | None = None) -> None:
    """Put one legend below all panels: what is named in them, each name once, and more handles by name."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    legend_of(figure, handles | dict(more or {}), columns)


def legend_of(figure: "Figure", handles: Mapping[str, Any], columns: int) -> None:
    """Put a legend of these handles, by name, below all panels."""
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=columns, fontsize=SMALL, frameon=False)
