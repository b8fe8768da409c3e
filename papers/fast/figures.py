"""The paper's plots, from records: mean over seeds with the 95 % confidence band of that mean."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Array, Results
from common.claims.statistics import t_quantile
from common.report.figures import Drawing
from common.run.record import Record
from papers.fast.adoption import Start
from papers.fast.settings import Cell, Setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STARTS = {"zero": "zero", "fan_in": "Kaiming fan-in", "fan_out": "Kaiming fan-out"}
ARMS = {"zero": "FAST", "fan_in": "f/i", "fan_out": "f/o"}
OPTIMIZERS = {"sgd": "SGD with momentum", "nesterov": "Nesterov", "adam": "Adam", "radam": "RAdam"}
WARM_UPS = {"none": "no warm-up", "inference": "inference mode", "updating": "statistics updated"}


def number(value: float) -> str:
    """Write a number as the paper does: 1e-8, not 1e-08."""
    return f"{value:g}".replace("e-0", "e-")


def of_start(start: Start) -> str:
    """Name the distribution of W(0)."""
    return STARTS[start.kind] if start.spread is None else f"N(0, {number(start.spread)})"


def of_rates(cell: Cell) -> str:
    """Name both learning rates."""
    if cell.alpha == cell.beta:
        return rf"$\alpha$ = $\beta$ = {number(cell.alpha)}"
    return rf"$\alpha$ = {number(cell.alpha)}, $\beta$ = {number(cell.beta)}"


def start(cell: Cell) -> str:
    """Name a series by W(0) (Section 6.2)."""
    return of_start(cell.start)


def frozen_or_free(cell: Cell) -> str:
    """Name a series by its rates and W(0) (Section 6.3)."""
    return f"{of_rates(cell)}, W(0) from {of_start(cell.start)}"


def warm_up(cell: Cell) -> str:
    """Name a series by W(0), the kind of warm-up, and its rates (Section 6.4)."""
    return f"{of_start(cell.start)}, {WARM_UPS[cell.warm_up]}, {of_rates(cell)}"


def arm(cell: Cell) -> str:
    """Name a series FAST with its rates, or a baseline by its start and its one rate (Section 6.6)."""
    rates = f"({of_rates(cell)})" if cell.start.kind == "zero" else number(cell.beta)
    return f"{ARMS[cell.start.kind]} {rates}"


def optimizer(cell: Cell) -> str:
    """Name a series by its optimizer and its rates (Figure 13)."""
    return f"{OPTIMIZERS[cell.optimizer]} ({of_rates(cell)})"


def every_arm(cells: Sequence[Cell]) -> list[Cell]:
    """Return all arms."""
    return list(cells)


def symmetric(cells: Sequence[Cell]) -> list[Cell]:
    """Return the arms whose rates are equal, the base among them (Figures 8a and 9a)."""
    return [cell for cell in cells if cell.alpha == cell.beta]


def asymmetric(cells: Sequence[Cell]) -> list[Cell]:
    """Return the base, which comes first, and the arms that differ from it in beta alone (Figures 8b and 9b)."""
    return [cell for cell in cells if cell.alpha == cells[0].alpha]


@dataclass(frozen=True)
class Panel:
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


@dataclass(frozen=True)
class Plot:
    """A figure of the paper: one picture a setting of its experiment, named after both.

    `series` names a curve by its cell. The colours of `ordered` series follow a scale. `one_seed` shows the first seed
    in place of the mean.
    """

    name: str
    experiment: str
    panels: tuple[Panel, ...]
    series: Callable[[Cell], str]
    columns: tuple[Column, ...] = (Column(),)
    ordered: bool = False
    one_seed: bool = False
    legend_columns: int = 2


TARGET = Panel("target_adp", "target ADP")
SOURCE = Panel("source_adp", "source ADP")
NORM = Panel("norm", r"$\ln\,\|W\|_F$", logarithm=True)
VALIDATION = Panel("validation_accuracy", "validation accuracy", "validations")
SCALED = (Column("both rates scaled", symmetric), Column(r"only $\beta$ scaled", asymmetric))
MAGNIFIED = (Column("first steps", between=(0, 2 / 3), width=2), Column("late steps, magnified", between=(2 / 3, 1)))

PLOTS: tuple[Plot, ...] = (
    Plot("fig3", "fig3_fig4", (TARGET, SOURCE), start, ordered=True, legend_columns=4),
    Plot("fig4", "fig3_fig4", (NORM,), start, ordered=True, legend_columns=4),
    Plot("fig5", "fig5", (TARGET, SOURCE), start, ordered=True, legend_columns=4),
    Plot("fig6", "fig6", (TARGET,), frozen_or_free),
    Plot("fig7", "fig7", (VALIDATION, TARGET), warm_up, one_seed=True),
    Plot("fig8", "fig8", (TARGET, NORM), of_rates, SCALED, legend_columns=3),
    Plot("fig9", "fig9", (TARGET, NORM), of_rates, SCALED, legend_columns=3),
    Plot("search", "search", (TARGET, SOURCE), arm),
    Plot("fig10", "fig10", (TARGET, SOURCE), arm),
    Plot("fig11", "fig11", (TARGET, SOURCE), arm),
    Plot("fig12", "fig12", (TARGET, SOURCE), arm),
    Plot("fig13", "fig13", (TARGET, SOURCE), optimizer),
    Plot("note20", "note20", (TARGET, SOURCE), arm),
    Plot("fig14", "table1_cifar100", (TARGET,), arm, MAGNIFIED),
    Plot("fig15", "table1_caltech256", (TARGET,), arm, MAGNIFIED),
)

PALETTE = ("#E69F00", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#56B4E9", "#000000")  # Okabe and Ito
WIDTH, LEFT, RIGHT, TOP, BOTTOM, LEGEND_ROW = 6.4, 0.66, 0.2, 0.34, 0.56, 0.18  # inches
MARGIN = 0.03  # of the horizontal axis on either side
LABELLED = 13  # ticks across the whole width


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiment has all its records, a picture for each of its settings."""
    for plot in PLOTS:
        if not results.complete(plot.experiment):
            continue
        for setting in dict.fromkeys(cell.setting for cell in results.grid(plot.experiment).cells):
            yield f"{plot.name}-{setting.name.replace('/', '-')}", partial(picture, plot, setting, results)


