"""The paper's plots, from records: mean over seeds with one standard deviation."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Results
from common.report import figures
from common.report.arms import Arms, Runs, Spread, curves, mean_and_deviation, summary, values
from common.report.axes import BLACK, MARKERS, bars, line, look, one_panel, scale, ticks
from common.report.figures import Drawing, Plot
from papers.freezenet.settings import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METHODS = ("freezenet", "snip", "freezenet-wd", "grasp", "random")
"""The methods, in the order of their colours, which are the same in all pictures."""

TEST = "test accuracy"

Name = Callable[[Cell], str]
"""Names the series that a cell belongs to."""

Paint = Callable[[str, str, Name, "Figure", Arms], None]
"""Paints a figure: the label of its vertical axis, the metric or curve, and what makes a series."""


def method(cell: Cell) -> str:
    """Name a series by its method."""
    return cell.method


def initialisation(cell: Cell) -> str:
    """Name a series by method and initialisations."""
    return " → ".join(filter(None, (f"{cell.method}: {cell.initialisation}", cell.reinitialisation)))


def learning_rate(cell: Cell) -> str:
    """Name a series by its learning rate."""
    return f"learning rate {cell.learning_rate:g}"


def series(arms: Arms, name: Name) -> dict[str, list[Cell]]:
    """Return the cells of every series, by its name."""
    found: dict[str, list[Cell]] = {}
    for cell in arms:
        found.setdefault(name(cell), []).append(cell)
    return found


def looks(found: dict[str, list[Cell]], name: Name) -> dict[str, dict[str, Any]]:
    """Return how every series looks; learning rates follow a scale of colours, and a baseline is dashed."""
    trained = [own for own, cells in found.items() if cells[0].method != "baseline"]
    numbers = METHODS if name is method else trained
    chosen = {own: look(numbers.index(own)) for own in trained}
    if name is learning_rate:
        colors = zip(trained, scale(len(trained)), strict=True)
        chosen = {own: {**chosen[own], "color": color, "marker": MARKERS[0]} for own, color in colors}
    dashed = {"color": BLACK, "linestyle": "--", "linewidth": 1}
    return {own: {"label": own, **chosen.get(own, dashed)} for own in found}


def by_rate(label: str, metric: str, name: Name, figure: "Figure", arms: Arms) -> None:
    """Draw a metric against the trained share 1 - q, on a log axis."""
    axes = one_panel(figure)
    _against_share(axes, metric, name, arms)
    axes.set_ylabel(label)


def relative_by_rate(label: str, metric: str, name: Name, figure: "Figure", arms: Arms) -> None:
    """Draw a metric as `by_rate` does, divided by the mean of the baseline."""
    baseline = next(cell for cell in arms if cell.method == "baseline")
    axes = one_panel(figure)
    _against_share(axes, metric, name, arms, float(mean_and_deviation(values(arms[baseline], metric))[0]))
    axes.set_ylabel(label)


def _against_share(axes: "Axes", metric: str, name: Name, arms: Arms, unit: float = 1.0) -> None:
    found = series(arms, name)
    for own, look_of in looks(found, name).items():
        means, deviations = summary(arms, found[own], metric)
        spread = means / unit, deviations / unit
        if found[own][0].method == "baseline":
            axes.axhline(spread[0][0], **look_of)
            continue
        shares = [1 - cell.freezing_rate for cell in found[own]]
        draw = line if len(shares) > 1 else bars  # a band needs two points
        draw(axes, shares, spread, look_of)
    frozen = [cell for cell in arms if cell.method != "baseline"]
    rates = dict(zip([cell.freezing_rate for cell in frozen], summary(arms, frozen, "q_beta")[0], strict=True))
    axes.set_xscale("log")
    axes.set_xlim(1.2 * (1 - min(rates)), (1 - max(rates)) / 1.2)
    labels = [f"{q:g}" if np.isnan(beta) else f"{q:g}\n{beta:.3f}" for q, beta in rates.items()]
    ticks(axes, [1 - q for q in rates], labels)
    axes.set_xlabel("freezing rate q, and below it q_beta")


def by_epoch(label: str, curve: str, name: Name, figure: "Figure", arms: Arms) -> None:
    """Draw a curve over epochs, of every series at its highest freezing rate."""
    _over_epochs(one_panel(figure), label, name, arms, lambda runs: mean_and_deviation(curves(runs, curve)))


def over_the_data(label: str, curve: str, name: Name, figure: "Figure", arms: Arms) -> None:
    """Draw `<curve>_mean` over epochs as `by_epoch` does, with the deviation `<curve>_std` over the training data."""

    def spread(runs: Runs) -> Spread:
        mean, deviation = (mean_and_deviation(curves(runs, f"{curve}_{part}"))[0] for part in ("mean", "std"))
        return mean, deviation

    _over_epochs(one_panel(figure), label, name, arms, spread)


def _over_epochs(axes: "Axes", label: str, name: Name, arms: Arms, spread_of: Callable[[Runs], Spread]) -> None:
    found = series(arms, name)
    for own, look_of in looks(found, name).items():
        cell = max(found[own], key=lambda c: c.freezing_rate)
        spread = spread_of(arms[cell])
        plain = look_of | {"marker": "", "label": f"{own}, q = {cell.freezing_rate:g}"}
        line(axes, np.arange(len(spread[0])), spread, plain)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)


def _plot(experiment: str, metric: str, label: str, name: Name = method, paint: Paint = by_rate) -> Plot:
    scalar = "" if paint in (by_epoch, over_the_data) else metric
    return Plot(experiment, (experiment,), partial(paint, label, metric, name), scalar)


PLOTS: tuple[Plot, ...] = (
    _plot("fig2_left", "test_accuracy", TEST),
    _plot("fig2_right", "test_accuracy", TEST),
    _plot("fig3_left", "final_train_accuracy", "final training accuracy"),
    _plot("fig3_right", "test_accuracy", TEST, initialisation),
    _plot("fig4_left", "gradient_norm", "gradient norm relative to the dense network", paint=relative_by_rate),
    _plot("fig4_right", "gradient", "gradient norm of a batch for each trained weight", paint=over_the_data),
    _plot("fig_s1", "test_accuracy", TEST),
    _plot("fig_s2_left", "test_accuracy", TEST, initialisation),
    _plot("fig_s2_right", "test_accuracy", TEST, initialisation),
    _plot("fig_s3_left", "test_accuracy", TEST, initialisation),
    _plot("fig_s3_right", "test_accuracy", TEST, initialisation),
    _plot("fig_s4_left", "test_accuracy", TEST, learning_rate),
    _plot("fig_s4_right", "validation_accuracy", "validation accuracy", learning_rate, by_epoch),
    _plot("fig_s5_left", "test_accuracy", TEST, learning_rate),
    _plot("fig_s5_right", "validation_accuracy", "validation accuracy", learning_rate),
    _plot("fig_s6", "test_accuracy", TEST, learning_rate),
    _plot("fig_s7", "test_accuracy", TEST),
    _plot("fig_s8", "validation_accuracy", "validation accuracy", paint=by_epoch),
)


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiment has all its records."""
    return figures.drawings(PLOTS, results)
