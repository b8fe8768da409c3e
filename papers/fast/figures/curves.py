"""Curves over the number of updates: a row a quantity, a column a part of the steps or of the arms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Array
from common.report.arms import Arms, Runs, curves, mean_and_interval
from common.report.axes import BLACK, GAPS, PALETTE, line, panels, scale, ticks
from papers.fast.figures.series import every_arm
from papers.fast.settings import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDEST, THINNEST = 2.2, 1.1  # points, of lines
MARGIN = 0.03  # of the horizontal axis on either side
LABELLED = 13  # ticks across the whole width
CLOSE = 0.2  # inches between panels that share an axis
HEIGHTS = {1: 3.4, 2: 2.1}  # inches of a panel, by the number of rows


@dataclass(frozen=True)
class Row:
    """A row of a plot: a curve of the records, or its natural logarithm, over the curve that holds the steps."""

    curve: str
    label: str
    steps: str = "checkpoints"
    logarithm: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a plot: its arms, and between which shares of the steps it shows them."""

    title: str = ""
    arms: Callable[[Sequence[Cell]], list[Cell]] = every_arm
    between: tuple[float, float] = (0.0, 1.0)
    width: float = 1.0

    def part(self, points: int) -> slice:
        """Return which of so many points it shows; neighbours share the point where they meet."""
        first, last = (round(share * (points - 1)) for share in self.between)
        return slice(first, last + 1)


@dataclass(frozen=True)
class Curves:
    """A figure of the paper: one picture a setting of its experiment, named after both.

    `series` names a curve by its cell. The colours of `ordered` series follow a scale. `one_seed` shows the first seed
    in place of the mean.
    """

    name: str
    experiment: str
    rows: tuple[Row, ...]
    series: Callable[[Cell], str]
    columns: tuple[Column, ...] = (Column(),)
    ordered: bool = False
    one_seed: bool = False


def paint(plot: Curves, figure: "Figure", arms: Arms) -> None:
    """Paint a figure in one of its settings; rows that its records have no curve for are left out."""
    cells = list(arms)
    recorded = next(iter(arms[cells[0]].values())).curves
    rows = [row for row in plot.rows if row.curve in recorded]
    looks = dict(zip(cells, styles(cells, plot.ordered), strict=True))
    same_steps = plot.columns[0].between == plot.columns[-1].between
    grid = panels(
        figure,
        len(rows),
        len(plot.columns),
        (2.4, HEIGHTS[len(rows)]),
        gaps=(CLOSE if same_steps else GAPS[0], CLOSE),
        sharex="col",
        sharey="row" if same_steps else "none",
        width_ratios=[column.width for column in plot.columns],
    )
    for column, stack in zip(plot.columns, grid.T, strict=True):
        stack[0].set_title(column.title, fontsize="medium")
        for row, axes in zip(rows, stack, strict=True):
            for cell in column.arms(cells):
                _curve(axes, row, column, arms[cell], {"label": plot.series(cell), **looks[cell]})
            if not row.logarithm:  # an accuracy, whose band may leave what is possible
                low, high = axes.get_ylim()
                axes.set_ylim(max(low, -0.03), min(high, 1.03))
        steps = recorded["checkpoints"]
        share = column.width / sum(c.width for c in plot.columns)
        _axis_of_steps(stack[-1], steps[column.part(len(steps))], int(LABELLED * share))
        stack[-1].set_xlabel("number of updates" + ("; dotted: warm-up ends" if plot.one_seed else ""))
    for row, axes in zip(rows, grid[:, 0], strict=True):
        axes.set_ylabel(row.label)


def styles(cells: Sequence[Cell], ordered: bool) -> list[dict[str, Any]]:
    """Return each arm's look: traditional fine-tuning is dashed, and so is warm-up that updates running statistics.

    Beside a scale of colours the dashed are black. Lines get thinner, so that one that coincides with another still
    shows beneath it.
    """
    traditional = [cell.start.kind in ("fan_in", "fan_out") and cell.warm_up == "none" for cell in cells]
    dashed = [old or cell.warm_up == "updating" for old, cell in zip(traditional, cells, strict=True)]
    shades = scale(len(cells) - sum(dashed))
    colors = [PALETTE[i % len(PALETTE)] for i in range(len(cells))]
    if ordered:
        colors = [BLACK if apart else shades.pop() for apart in dashed]
    widths = np.linspace(WIDEST, THINNEST, len(cells)).tolist()
    return [
        {"color": color, "linestyle": "--" if apart else "-", "linewidth": width}
        for color, apart, width in zip(colors, dashed, widths, strict=True)
    ]


def _curve(axes: "Axes", row: Row, column: Column, runs: Runs, look: dict[str, Any]) -> None:
    """Draw one series: mean, band, and where the warm-up of a single seed ended."""
    first = next(iter(runs.values()))
    steps = np.array(first.curves[row.steps])
    part = column.part(len(steps))
    found = curves(runs, row.curve)[:, part]
    marker = "o" if row.steps == "checkpoints" else ""
    spread = mean_and_interval(logarithm(found) if row.logarithm else found)
    line(axes, steps[part], spread, {**look, "marker": marker, "markersize": 2.5})
    if len(runs) == 1 and "switched_at" in first.scalars:
        axes.axvline(first.scalars["switched_at"], color=look["color"], linestyle=":", linewidth=1)


def logarithm(found: Array) -> Array:
    """Return the natural logarithm; NaN where there is none."""
    logs: Array = np.log(found, out=np.full_like(found, np.nan), where=found > 0)
    return logs


def _axis_of_steps(axes: "Axes", steps: Sequence[float], labels: int) -> None:
    """Make the horizontal axis one of log(1 + t), with a tick at every step and about so many labels."""
    axes.set_xscale("function", functions=(np.log1p, np.expm1))
    gap = -(-len(steps) // labels)
    labelled = {0.0, *steps[::-1][::gap]}
    ticks(axes, steps, [f"{step:.0f}" if step in labelled else "" for step in steps])
    ends = np.log1p([steps[0], steps[-1]])
    axes.set_xlim(*np.expm1(ends + MARGIN * np.ptp(ends) * np.array([-1, 1])))