def picture(plot: Plot, setting: Setting, results: Results) -> "Figure":
    """Return a figure of the paper in one of its settings; rows that its records have no curve for are left out."""
    from matplotlib.figure import Figure  # takes a second to load, which a plan or an error should not pay

    cells = [cell for cell in results.grid(plot.experiment).cells if cell.setting == setting]
    shown = 1 if plot.one_seed else None
    records = {cell: results.of(plot.experiment, cell)[:shown] for cell in cells}
    panels = [panel for panel in plot.panels if panel.curve in records[cells[0]][0].metrics.curves]
    looks = dict(zip(cells, styles(cells, plot.ordered), strict=True))

    figure = Figure()
    grid = figure.subplots(
        len(panels),
        len(plot.columns),
        sharex="col",
        sharey="row" if plot.columns[0].between == plot.columns[-1].between else "none",
        squeeze=False,
        gridspec_kw={"width_ratios": [column.width for column in plot.columns]},
    )
    for column, stack in zip(plot.columns, grid.T, strict=True):
        stack[0].set_title(column.title, fontsize="small")
        for panel, axes in zip(panels, stack, strict=True):
            for cell in column.arms(cells):
                _curve(axes, panel, column, records[cell], {"label": plot.series(cell), **looks[cell]})
            axes.grid(alpha=0.3)
            if not panel.logarithm:  # an accuracy, whose band may leave what is possible
                low, high = axes.get_ylim()
                axes.set_ylim(max(low, -0.03), min(high, 1.03))
        steps = records[cells[0]][0].metrics.curves["checkpoints"]
        share = column.width / sum(c.width for c in plot.columns)
        _axis_of_steps(stack[-1], steps[_part(column, len(steps))], int(LABELLED * share))
        stack[-1].set_xlabel("number of updates" + ("; dotted: warm-up ends" if plot.one_seed else ""))
    for panel, axes in zip(panels, grid[:, 0], strict=True):
        axes.set_ylabel(panel.label)
    seed = f", seed {results.seeds(plot.experiment)[0]}" if plot.one_seed else ""
    figure.suptitle(
        f"{results.experiments[plot.experiment].source}, {setting.name}, {results.tier}{seed}",
        fontsize="medium",
        y=0.99,
    )
    _arrange(figure, grid, plot.legend_columns)
    return figure


