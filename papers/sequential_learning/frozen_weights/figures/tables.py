"""The numbers of Tables 1 to 3 as pictures: sparse starts, and resets of frozen weights."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from common.claims.results import Array
from common.report.arms import Arms, Runs, mean_and_deviation, summary, values
from common.report.axes import BLACK, GREY, LINE, SMALL, bars, look, panels, ticks
from papers.sequential_learning.frozen_weights.arms import Retrained, Scratch
from papers.sequential_learning.frozen_weights.figures.names import SOURCES
from papers.sequential_learning.frozen_weights.interventions import CONSTANT, SparseStart
from papers.sequential_learning.frozen_weights.table1 import DENSE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW_NAMES = 2.9  # inches
ASIDE = (-0.12, 0.12)  # of the dots without and with a reset, in rows


def sparse(figure: "Figure", arms: Arms) -> None:
    """Draw accuracy against the nominal sparsity, one line a kind; panels by augmentation (Table 1).

    The legend holds the measured sparsities.
    """
    dense, thinned = [cell for cell in arms if cell.start == DENSE], [cell for cell in arms if cell.start != DENSE]
    kinds = list(dict.fromkeys(_kind(cell.start) for cell in thinned))
    (row,) = panels(figure, 1, len(dense), (2.9, 2.8))
    for axes, control in zip(row, dense, strict=True):
        mean, _ = mean_and_deviation(values(arms[control], "test_accuracy"))
        axes.axhline(float(mean), label="dense", color=BLACK, linestyle=":", linewidth=LINE)
        for i, kind in enumerate(kinds):
            cells = [c for c in thinned if c.augmented == control.augmented and _kind(c.start) == kind]
            label = f"{kind}; measured sparsity {_measured([c for c in thinned if _kind(c.start) == kind], arms)}"
            sparsities = [cell.start.sparsity for cell in cells]
            bars(axes, sparsities, summary(arms, cells, "test_accuracy"), {**look(i), "label": label})
        axes.set_xlim(1 - 1.15 * (1 - min(sparsities)), 1 - (1 - max(sparsities)) / 1.15)
        axes.set_xscale("function", functions=(by_density, lambda place: -np.expm1(-place)))
        ticks(axes, sparsities, [f"{sparsity:g}" for sparsity in sparsities])
        how = "with" if control.augmented else "without"
        axes.set_title(f"{control.setting.name}, {how} augmentation", fontsize="medium")
        axes.set_xlabel("nominal sparsity")
    row[0].set_ylabel("test accuracy, mean and s.d.")


def by_density(sparsity: Array) -> Array:
    """Place sparsities by the logarithm of what is left, of which there is always some."""
    place: Array = -np.log(np.maximum(1.0 - sparsity, 1e-4))
    return place


def _kind(start: SparseStart) -> str:
    """Name a kind of sparse start; triples by how they match the sparsity, doubles by what is zeroed."""
    if start.kind == "triple":
        return f"triple ({start.matching})"
    return start.kind if start.unit == "weight" else f"{start.kind} ({start.unit}s)"


def _measured(cells: Sequence[Scratch], arms: Arms) -> str:
    """List the measured sparsities, by the nominal one, means over all runs."""
    found: dict[float, list[float]] = {}
    for cell in cells:
        assert isinstance(cell.start, SparseStart)
        found.setdefault(cell.start.sparsity, []).extend(values(arms[cell], "small_share_start"))
    return ", ".join(f"{mean_and_deviation(np.array(shares))[0]:.3f}" for shares in found.values())


def resets(figure: "Figure", arms: Arms) -> None:
    """Draw accuracy and loss without and with a reset, one row a transition (Tables 2 and 3).

    A row's name ends in the pairs that pretraining left, the mean over seeds.
    """
    rows = list(dict.fromkeys(replace(cell, reset=False) for cell in arms))
    (row,) = panels(figure, 1, 2, (2.4, 0.42 * len(rows) + 0.3), left=ROW_NAMES, gaps=(0.3, 0.0))
    for axes, name in zip(row, ("test_accuracy", "test_loss"), strict=True):
        for place, cell in enumerate(rows):
            pair = [own for own in (cell, replace(cell, reset=True)) if own in arms]
            means, _ = summary(arms, pair, name)
            heights = [place + aside for aside in ASIDE[: len(pair)]]
            axes.plot(means, heights, color=GREY, linewidth=LINE, zorder=1)
        for i, (reset, aside) in enumerate(zip((False, True), ASIDE, strict=True)):
            own = {place + aside: replace(cell, reset=reset) for place, cell in enumerate(rows)}
            own = {place: cell for place, cell in own.items() if cell in arms}
            means, deviations = summary(arms, list(own.values()), name)
            shown = {**look(i), "linestyle": "none", "label": "with reset" if reset else "without reset"}
            axes.plot(means, list(own), **shown)
            axes.errorbar(means, list(own), xerr=deviations, fmt="none", ecolor=shown["color"], capsize=3, linewidth=1)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(f"{name.replace('_', ' ')}, mean and s.d.")
    names = [_transition(cell, arms[cell if cell in arms else replace(cell, reset=True)]) for cell in rows]
    row[0].set_yticks(range(len(rows)), names, fontsize=SMALL)
    row[1].set_yticks(range(len(rows)), [""] * len(rows))


def _transition(cell: Retrained, runs: Runs) -> str:
    """Name a transition, its network, and the pairs that pretraining left."""
    source, (data, _, network) = str(cell.source), cell.setting.name.partition("/")
    few = f", {100 * cell.samples:g} %" if cell.samples < 1 else ""
    resized = (
        f", {cell.constant:g} and scales {cell.scales}" if (cell.constant, cell.scales) != (CONSTANT, "one") else ""
    )
    target = f"{data}{few}{' shifted' if cell.shifted else ''}{resized}"
    pairs, _ = mean_and_deviation(values(runs, "double_pairs_before"))
    return f"{SOURCES.get(source, source)} to {target}\n{network}, {pairs:.4g} frozen pairs"
