"""Test accuracy over the epochs of training (Figures 1 and 11)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Array
from common.report.arms import Arms, curves, mean_and_deviation
from common.report.axes import GREY, LINE, PALETTE, line
from papers.plasticity.figures.looks import EQUAL, SCRATCH, WARM, control_of, pretrained
from papers.plasticity.settings import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "-.", "--", ":")


def by_epoch(axes: "Axes", arms: Arms) -> None:
    """Draw learning curves over all stages; tuning begins at 0, boxes hold the averaged epochs (Figure 1)."""
    control = control_of(arms)
    epochs, averaged = control.setting.epochs, control.setting.averaged
    own = curves(arms[control], "test_accuracy")
    _curve(axes, 1, own[:, :epochs], SCRATCH)
    _curve(axes, epochs, own[:, epochs - 1 :], EQUAL)
    for cell in pretrained(arms):
        before = curves(arms[cell], "pretraining_test_accuracy")
        found = np.hstack([before, curves(arms[cell], "test_accuracy")])
        _curve(axes, 1 - before.shape[1], found, WARM | {"marker": ""})
    longest = epochs + control.extra
    box: dict[str, Any] = {"alpha": 0.15, "linewidth": 0}
    tuned, equal = PALETTE[2], PALETTE[4]
    axes.axvspan(epochs - averaged + 0.5, epochs + 0.5, color=tuned, label=f"averaged, {averaged} epochs", **box)
    axes.axvspan(longest - averaged + 0.5, longest + 0.5, color=equal, label="averaged at equal updates", **box)
    axes.axvline(0, color="black", linestyle=":", linewidth=1)
    axes.set_xlabel("epoch of tuning; up to 0, of pretraining")


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
    _curve(axes, 1, curves(arms[control], "test_accuracy")[:, :epochs], SCRATCH)
    for cell, color, style in zip(cells, PALETTE, STYLES, strict=False):
        look = {"color": color, "linestyle": style, "linewidth": LINE, "label": kept[groups - len(cell.reset)]}
        _curve(axes, 1, curves(arms[cell], "test_accuracy"), look)
    axes.axhline(control.setting.target, color=GREY, linestyle=":", linewidth=1, label="target")
    axes.set_xscale("log")
    axes.set_xlim(0.9, 1.1 * epochs)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("epoch of tuning")


def _curve(axes: "Axes", first: int, found: Array, look: dict[str, Any]) -> None:
    """Draw a curve over epochs from a first one on, from [seeds, epochs]."""
    line(axes, np.arange(first, first + found.shape[1]), mean_and_deviation(found), look)
