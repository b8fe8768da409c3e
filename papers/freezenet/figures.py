"""The paper's plots, from records: mean over seeds with one standard deviation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Results
from common.experiment import Experiment
from common.report.figures import Drawing
from papers.freezenet.settings import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_SERIES = 10


def method(cell: Cell) -> str:
    """Name a series by its method."""
    return cell.method


def initialisation(cell: Cell) -> str:
    """Name a series by method and initialisations."""
    return " → ".join(filter(None, (f"{cell.method}: {cell.initialisation}", cell.reinitialisation)))


def learning_rate(cell: Cell) -> str:
    """Name a series by its learning rate."""
    return f"learning rate {cell.learning_rate:g}"


@dataclass(frozen=True)
class Plot:
    """A figure over freezing rates: what is on its vertical axis, and what makes a series."""

    experiment: str
    metric: str
    label: str
    series: Callable[[Cell], str] = method
    relative: bool = False  # divide by the baseline's mean


@dataclass(frozen=True)
class Trace:
    """A figure over epochs: the curve of a record."""

    experiment: str
    curve: str
    label: str
    series: Callable[[Cell], str] = method


TEST = "test accuracy"
FIGURES: tuple[Plot | Trace, ...] = (
    Plot("fig2_left", "test_accuracy", TEST),
    Plot("fig2_right", "test_accuracy", TEST),
    Plot("fig3_left", "final_train_accuracy", "final training accuracy"),
    Plot("fig3_right", "test_accuracy", TEST, initialisation),
    Plot("fig4_left", "gradient_norm", "gradient norm relative to the dense network", relative=True),
    Trace("fig4_right", "gradient_norm", "gradient norm"),
    Plot("fig_s1", "test_accuracy", TEST),
    Plot("fig_s2_left", "test_accuracy", TEST, initialisation),
    Plot("fig_s2_right", "test_accuracy", TEST, initialisation),
    Plot("fig_s3_left", "test_accuracy", TEST, initialisation),
    Plot("fig_s3_right", "test_accuracy", TEST, initialisation),
    Plot("fig_s4_left", "test_accuracy", TEST, learning_rate),
    Trace("fig_s4_right", "validation_accuracy", "validation accuracy", learning_rate),
    Plot("fig_s5_left", "test_accuracy", TEST, learning_rate),
    Plot("fig_s5_right", "validation_accuracy", "validation accuracy", learning_rate),
    Plot("fig_s6", "test_accuracy", TEST, learning_rate),
    Plot("fig_s7", "test_accuracy", TEST),
    Trace("fig_s8", "validation_accuracy", "validation accuracy"),
)


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiment has all its records."""
    for plot in FIGURES:
        if results.complete(plot.experiment):
            yield plot.experiment, partial(picture, plot, results)


def picture(plot: Plot | Trace, results: Results) -> "Figure":
    """Return a figure of the paper."""
    from matplotlib.figure import Figure  # takes a second to load, which a plan or an error should not pay

    figure = Figure(figsize=(6.4, 4.4))
    axes = figure.subplots()
    experiment = results.experiments[plot.experiment]
    if isinstance(plot, Plot):
        _plot(axes, plot, experiment, results)
    else:
        _trace(axes, plot, experiment, results)
    axes.set_title(f"{experiment.source}, {results.tier}")
    axes.set_ylabel(plot.label)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.subplots_adjust(left=0.12, right=0.97, top=0.93, bottom=0.16)
    return figure


def _values(results: Results, experiment: Experiment, cell: Cell, metric: str) -> list[float]:
    records = results.of(experiment.name, cell)
    return [record.metrics.scalars[metric] for record in records]


def _series(experiment: Experiment, results: Results, name: Callable[[Cell], str]) -> dict[str, list[Cell]]:
    series: dict[str, list[Cell]] = {}
    for cell in results.grid(experiment.name).cells:
        series.setdefault(name(cell), []).append(cell)
    return series


def _plot(axes: "Axes", figure: Plot, experiment: Experiment, results: Results) -> None:
    """Draw means with a band of one standard deviation against the trained share 1 - q, on a log axis."""
    baselines = [c for c in results.grid(experiment.name).cells if c.method == "baseline"]
    scale = np.mean(_values(results, experiment, baselines[0], figure.metric)) if figure.relative else 1.0
    rates: dict[float, float] = {}
    for name, cells in _series(experiment, results, figure.series).items():
        values = [np.array(_values(results, experiment, cell, figure.metric)) / scale for cell in cells]
        means = np.array([v.mean() for v in values])
        spreads = np.array([v.std(ddof=1) if len(v) > 1 else 0.0 for v in values])
        if cells[0].method == "baseline":
            axes.axhline(means[0], color="black", linestyle="--", linewidth=1, label=name)
            continue
        shares = [1 - cell.freezing_rate for cell in cells]
        line = axes.plot(shares, means, marker="o", markersize=3, label=name)[0]
        axes.fill_between(shares, means - spreads, means + spreads, color=line.get_color(), alpha=0.2)
        if len(cells) == 1:  # a band needs two points
            axes.errorbar(shares, means, spreads, color=line.get_color(), capsize=4)
        for cell in cells:
            rates[cell.freezing_rate] = _q_beta(results, experiment, cell)
    axes.set_xscale("log")
    axes.set_xlim(1.2 * (1 - min(rates)), (1 - max(rates)) / 1.2)
    labels = [f"{q:g}" if np.isnan(beta) else f"{q:g}\n{beta:.3f}" for q, beta in rates.items()]
    axes.set_xticks([1 - q for q in rates], labels, fontsize="small")
    axes.minorticks_off()
    axes.set_xlabel("freezing rate q, and below it q_beta")


def _q_beta(results: Results, experiment: Experiment, cell: Cell) -> float:
    scalars = results.of(experiment.name, cell)[0].metrics.scalars
    return scalars.get("q_beta", float("nan"))


def _trace(axes: "Axes", figure: Trace, experiment: Experiment, results: Results) -> None:
    """Draw the mean curve of every series over epochs, with a band of one standard deviation."""
    for name, cells in list(_series(experiment, results, figure.series).items())[:MAX_SERIES]:
        cell = max(cells, key=lambda c: c.freezing_rate)
        records = results.of(experiment.name, cell)
        curves: Any = np.array([record.metrics.curves[figure.curve] for record in records])
        epochs = np.arange(curves.shape[1])
        mean, spread = curves.mean(0), curves.std(0)
        line = axes.plot(epochs, mean, label=f"{name}, q = {cell.freezing_rate:g}")[0]
        axes.fill_between(epochs, mean - spread, mean + spread, color=line.get_color(), alpha=0.2)
    axes.set_xlabel("epoch")