def styles(cells: Sequence[Cell], ordered: bool) -> list[dict[str, Any]]:
    """Return each arm's look: traditional fine-tuning is dashed, and so is warm-up that updates running statistics.

    Beside a scale of colours the dashed are black. Lines get thinner, so that one that coincides with another still
    shows beneath it.
    """
    from matplotlib import colormaps

    traditional = [cell.start.kind in ("fan_in", "fan_out") and cell.warm_up == "none" for cell in cells]
    dashed = [old or cell.warm_up == "updating" for old, cell in zip(traditional, cells, strict=True)]
    scale = colormaps["viridis"](np.linspace(0.88, 0.0, len(cells) - sum(dashed))).tolist()
    colors = [PALETTE[i % len(PALETTE)] for i in range(len(cells))]
    if ordered:
        colors = ["black" if apart else scale.pop(0) for apart in dashed]
    widths = np.linspace(2.2, 1.1, len(cells)).tolist()
    return [
        {"color": color, "linestyle": "--" if apart else "-", "linewidth": width}
        for color, apart, width in zip(colors, dashed, widths, strict=True)
    ]


def mean_and_band(values: Array) -> tuple[Array, Array]:
    """Return the mean and half the width of its 95 % confidence band (Student), both [points], from [seeds, points].

    A point is NaN where any value is not finite, and so is the band of a single seed.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    seeds = len(values)
    if seeds == 1:
        return values[0], np.full_like(values[0], np.nan)
    band: Array = t_quantile(0.975, seeds - 1) * values.std(axis=0, ddof=1) / np.sqrt(seeds)
    return values.mean(axis=0), band


def _part(column: Column, points: int) -> slice:
    """Return the points that a column shows; neighbours share the point where they meet."""
    first, last = (round(share * (points - 1)) for share in column.between)
    return slice(first, last + 1)


def _curve(axes: "Axes", panel: Panel, column: Column, records: Sequence[Record], look: dict[str, Any]) -> None:
    """Draw one series: mean, band, and where the warm-up of a single seed ended."""
    steps = np.array(records[0].metrics.curves[panel.steps])
    values = np.array([record.metrics.curves[panel.curve] for record in records])
    if panel.logarithm:  # of zero there is none
        values = np.log(values, out=np.full_like(values, np.nan), where=values > 0)
    part = _part(column, len(steps))
    steps, (mean, band) = steps[part], mean_and_band(values[:, part])
    marker = "o" if panel.steps == "checkpoints" else ""
    axes.plot(steps, mean, marker=marker, markersize=2.5, **look)
    if len(records) > 1:
        axes.fill_between(steps, mean - band, mean + band, color=look["color"], alpha=0.18, linewidth=0)
    elif "switched_at" in records[0].metrics.scalars:
        axes.axvline(records[0].metrics.scalars["switched_at"], color=look["color"], linestyle=":", linewidth=1)


def _axis_of_steps(axes: "Axes", steps: Sequence[float], labels: int) -> None:
    """Make the horizontal axis one of log(1 + t), with a tick at every step and about so many labels."""
    axes.set_xscale("function", functions=(np.log1p, np.expm1))
    gap = -(-len(steps) // labels)
    labelled = {0.0, *steps[::-1][::gap]}
    texts = [f"{step:.0f}" if step in labelled else "" for step in steps]
    axes.set_xticks(steps, texts, fontsize="small")
    ends = np.log1p([steps[0], steps[-1]])
    axes.set_xlim(np.expm1(ends + MARGIN * np.ptp(ends) * np.array([-1, 1])))


def _arrange(figure: "Figure", grid: "np.ndarray[tuple[int, int], np.dtype[np.object_]]", columns: int) -> None:
    """Give the figure its size and put one legend for all panels below them."""
    named = {line.get_label(): line for axes in grid[0] for line in axes.get_lines()}
    lines = {name: line for name, line in named.items() if not str(name).startswith("_")}
    legend_rows = -(-len(lines) // columns)
    top = TOP + (0.2 if grid[0, 0].get_title() else 0.0)
    bottom = BOTTOM + LEGEND_ROW * legend_rows
    height = top + bottom + {1: 3.2, 2: 4.2}[len(grid)]
    figure.set_size_inches(WIDTH, height)
    figure.subplots_adjust(LEFT / WIDTH, bottom / height, 1 - RIGHT / WIDTH, 1 - top / height, hspace=0.08, wspace=0.18)
    figure.legend(
        lines.values(), lines.keys(), loc="lower center", ncols=columns, fontsize=7.5, frameon=False, columnspacing=1.2
    )
