"""The plots of Mutually Frozen Weights."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Array
from common.claims.statistics import rank_correlation
from common.experiment import Metrics
from papers.sequential_learning.drawing import (
    DOT,
    MARKERS,
    PALETTE,
    SMALL,
    Arms,
    Plot,
    legend,
    legend_of,
    mean_and_deviation,
    panels,
    points,
    values,
)
from papers.sequential_learning.frozen_weights.arms import Retrained, Scratch
from papers.sequential_learning.frozen_weights.interventions import SparseStart
from papers.sequential_learning.frozen_weights.settings import RATE, WEIGHT_DECAY, FrozenSetting
from papers.sequential_learning.frozen_weights.table1 import DENSE

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
SOURCES = {"blur": "blurred images", "tenth": "a tenth of the images", "none": "scratch", "imagenet": "ImageNet"}
MOMENTS = {"before": PALETTE[0], "after": PALETTE[1]}
LOSS = "test loss on the target"
ROW_NAMES = 2.9  # inches
ASIDE = (-0.12, 0.12)  # of the dots without and with a reset, in rows
CLOUD, BELOW = 3.0, 0.5  # inches: the height of a scatter plot, and how far below it its legend stands


def number(value: float) -> str:
    """Write a number in few letters: 5e-4, not 0.0005 or 5e-04."""
    plain, power = f"{value:g}", f"{value:.0e}".replace("e-0", "e-")
    return power if float(power) == value and len(power) < len(plain) else plain


def by_density(sparsity: Array) -> Array:
    """Place sparsities by the logarithm of what is left, of which there is always some."""
    place: Array = -np.log(np.maximum(1.0 - sparsity, 1e-4))
    return place


def growth(figure: "Figure", arms: Arms) -> None:
    """Draw frozen pairs against the epoch, a row of panels a network: by interface, and the total (Figure 3).

    The interfaces are those at the highest weight decay and rate, the first one on top.
    """
    settings = _settings(arms)
    grid = panels(figure, len(settings), 2, size=(3.5, 2.6))
    for (left, right), setting in zip(grid, settings, strict=True):
        own = {cell: runs for cell, runs in arms.items() if cell.setting == setting}
        rate, highest = max(cell.rate for cell in own), max(cell.weight_decay for cell in own)
        cells = sorted(own, key=lambda cell: (cell.rate < rate, cell.weight_decay))
        shown = own[next(cell for cell in cells if (cell.rate, cell.weight_decay) == (rate, highest))]
        by_interface = np.array([mean_curve(shown, name) for name in _numbered(shown, "pairs_at")])
        _heatmap(left, by_interface, [str(i) for i in range(1, len(by_interface) + 1)])
        left.set_title(f"{setting.name}\nat weight decay {number(highest)}, rate {number(rate)}", fontsize=SMALL)
        left.set_ylabel("interface")
        totals = np.array([mean_curve(own[cell], "double_pairs") for cell in cells])
        others = ["" if cell.rate == rate else f"\nrate {number(cell.rate)}" for cell in cells]
        labels = [number(cell.weight_decay) + other for cell, other in zip(cells, others, strict=True)]
        _heatmap(right, totals, labels)
        right.set_title(f"{setting.name}\nsum over exclusive interfaces, rate {number(rate)}", fontsize=SMALL)
        right.set_ylabel("weight decay")


def _numbered(runs: Mapping[int, Metrics], name: str) -> list[str]:
    """Return the names of the curves `name`_1, `name`_2, ... that the runs have."""
    has = next(iter(runs.values())).curves
    count = sum(curve.startswith(f"{name}_") for curve in has)
    return [f"{name}_{i}" for i in range(1, count + 1)]


def mean_curve(runs: Mapping[int, Metrics], name: str) -> Array:
    """Return the mean of a curve over the runs that did not diverge, [epochs]; NaN without any."""
    found = np.array([runs[seed].curves[name] for seed in points(runs, "test_loss")])
    length = len(next(iter(runs.values())).curves[name])
    mean: Array = found.mean(0) if len(found) else np.full(length, np.nan)
    return mean


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
    from matplotlib import colormaps

    decays = sorted({cell.weight_decay for cell in arms})
    hues = dict(zip(decays, colormaps["viridis"](np.linspace(0.0, 0.88, len(decays))), strict=True))
    widths = dict(zip(decays, np.linspace(2.6, 1.1, len(decays)), strict=True))  # so that none hides another
    (row,) = panels(figure, 1, len(STARTS), len(decays), (2.4, 2.8))
    highest = 0.0
    for axes, (title, styles) in zip(row, STARTS.items(), strict=True):
        for cell, runs in arms.items():
            if cell.start.start not in styles:
                continue
            norms = np.mean([mean_curve(runs, name) for name in _numbered(runs, "norm_at")], axis=0)
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
    legend(figure, 2)


def sparse(figure: "Figure", arms: Arms) -> None:
    """Draw accuracy against the nominal sparsity, one line a kind; panels by augmentation (Table 1).

    The legend holds the measured sparsities.
    """
    dense, thinned = [cell for cell in arms if cell.start == DENSE], [cell for cell in arms if cell.start != DENSE]
    kinds = list(dict.fromkeys(_kind(cell.start) for cell in thinned))
    (row,) = panels(figure, 1, len(dense), len(kinds) + 1, (2.9, 2.8))
    for axes, control in zip(row, dense, strict=True):
        level, _ = mean_and_deviation(values(arms[control], "test_accuracy"))
        axes.axhline(level, label="dense", color="black", linestyle=":", linewidth=1.3)
        for i, kind in enumerate(kinds):
            cells = [c for c in thinned if c.augmented == control.augmented and _kind(c.start) == kind]
            label = f"{kind}; measured sparsity {_measured([c for c in thinned if _kind(c.start) == kind], arms)}"
            sparsities = [cell.start.sparsity for cell in cells]
            _line(axes, sparsities, [arms[cell] for cell in cells], "test_accuracy", i, label)
        axes.set_xlim(1 - 1.15 * (1 - min(sparsities)), 1 - (1 - max(sparsities)) / 1.15)
        axes.set_xscale("function", functions=(by_density, lambda place: -np.expm1(-place)))
        axes.set_xticks(sparsities, [f"{sparsity:g}" for sparsity in sparsities])
        how = "with" if control.augmented else "without"
        axes.set_title(f"{control.setting.name}, {how} augmentation", fontsize="medium")
        axes.set_xlabel("nominal sparsity")
    row[0].set_ylabel("test accuracy, mean and s.d.")
    legend(figure, 1)


def _kind(start: SparseStart) -> str:
    """Name a kind of sparse start; triples by how they match the sparsity."""
    return f"triple ({start.matching})" if start.kind == "triple" else start.kind


def _measured(cells: Sequence[Scratch], arms: Arms) -> str:
    """List the measured sparsities, by the nominal one, means over all runs."""
    found: dict[float, list[float]] = {}
    for cell in cells:
        assert isinstance(cell.start, SparseStart)
        shares = [run.scalars["small_share_start"] for run in arms[cell].values()]
        found.setdefault(cell.start.sparsity, []).extend(shares)
    return ", ".join(f"{np.mean(shares):.3f}" for shares in found.values())


def _line(
    axes: "Axes", places: Sequence[float], found: Sequence[Mapping[int, Metrics]], name: str, number: int, label: str
) -> None:
    """Draw means with one standard deviation."""
    means, deviations = np.array([mean_and_deviation(values(runs, name)) for runs in found]).T
    look: dict[str, Any] = {"color": PALETTE[number], "marker": MARKERS[number], "markersize": DOT}
    axes.errorbar(places, means, deviations, capsize=3, linewidth=1.3, label=label, **look)


def resets(figure: "Figure", arms: Arms) -> None:
    """Draw accuracy and loss without and with a reset, one row a transition (Tables 2 and 3).

    A row's name ends in the pairs that pretraining left, the mean over seeds.
    """
    rows = list(dict.fromkeys(replace(cell, reset=False) for cell in arms))
    (row,) = panels(figure, 1, 2, 1, (2.4, 0.42 * len(rows) + 0.3), left=ROW_NAMES)
    for axes, name in zip(row, ("test_accuracy", "test_loss"), strict=True):
        for place, cell in enumerate(rows):
            pair = [mean_and_deviation(values(arms[own], name)) for own in _both(cell) if own in arms]
            heights = [place + aside for aside in ASIDE[: len(pair)]]
            axes.plot([mean for mean, _ in pair], heights, color="#767676", linewidth=1.3, zorder=1)
        for i, (reset, aside) in enumerate(zip((False, True), ASIDE, strict=True)):
            own = [replace(cell, reset=reset) for cell in rows]
            places = [place + aside for place, cell in enumerate(own) if cell in arms]
            found = np.array([mean_and_deviation(values(arms[cell], name)) for cell in own if cell in arms])
            look: dict[str, Any] = {"color": PALETTE[i], "marker": MARKERS[i], "markersize": DOT}
            label = "with reset" if reset else "without reset"
            axes.errorbar(*found.T[:1], places, xerr=found.T[1], linestyle="none", capsize=3, label=label, **look)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(f"{name.replace('_', ' ')}, mean and s.d.")
    row[0].set_yticks(range(len(rows)), [_transition(cell, arms[cell]) for cell in rows])
    row[1].set_yticks(range(len(rows)), [""] * len(rows))
    legend(figure, 2)


def _both(cell: Retrained) -> tuple[Retrained, Retrained]:
    return cell, replace(cell, reset=True)


def _transition(cell: Retrained, runs: Mapping[int, Metrics]) -> str:
    """Name a transition, its network, and the pairs that pretraining left."""
    source, network = SOURCES.get(str(cell.source), str(cell.source)), cell.setting.name.rpartition("/")[2]
    few = f", {100 * cell.samples:g} %" if cell.samples < 1 else ""
    target = f"{cell.setting.dataset}{few}{' shifted' if cell.shifted else ''}"
    pairs, _ = mean_and_deviation(values(runs, "double_pairs_before"))
    return f"{source} to {target}\n{network}, {pairs:.4g} frozen pairs"


def hyperparameters(figure: "Figure", arms: Arms) -> None:
    """Draw loss against weight decay and against the rate, a row of panels a network (Figure 5).

    Both are equal in both trainings, or the lowest in pretraining; values stand at equal distances.
    """
    settings = _settings(arms)
    grid = panels(figure, len(settings), 2, 1)
    for row, setting in zip(grid, settings, strict=True):
        own = [cell for cell in arms if cell.setting == setting]
        by_decay = [cell for cell in own if cell.source_rate == cell.rate == RATE]
        by_rate = [cell for cell in own if cell.source_weight_decay == cell.weight_decay == WEIGHT_DECAY]
        for axes, cells, name in zip(row, (by_decay, by_rate), ("weight_decay", "rate"), strict=True):
            swept = sorted({getattr(cell, name) for cell in cells})
            series = {
                "equal in both": [c for c in cells if getattr(c, f"source_{name}") == getattr(c, name)],
                "lowest in pretraining": [c for c in cells if getattr(c, f"source_{name}") == swept[0]],
            }
            for i, (label, line) in enumerate(series.items()):
                line = sorted(line, key=lambda cell: getattr(cell, name))
                places = [swept.index(getattr(cell, name)) for cell in line]
                _line(axes, places, [arms[cell] for cell in line], "test_loss", i, label)
            axes.set_xticks(range(len(swept)), [number(value) for value in swept])
            axes.set_xlabel({"weight_decay": "weight decay", "rate": "learning rate"}[name] + " of retraining")
            axes.set_title(setting.name, fontsize="medium")
        row[0].set_ylabel(f"{LOSS}, mean and s.d.")
    legend(figure, 2)


def what_goes_with_loss(figure: "Figure", arms: Arms) -> None:
    """Draw the loss of every run against its frozen weights and its Fisher score, before and after (Figure 6)."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    markers = dict(zip(dict.fromkeys(str(cell.source) for cell in arms), MARKERS, strict=False))
    (row,) = panels(figure, 1, 2, 3, (2.9, CLOUD))
    names = (("double_tuples_before", "double_tuples"), ("fisher_start", "fisher"))
    for axes, moments in zip(row, names, strict=True):
        boxes = []
        for (moment, colour), name in zip(MOMENTS.items(), moments, strict=True):
            clouds = {source: _cloud([arms[c] for c in arms if str(c.source) == source], name) for source in markers}
            for source, cloud in clouds.items():
                axes.scatter(*cloud, s=16, color=colour, marker=markers[source], alpha=0.6, linewidths=0)
            correlation = _correlation(np.hstack(list(clouds.values())))
            boxes.append(Patch(color=colour, label=f"{moment} retraining, {correlation}"))
        place = (0.5, -BELOW / CLOUD)
        axes.legend(handles=boxes, loc="upper center", bbox_to_anchor=place, fontsize=SMALL, frameon=False)
    row[0].set_xscale("symlog", linthresh=1.0)
    row[0].set_xlabel("frozen weight tuples (doubles)")
    row[1].set_xlabel("Fisher score")
    row[0].set_ylabel(LOSS)
    look: dict[str, Any] = {"linestyle": "none", "color": "#767676", "markersize": DOT}
    shapes = {f"pretrained on {SOURCES[own]}": Line2D([], [], marker=marker, **look) for own, marker in markers.items()}
    legend_of(figure, shapes, 2)


