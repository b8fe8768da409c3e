"""The paper's plots, from records: mean over seeds with one standard deviation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Array, Results
from common.experiment import Metrics
from common.report.figures import Drawing
from papers.plasticity.settings import Cell
from papers.plasticity.smooth import RATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Arms = Mapping[Cell, Sequence[Metrics]]
"""What every arm of a figure measured, one a seed."""


@dataclass(frozen=True)
class Plot:
    """A figure of the paper: which of its experiment's cells it shows, and how they are drawn."""

    name: str
    experiment: str
    paint: Callable[["Axes", Arms], None]
    shows: Callable[[Sequence[Cell]], Sequence[Cell]] = tuple


PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito
MARKERS = "osD^v"
WARM: dict[str, Any] = {"color": PALETTE[0], "marker": "o", "markersize": 4, "linewidth": 1.5}
SCRATCH: dict[str, Any] = {"color": "black", "linewidth": 1.5}
EQUAL: dict[str, Any] = {"color": "#767676", "linestyle": "--", "linewidth": 1.5}
POINTS: dict[str, Any] = {"linestyle": "none", "markersize": 4}
EQUAL_LABEL = "scratch, equal updates"
WIDTH, PLOT_HEIGHT, LEFT, RIGHT, TOP, BOTTOM, LEGEND_ROW = 6.4, 3.4, 0.84, 0.2, 0.52, 0.68, 0.18  # inches
LEGEND_COLUMNS = 3
SPACE = 0.06  # between points of one place, as a share of the distance of two places


def biased_epochs(gamma: float, epochs: int) -> float:
    """Return the integral of 1 - p over a smooth transition, in epochs (Section A.2)."""
    return epochs * (1.0 - gamma**RATE) / (RATE * -log(gamma)) if gamma else 0.0


def mean_and_deviation(values: Array) -> tuple[Array, Array]:
    """Return the mean over seeds and its standard deviation from [seeds, ...]; NaN where there are too few seeds."""
    nothing = np.full(values.shape[1:], np.nan)
    mean = values.mean(axis=0) if len(values) else nothing
    return mean, values.std(axis=0, ddof=1) if len(values) > 1 else nothing


def scalars(runs: Sequence[Metrics], name: str) -> Array:
    """Return a number of every run that has it, [seeds]; a withheld one is left out."""
    return np.array([run.scalars[name] for run in runs if name in run.scalars])


def curves(runs: Sequence[Metrics], name: str = "test_accuracy") -> Array:
    """Return a curve of every run whose test accuracy is not withheld, [seeds, epochs]; without any, [1, 0]."""
    return np.array([run.curves[name] for run in runs if "test_accuracy" not in run.withheld], ndmin=2)


def control_of(arms: Arms) -> Cell:
    """Return the first scratch control."""
    return next(cell for cell in arms if not cell.stages)


def pretrained(arms: Arms) -> list[Cell]:
    """Return the arms that are not trained from scratch."""
    return [cell for cell in arms if cell.stages]


def by_epoch(axes: "Axes", arms: Arms) -> None:
    """Draw learning curves over all stages; tuning begins at 0, boxes hold the averaged epochs (Figure 1)."""
    control = control_of(arms)
    epochs, averaged = control.setting.epochs, control.setting.averaged
    own = curves(arms[control])
    _curve(axes, 1, own[:, :epochs], {"label": "scratch", **SCRATCH})
    _curve(axes, epochs, own[:, epochs - 1 :], {"label": EQUAL_LABEL, **EQUAL})
    for cell in pretrained(arms):
        before, after = curves(arms[cell], "pretraining_test_accuracy"), curves(arms[cell])
        look = {"label": "warm start", "color": WARM["color"], "linewidth": 1.5}
        _curve(axes, 1 - before.shape[1], np.hstack([before, after]), look)
    longest = epochs + control.extra
    box: dict[str, Any] = {"alpha": 0.15, "linewidth": 0}
    axes.axvspan(epochs - averaged + 0.5, epochs + 0.5, color="#009E73", label=f"averaged, {averaged} epochs", **box)
    axes.axvspan(longest - averaged + 0.5, longest + 0.5, color="#E69F00", label="averaged at equal updates", **box)
    axes.axvline(0, color="black", linestyle=":", linewidth=1)
    axes.set_xlabel("epoch of tuning; up to 0, of pretraining")


