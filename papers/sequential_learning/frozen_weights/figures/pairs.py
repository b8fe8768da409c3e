"""Frozen pairs in the course of training (Figures 3 and 4)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from common.claims.results import Array
from common.report.arms import Arms, Runs, curves, mean_and_deviation
from common.report.axes import SMALL, panels, scale
from papers.sequential_learning.frozen_weights.figures.names import number, settings_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STARTS = {
    "pairs as they were drawn": {"reference": "-"},
    "pairs exactly zero": {"exact_zero": "-"},
    "pairs close to zero": {"near_zero": "-", "near_zero_triple": "--"},
}
"""The line of every start of Figure 4, by panel."""
RESOLVED = 1e-6  # below this norm, the axis of Figure 4 is linear down to zero


def growth(figure: "Figure", arms: Arms) -> None:
    """Draw frozen pairs against the epoch, a row of panels a network: by interface, and the total (Figure 3).

    The interfaces are those at the highest weight decay and rate, the first one on top.
    """
    settings = settings_of(arms)
    grid = panels(figure, len(settings), 2, (3.5, 2.6))
    for (left, right), setting in zip(grid, settings, strict=True):
        own = {cell: runs for cell, runs in arms.items() if cell.setting == setting}
        rate, highest = max(cell.rate for cell in own), max(cell.weight_decay for cell in own)
        cells = sorted(own, key=lambda cell: (cell.rate < rate, cell.weight_decay))
        shown = own[next(cell for cell in cells if (cell.rate, cell.weight_decay) == (rate, highest))]
        by_interface = np.array([mean_curve(shown, name) for name in numbered(shown, "pairs_at")])
        _heatmap(left, by_interface, [str(i) for i in range(1, len(by_interface) + 1)])
        left.set_title(f"{setting.name}\nat weight decay {number(highest)}, rate {number(rate)}", fontsize=SMALL)
        left.set_ylabel("interface")
        totals = np.array([mean_curve(own[cell], "double_pairs") for cell in cells])
        others = ["" if cell.rate == rate else f"\nrate {number(cell.rate)}" for cell in cells]
        labels = [number(cell.weight_decay) + other for cell, other in zip(cells, others, strict=True)]
        _heatmap(right, totals, labels)
        right.set_title(f"{setting.name}\nsum over exclusive interfaces, rate {number(rate)}", fontsize=SMALL)
        right.set_ylabel("weight decay")


def numbered(runs: Runs, name: str) -> list[str]:
    """Return the names of the curves `name`_1, `name`_2, ... that the runs have."""
    has = next(iter(runs.values())).curves
    count = sum(curve.startswith(f"{name}_") for curve in has)
    return [f"{name}_{i}" for i in range(1, count + 1)]


def mean_curve(runs: Runs, name: str) -> Array:
    """Return the mean of a curve over seeds, [epochs]."""
    return mean_and_deviation(curves(runs, name))[0]


def _heatmap(axes: "Axes", means: Array, labels: Sequence[str]) -> None:
    """Draw means [rows, 1 + epochs], the first row on top; white where there is no pair at all."""
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import LogFormatter

    some = means[means > 0]
    norm = LogNorm(some.min() if len(some) else 0.1, max(some.max(), 1.01 * some.min()) if len(some) else 1.0)
    rows, moments = means.shape
    image = axes.imshow(
        np.ma.masked_less_equal(means, 0.0),
        norm=norm,
        cmap="viridis_r",
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, moments - 0.5, rows - 0.5, -0.5),
    )
    step = -(-rows // 12)
    axes.set_yticks(range(0, rows, step), labels[::step], fontsize=SMALL)
    axes.grid(visible=False)
    axes.set_xlabel("epoch (white: no pair)")
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.2, pad=0.03)
    bar.ax.tick_params(labelsize=SMALL, which="both")
    bar.ax.yaxis.set_major_formatter(LogFormatter())
    bar.ax.yaxis.set_minor_formatter(LogFormatter())
    bar.ax.set_title("pairs", fontsize=SMALL)


def followed_pairs(figure: "Figure", arms: Arms) -> None:
    """Draw norms of pairs against the epoch, one panel a start and one line a weight decay (Figure 4).

    Means over pairs and seeds.
    """
    decays = sorted({cell.weight_decay for cell in arms})
    hues = dict(zip(decays, scale(len(decays)), strict=True))
    widths = dict(zip(decays, np.linspace(2.6, 1.1, len(decays)), strict=True))  # so that none hides another
    (row,) = panels(figure, 1, len(STARTS), (2.4, 2.8))
    highest = 0.0
    for axes, (title, styles) in zip(row, STARTS.items(), strict=True):
        for cell, runs in arms.items():
            if cell.start.start not in styles:
                continue
            norms = np.mean([mean_curve(runs, name) for name in numbered(runs, "norm_at")], axis=0)
            look = {"linestyle": styles[cell.start.start], "color": hues[cell.weight_decay]}
            with_scale = ", and scale" if cell.start.start == "near_zero_triple" else ""
            label = f"weight decay {number(cell.weight_decay)}{with_scale}"
            highest = max(highest, np.nanmax(norms, initial=0.0))
            axes.plot(np.arange(len(norms)), norms, label=label, linewidth=widths[cell.weight_decay], **look)
        axes.set_yscale("symlog", linthresh=RESOLVED)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("epoch")
    for axes in row:
        axes.set_ylim(-0.2 * RESOLVED, 2.0 * max(highest, RESOLVED))
    row[0].set_ylabel("L1 norm of row and column, mean")