def _cloud(arms: Sequence[Mapping[int, Metrics]], name: str) -> Array:
    """Return a number and the loss of every run where both are finite, [2, runs]."""
    found = np.array([(run.scalars[name], run.scalars["test_loss"]) for runs in arms for run in runs.values()])
    cloud: Array = found[np.isfinite(found).all(1)].T
    return cloud


def _correlation(cloud: Array) -> str:
    """Write the rank correlation of a cloud [2, runs]."""
    constant = cloud.shape[1] < 2 or any(np.ptp(row) == 0 for row in cloud)
    return "no rank correlation" if constant else f"rank correlation {rank_correlation(*cloud):+.2f}"


def _settings(arms: Arms) -> list[FrozenSetting]:
    return list(dict.fromkeys(cell.setting for cell in arms))


PLOTS: tuple[Plot, ...] = (
    Plot("frozen_fig3", ("frozen_fig3",), growth),
    Plot("frozen_fig4", ("frozen_fig4",), followed_pairs),
    Plot("frozen_table1", ("frozen_table1",), sparse),
    Plot("frozen_table2_3", ("frozen_table2", "frozen_table3"), resets),
    Plot("frozen_fig5", ("frozen_fig5",), hyperparameters),
    Plot("frozen_fig6", ("frozen_fig6",), what_goes_with_loss),
)