def by_length(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy against the length of pretraining, where 0 is scratch (Figures 2, 8, 9 and 10)."""
    control = control_of(arms)
    cells = [control, *pretrained(arms)]
    lengths = [cell.pretraining for cell in cells]
    _levels(axes, arms[control], "scratch, updates of the longest")
    _points(axes, lengths, [scalars(arms[cell], "test_accuracy") for cell in cells], {"label": "warm start", **WARM})
    axes.set_xscale("symlog", linthresh=1)
    _ticks(axes, lengths, [str(length) for length in lengths])
    axes.set_xlabel("epochs of pretraining")


def by_bias(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy against the epochs' worth of images drawn from the half alone (Figure 3)."""
    gammas = [cell.gamma or 0.0 for cell in arms]
    biased = [biased_epochs(gamma, cell.setting.epochs) for gamma, cell in zip(gammas, arms, strict=True)]
    _levels(axes, arms[next(cell for cell in arms if not cell.gamma)], EQUAL_LABEL)
    values = [scalars(runs, "test_accuracy") for runs in arms.values()]
    _points(axes, biased, values, {"label": "smooth transition", **WARM})
    axes.set_xscale("symlog", linthresh=1)
    _ticks(axes, biased, [f"{x:.1f}\n{gamma:g}" for x, gamma in zip(biased, gammas, strict=True)])
    axes.set_xlabel(r"epochs of biased sampling, and below them $\gamma$")


def by_stages(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy against the number of pretraining stages, one series a uniform share; 0 is scratch (Figure 4).

    A control trained on has the updates of as many stages as its point stands at.
    """
    control, cells = control_of(arms), pretrained(arms)
    shares = list(dict.fromkeys(cell.uniform for cell in cells))
    for i, uniform in enumerate(shares):
        own = [control, *(cell for cell in cells if cell.uniform == uniform)]
        places = [cell.stages + (_aside(i, len(shares)) if cell.stages else 0.0) for cell in own]
        look = {"color": PALETTE[i], "marker": MARKERS[i], "markersize": 4, "linewidth": 1.5}
        _points(axes, places, [scalars(arms[c], "test_accuracy") for c in own], {"label": f"r = {uniform:g}", **look})
    longer = [cell for cell in arms if not cell.stages and cell.extra]
    places = [2 * cell.extra / cells[0].pretraining for cell in longer]
    values = [scalars(arms[cell], "equal_test_accuracy") for cell in longer]
    _points(axes, places, values, {"label": EQUAL_LABEL, **EQUAL, "marker": "x"})
    _points(
        axes, [0], [scalars(arms[control], "test_accuracy")], {"label": "scratch", "marker": "s", **SCRATCH, **POINTS}
    )
    stages = sorted({cell.stages for cell in arms})
    _ticks(axes, stages, [str(count) for count in stages])
    axes.set_xlabel("number of pretraining stages (r: share of the images dealt out uniformly)")


def by_size(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy for every width and depth, scratch beside warm start (Figure 5)."""
    settings = list(dict.fromkeys(cell.setting for cell in arms))
    scratch = [next(cell for cell in arms if cell.setting == own and not cell.stages) for own in settings]
    warm = [next(cell for cell in arms if cell.setting == own and cell.stages) for own in settings]
    for i, (cells, name, look) in enumerate(
        (
            (scratch, "test_accuracy", {"label": "scratch", **SCRATCH, **POINTS, "marker": "s"}),
            (scratch, "equal_test_accuracy", {"label": EQUAL_LABEL, **EQUAL, **POINTS, "marker": "D"}),
            (warm, "test_accuracy", {"label": "warm start", **WARM, **POINTS}),
        )
    ):
        places = [place + 3 * _aside(i, 3) for place in range(len(cells))]
        _points(axes, places, [scalars(arms[cell], name) for cell in cells], look)
    sizes = [dict(setting.model.arguments) for setting in settings]
    _ticks(axes, range(len(sizes)), [f"{size['width']}\n{size['depth']}" for size in sizes])
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.set_xlabel("width, and below it depth")


def by_subset(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy for every subset of groups drawn anew (Figure 6)."""
    cells = pretrained(arms)
    whole = max((cell.reset for cell in cells), key=len)
    _levels(axes, arms[control_of(arms)], EQUAL_LABEL)
    values = [scalars(arms[cell], "test_accuracy") for cell in cells]
    _points(axes, range(len(cells)), values, {"label": "pretrained, then partly drawn anew", **WARM, **POINTS})
    _ticks(axes, range(len(cells)), [_subset(cell.reset, whole) for cell in cells])
    axes.set_xlim(-0.5, len(cells) - 0.5)
    axes.set_xlabel("groups drawn anew after pretraining (1 is nearest to the input)")


def _subset(groups: str, whole: str) -> str:
    """Name a run of neighbouring groups, such as 3-6."""
    if len(groups) < 2 or groups == whole:
        return "all" if groups == whole else groups or "none"
    return f"{groups[0]}-{groups[-1]}"


def by_rate(axes: "Axes", arms: Arms) -> None:
    """Draw accuracy against the tuning rate, one series a pretraining rate, with scratch at the same rate (Figure 7).

    The dotted line is the best of the controls.
    """
    controls, cells = [cell for cell in arms if not cell.stages], pretrained(arms)
    rates = [cell.rate for cell in controls]
    plain = [scalars(arms[cell], "test_accuracy") for cell in controls]
    equal = [scalars(arms[cell], "equal_test_accuracy") for cell in controls]
    _points(axes, rates, plain, {"label": "scratch at the tuning rate", **SCRATCH}, band=True)
    if any(cell.extra for cell in controls):
        _points(axes, rates, equal, {"label": EQUAL_LABEL, **EQUAL}, band=True)
    best = max((values.mean() for values in plain if len(values)), default=np.nan)
    axes.axhline(best, label="scratch at its best rate", **SCRATCH | {"linewidth": 1, "linestyle": ":"})
    before = list(dict.fromkeys(cell.pretraining_rate for cell in cells))
    for i, rate in enumerate(before):
        own = [cell for cell in cells if cell.pretraining_rate == rate]
        places = [cell.rate * 10 ** (_aside(i, len(before)) / 3) for cell in own]
        look = {**POINTS, "color": PALETTE[i], "marker": MARKERS[i], "label": f"pretrained at {rate:g}"}
        _points(axes, places, [scalars(arms[cell], "test_accuracy") for cell in own], look)
    axes.set_xscale("log")
    axes.set_xlim(rates[0] / 1.2, rates[-1] * 1.2)
    _ticks(axes, rates, [f"{rate:g}" for rate in rates])
    axes.set_xlabel("learning rate of tuning")


def keeping_first(cells: Sequence[Cell]) -> list[Cell]:
    """Return scratch, the warm start, and the arms that keep the first 0, 1 and 2 groups (Figure 11)."""
    whole = max((cell.reset for cell in cells), key=len)
    shown = ("", whole, whole[1:], whole[2:])
    return [cell for cell in cells if not cell.stages or cell.reset in shown]


def by_kept_groups(axes: "Axes", arms: Arms) -> None:
    """Draw learning curves of tuning by how many of the first groups keep what they learnt (Figure 11)."""
    control, cells = control_of(arms), pretrained(arms)
    groups = max(len(cell.reset) for cell in cells)
    kept = {0: "no group kept", 1: "first group kept", 2: "first 2 groups kept", groups: "warm start, all kept"}
    epochs = control.setting.epochs
    _curve(axes, 1, curves(arms[control])[:, :epochs], {"label": "scratch", **SCRATCH})
    for i, cell in enumerate(cells):
        look = {"color": PALETTE[i], "linestyle": ("-", "-.", "--", ":")[i], "linewidth": 1.5}
        _curve(axes, 1, curves(arms[cell]), {"label": kept[groups - len(cell.reset)], **look})
    axes.axhline(control.setting.target, color="#767676", linestyle=":", linewidth=1, label="target")
    axes.set_xscale("log")
    axes.set_xlim(0.9, 1.1 * epochs)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("epoch of tuning")


PLOTS: tuple[Plot, ...] = (
    Plot("fig1", "fig1", by_epoch),
    Plot("fig2", "fig2", by_length),
    Plot("fig3", "fig3", by_bias),
    Plot("fig4_left", "fig4_left", by_stages),
    Plot("fig4_right", "fig4_right", by_stages),
    Plot("fig5", "fig5", by_size),
    Plot("fig6", "fig6", by_subset),
    Plot("fig7", "fig7", by_rate),
    Plot("fig8", "fig8", by_length),
    Plot("fig9", "fig9", by_length),
    Plot("fig10", "fig10", by_length),
    Plot("fig11", "fig6", by_kept_groups, keeping_first),
)


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiment has all its records."""
    for plot in PLOTS:
        if results.complete(plot.experiment):
            yield plot.name, partial(picture, plot, results)


def picture(plot: Plot, results: Results) -> "Figure":
    """Return a figure of the paper; runs whose accuracy is withheld are left out and counted above it."""
    from matplotlib.figure import Figure  # takes a second to load, which a plan or an error should not pay

    cells = plot.shows(results.grid(plot.experiment).cells)
    arms = {cell: [record.metrics for record in results.of(plot.experiment, cell)] for cell in cells}
    figure = Figure()
    axes = figure.subplots()
    plot.paint(axes, arms)
    axes.set_ylabel("test accuracy")
    axes.grid(alpha=0.3)
    withheld = sum("test_accuracy" in run.withheld for runs in arms.values() for run in runs)
    if withheld:
        runs = "run" if withheld == 1 else "runs"
        axes.set_title(f"{withheld} {runs} withheld: too little training accuracy", loc="right", fontsize=7.5)
    seeds = len(results.seeds(plot.experiment))
    counted = f"{seeds} seed{'s' if seeds > 1 else ''}"
    title = f"{results.experiments[plot.experiment].source}, {cells[0].setting.dataset}, {results.tier}, {counted}"
    figure.suptitle(title, fontsize="medium", y=0.99)
    _arrange(figure, axes)
    return figure


def _aside(number: int, count: int) -> float:
    """Return how far to the side one of several points of one place stands."""
    return SPACE * (number - (count - 1) / 2)


def _levels(axes: "Axes", runs: Sequence[Metrics], equal_label: str) -> None:
    """Draw a control's accuracies as horizontal lines with bands."""
    for name, look in (
        ("test_accuracy", {"label": "scratch", **SCRATCH}),
        ("equal_test_accuracy", {"label": equal_label, **EQUAL}),
    ):
        values = scalars(runs, name)
        if not len(values):
            continue
        mean, deviation = mean_and_deviation(values)
        axes.axhline(float(mean), **look)
        if len(values) > 1:
            low, high = float(mean - deviation), float(mean + deviation)
            axes.axhspan(low, high, color=look["color"], alpha=0.15, linewidth=0)


def _points(
    axes: "Axes", places: Sequence[float], values: Sequence[Array], look: dict[str, Any], band: bool = False
) -> None:
    """Draw a series of means with error bars, or with a band."""
    means, deviations = np.array([mean_and_deviation(own) for own in values]).T
    axes.plot(places, means, **look)
    if band:
        low, high = means - deviations, means + deviations
        axes.fill_between(places, low, high, color=look["color"], alpha=0.15, linewidth=0)
    else:
        axes.errorbar(places, means, deviations, fmt="none", ecolor=look["color"], capsize=3, linewidth=1)


def _curve(axes: "Axes", first: int, values: Array, look: dict[str, Any]) -> None:
    """Draw a curve over epochs from a first one on, with its band, from [seeds, epochs]."""
    mean, deviation = mean_and_deviation(values)
    epochs = np.arange(first, first + len(mean))
    axes.plot(epochs, mean, **look)
    axes.fill_between(epochs, mean - deviation, mean + deviation, color=look["color"], alpha=0.15, linewidth=0)


def _ticks(axes: "Axes", places: Sequence[float], labels: Sequence[str]) -> None:
    axes.set_xticks(places, labels, fontsize="small")
    axes.minorticks_off()


def _arrange(figure: "Figure", axes: "Axes") -> None:
    """Give the figure its size and put the legend below it."""
    handles, labels = axes.get_legend_handles_labels()
    bottom = BOTTOM + LEGEND_ROW * -(-len(labels) // LEGEND_COLUMNS)
    height = TOP + PLOT_HEIGHT + bottom
    figure.set_size_inches(WIDTH, height)
    figure.subplots_adjust(LEFT / WIDTH, bottom / height, 1 - RIGHT / WIDTH, 1 - TOP / height)
    figure.legend(handles, labels, loc="lower center", ncols=LEGEND_COLUMNS, fontsize=7.5, frameon=False)
