"""The loss of every run as a dot in the colour of its seed, beside those without pretraining (Figures 3, 4 and 6)."""

from collections.abc import Callable, Mapping, Sequence
from math import floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from common.claims.results import Array
from common.report.arms import Arms, Runs, summary, values
from common.report.axes import BLACK, DOT, GREY, key, panels, ticks
from papers.sequential_learning.negative_pretraining.arms import Arm
from papers.sequential_learning.nuisances import ALIASED, PATHS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS = "final test loss"
RESETS = {"": "[No, No]", "2": "[No, Yes]", "1": "[Yes, No]", "12": "[Yes, Yes]"}
BASELINES: tuple[dict[str, Any], ...] = (
    {"linestyle": ":", "color": BLACK},
    {"linestyle": "--", "color": BLACK},
    {"linestyle": "-.", "color": GREY},
)


def by_rates(figure: "Figure", arms: Arms) -> None:
    """Draw every pair of learning rates, one panel a data set (Figure 3)."""
    unit = 10.0 ** floor(log10(min(arm.rate for arm in arms)) + 1e-9)
    _of_data_sets(
        figure,
        arms,
        lambda arm: f"[{arm.first_rate / unit:g}, {arm.rate / unit:g}]" + "\naliased" * (arm.path == ALIASED),
        f"learning rates [first, last task], in {unit:g}",
    )


def by_resets(figure: "Figure", arms: Arms) -> None:
    """Draw by the tasks before which biases are reset, one panel a data set (Figure 6)."""
    _of_data_sets(figure, arms, lambda arm: RESETS[arm.reset], "biases reset before [first, last task]")


def _of_data_sets(figure: "Figure", arms: Arms, name: Callable[[Arm], str], label: str) -> None:
    """Draw swarms of all arms that were pretrained, beside the baselines of their data set."""
    groups = by_data(arms)
    grid = panels(figure, 1, len(groups))
    for axes, (data, own) in zip(grid[0], groups.items(), strict=True):
        axes.set_title(data, fontsize="medium")
        axes.set_xlabel(label)
        _swarms_beside_baselines(axes, own, {arm: name(arm) for arm in own if arm.tasks > 1})
    _label(figure, grid, arms)


def by_count(figure: "Figure", arms: Arms) -> None:
    """Draw by the number of tasks, one row a nuisance and one column a data set (Figure 4)."""
    groups, nuisances = by_data(arms), [path for path in PATHS if any(arm.path == path for arm in arms)]
    grid = panels(figure, len(nuisances), len(groups), (2.9, 2.0))
    for row, nuisance in zip(grid, nuisances, strict=True):
        for axes, (data, own) in zip(row, groups.items(), strict=True):
            axes.set_title(f"{data}, {nuisance}", fontsize="medium")
            _swarms_beside_baselines(axes, own, {arm: str(arm.tasks) for arm in own if arm.path == nuisance})
    for axes in grid[-1]:
        axes.set_xlabel("number of tasks N")
    _label(figure, grid, arms)


def by_data(arms: Arms) -> dict[str, dict[Arm, Runs]]:
    """Return the arms of every data set, by the name that their settings begin with."""
    found: dict[str, dict[Arm, Runs]] = {}
    for arm, runs in arms.items():
        found.setdefault(arm.setting.name.partition("/")[0], {})[arm] = runs
    return found


def _swarms_beside_baselines(axes: "Axes", arms: Arms, labels: Mapping[Arm, str]) -> None:
    """Draw one panel: a swarm for every arm with a label, and the mean of every baseline of this data set."""
    groups = [values(arms[arm], "test_loss") for arm in labels]
    baselines = [arm for arm in arms if arm.tasks == 1]
    means, _ = summary(arms, baselines, "test_loss")
    for arm, mean, look in zip(baselines, means, BASELINES, strict=False):
        axes.axhline(mean, label=_baseline(arm, baselines[0]), linewidth=1.3, **look)
    every = np.concatenate([*groups, means])
    if np.isfinite(every).any():
        low, high = np.nanmin(every), np.nanmax(every)
        margin = 0.08 * (high - low) or 0.1
        axes.set_ylim(low - margin, high + margin)
    swarms(axes, list(labels.values()), groups, colours(len(_seeds(arms))))


def _baseline(arm: Arm, first: Arm) -> str:
    """Name a baseline by what it has more of than the first one."""
    if arm.rate != first.rate:
        return f"baseline, {arm.rate / first.rate:g} x rate"
    return "baseline" if arm.epochs == first.epochs else f"baseline, {arm.epochs / first.epochs:g} x epochs"


def _label(figure: "Figure", grid: Any, arms: Arms) -> None:
    """Label the first column of panels, and name the seeds."""
    for axes in grid[:, 0]:
        axes.set_ylabel(LOSS)
    seeds = _seeds(arms)
    for seed, colour in zip(seeds, colours(len(seeds)), strict=True):
        dot = {"linestyle": "none", "marker": "o", "markersize": DOT, "color": colour}
        key(figure, {"label": f"seed {seed}", **dot})


def _seeds(arms: Arms) -> list[int]:
    return list(next(iter(arms.values())))


def colours(seeds: int) -> list[Any]:
    """Return a colour for every seed."""
    from matplotlib import colormaps

    return list(colormaps["turbo"](np.linspace(0.05, 0.95, seeds)))


def swarms(axes: "Axes", labels: Sequence[str], groups: Sequence[Array], palette: Sequence[Any]) -> None:
    """Draw a swarm with a violin behind it for every group of numbers [seeds], at 0, 1, ..., in finished limits of y.

    A number that is NaN has no dot. The axes must hold everything that the limits depend on.
    """
    axes.set_xlim(-0.6, len(groups) - 0.4)
    ticks(axes, range(len(groups)), labels)
    diameter = (DOT + 0.5) / 72 * axes.figure.dpi
    for place, group in enumerate(groups):
        there = np.isfinite(group)
        found = group[there]
        if len(found) > 1:
            for body in axes.violinplot([found], [place], widths=0.8, showextrema=False)["bodies"]:  # type: ignore[attr-defined]
                body.set(facecolor="#bbbbbb", edgecolor="none", alpha=0.45)
        pixels = axes.transData.transform(np.column_stack([np.zeros(len(found)), found]))[:, 1]
        unit = np.diff(axes.transData.transform([(0, 0), (1, 0)])[:, 0])
        where = place + swarm(pixels, diameter) / unit
        shades = [colour for colour, own in zip(palette, there, strict=True) if own]
        axes.scatter(where, found, s=DOT**2, c=shades, linewidths=0.3, edgecolors="white", zorder=3)


def swarm(found: Array, diameter: float) -> Array:
    """Return how far to the side dots at values [n] stand, [n], so that none overlap; all in one unit of length.

    From the lowest value up, every dot takes the free place that is nearest to the middle.
    """
    aside = np.zeros(len(found))
    placed: list[int] = []
    for i in np.argsort(found, kind="stable"):
        near = [j for j in placed if found[i] - found[j] < diameter]
        touching = [np.sqrt(diameter**2 - (found[i] - found[j]) ** 2) for j in near]
        free = [0.0, *(aside[j] + sign * gap for j, gap in zip(near, touching, strict=True) for sign in (1, -1))]
        aside[i] = next(
            x
            for x in sorted(free, key=abs)
            if all(abs(x - aside[j]) >= gap - 1e-9 * diameter for j, gap in zip(near, touching, strict=True))
        )
        placed.append(i)
    return aside
