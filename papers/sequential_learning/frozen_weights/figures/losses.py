"""What the loss on the target goes with: weight decay and rate, frozen weights, sharpness (Figures 5 and 6)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from common.claims.results import Array
from common.claims.statistics import rank_correlation
from common.report.arms import Arms, Runs, summary, values
from common.report.axes import DOT, GREY, MARKERS, PALETTE, bars, key, look, panels, ticks
from papers.sequential_learning.frozen_weights.figures.names import SOURCES, number, settings_of
from papers.sequential_learning.frozen_weights.settings import RATE, WEIGHT_DECAY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOSS = "test loss on the target"
MOMENTS = {"before": PALETTE[0], "after": PALETTE[1]}


def hyperparameters(figure: "Figure", arms: Arms) -> None:
    """Draw loss against weight decay and against the rate, a row of panels a network (Figure 5).

    Both are equal in both trainings, or the lowest in pretraining; values stand at equal distances.
    """
    settings = settings_of(arms)
    grid = panels(figure, len(settings), 2)
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
                bars(axes, places, summary(arms, line, "test_loss"), {**look(i), "label": label})
            ticks(axes, range(len(swept)), [number(value) for value in swept])
            axes.set_xlabel({"weight_decay": "weight decay", "rate": "learning rate"}[name] + " of retraining")
            axes.set_title(setting.name, fontsize="medium")
        row[0].set_ylabel(f"{LOSS}, mean and s.d.")


def what_goes_with_loss(figure: "Figure", arms: Arms) -> None:
    """Draw the loss of every run against its frozen weights and its Fisher score, before and after (Figure 6)."""
    markers = dict(zip(dict.fromkeys(str(cell.source) for cell in arms), MARKERS, strict=False))
    (row,) = panels(figure, 1, 2, (2.9, 3.0))
    names = (("double_weights_before", "double_weights"), ("fisher_start", "fisher"))
    for axes, moments in zip(row, names, strict=True):
        correlations = []
        for (moment, colour), name in zip(MOMENTS.items(), moments, strict=True):
            clouds = {source: _cloud([arms[c] for c in arms if str(c.source) == source], name) for source in markers}
            for source, cloud in clouds.items():
                axes.scatter(*cloud, s=DOT**2, color=colour, marker=markers[source], alpha=0.6, linewidths=0)
            correlations.append(f"{moment} retraining: {_correlation(np.hstack(list(clouds.values())))}")
        axes.set_title("\n".join(correlations), fontsize="medium")
    row[0].set_xscale("symlog", linthresh=1.0)
    row[0].set_xlabel("weights in frozen pairs")
    row[1].set_xlabel("Fisher score")
    row[0].set_ylabel(LOSS)
    dot = {"linestyle": "none", "markersize": DOT}
    for moment, colour in MOMENTS.items():
        key(figure, {**dot, "label": f"{moment} retraining", "color": colour, "marker": "s"})
    for source, marker in markers.items():
        key(figure, {**dot, "label": f"pretrained on {SOURCES[source]}", "color": GREY, "marker": marker})


def _cloud(arms: Sequence[Runs], name: str) -> Array:
    """Return a number and the loss of every run where both are finite, [2, runs]."""
    found = np.hstack([[values(runs, name), values(runs, "test_loss")] for runs in arms])
    cloud: Array = found[:, np.isfinite(found).all(axis=0)]
    return cloud


def _correlation(cloud: Array) -> str:
    """Write the rank correlation of a cloud [2, runs]."""
    constant = cloud.shape[1] < 2 or any(np.ptp(row) == 0 for row in cloud)
    return "no rank correlation" if constant else f"rank correlation {rank_correlation(*cloud):+.2f}"
