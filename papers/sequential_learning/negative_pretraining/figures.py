"""The plots of the Negative Pretraining Effect: the final test loss of every run."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from common.experiment import Metrics
from papers.sequential_learning.drawing import (
    DOT,
    MARKERS,
    PALETTE,
    SMALL,
    Arms,
    Plot,
    colours,
    legend,
    mean_and_deviation,
    panels,
    points,
    swarms,
    values,
)
from papers.sequential_learning.negative_pretraining.arms import Arm
from papers.sequential_learning.nuisances import PATHS, equal_positions, levels_along
from papers.sequential_learning.training import Setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSS = "final test loss"
RESETS = {"": "[No, No]", "2": "[No, Yes]", "1": "[Yes, No]", "12": "[Yes, Yes]"}
BASELINES: tuple[dict[str, Any], ...] = (
    {"linestyle": ":", "color": "black"},
    {"linestyle": "--", "color": "black"},
    {"linestyle": "-.", "color": "#767676"},
)
LEVELS = {"blur": "share of the resolution", "contrast": "contrast", "shift": "largest shift, share of the side"}
LEGEND_COLUMNS, PATH_COLUMNS = 5, 3
SPACE = 0.1  # between the series of one place, as a share of the distance of two places


def by_rates(figure: "Figure", arms: Arms) -> None:
    """Draw every pair of learning rates, one panel a data set (Figure 3)."""
    unit = 10.0 ** floor(log10(min(arm.rate for arm in arms)) + 1e-9)
    _of_data_sets(
        figure,
        arms,
        lambda arm: f"[{arm.first_rate / unit:g}, {arm.rate / unit:g}]",
        f"learning rates [first, last task], in {unit:g}",
    )


def by_resets(figure: "Figure", arms: Arms) -> None:
    """Draw by the tasks before which biases are reset, one panel a data set (Figure 6)."""
    _of_data_sets(figure, arms, lambda arm: RESETS[arm.reset], "biases reset before [first, last task]")


def _of_data_sets(figure: "Figure", arms: Arms, name: Callable[[Arm], str], label: str) -> None:
    """Draw swarms of all arms that were pretrained, beside the baselines of their data set."""
    settings = _settings(arms)
    grid = panels(figure, 1, len(settings), _legend_rows(arms))
    for axes, setting in zip(grid[0], settings, strict=True):
        own = [arm for arm in arms if arm.setting == setting and arm.tasks > 1]
        axes.set_title(setting.dataset.name, fontsize="medium")
        axes.set_xlabel(label)
        _swarms_beside_baselines(axes, arms, setting, own, [name(arm) for arm in own])
    _finish(figure, grid, arms)


def by_count(figure: "Figure", arms: Arms) -> None:
    """Draw by the number of tasks, one row a nuisance and one column a data set (Figure 4)."""
    settings, nuisances = _settings(arms), [path for path in PATHS if any(arm.path == path for arm in arms)]
    grid = panels(figure, len(nuisances), len(settings), _legend_rows(arms), (2.9, 2.0))
    for row, nuisance in zip(grid, nuisances, strict=True):
        for axes, setting in zip(row, settings, strict=True):
            own = [arm for arm in arms if arm.setting == setting and arm.path == nuisance]
            axes.set_title(f"{setting.dataset}, {nuisance}", fontsize="medium")
            _swarms_beside_baselines(axes, arms, setting, own, [str(arm.tasks) for arm in own])
    for axes in grid[-1]:
        axes.set_xlabel("number of tasks N")
    _finish(figure, grid, arms)


def _swarms_beside_baselines(axes: "Axes", arms: Arms, setting: Setting, own: Sequence[Arm], labels: list[str]) -> None:
    """Draw one panel: a swarm an arm, and the mean of every baseline of this data set."""
    groups, every = [points(arms[arm], "test_loss") for arm in own], []
    baselines = _baselines(arms, setting)
    for arm, look in zip(baselines, BASELINES[: len(baselines)], strict=True):
        found = values(arms[arm], "test_loss")
        if len(found):
            axes.axhline(found.mean(), label=_baseline(arm, baselines[0]), linewidth=1.3, **look)
            every.append(found.mean())
    every += [value for group in groups for value in group.values()]
    if every:
        margin = 0.08 * (max(every) - min(every)) or 0.1
        axes.set_ylim(min(every) - margin, max(every) + margin)
    swarms(axes, labels, groups, colours(_seeds(arms)))


def _baselines(arms: Arms, setting: Setting) -> list[Arm]:
    """Return the networks that were trained on the target of this setting only."""
    return [arm for arm in arms if arm.setting == setting and arm.tasks == 1]


def _baseline(arm: Arm, first: Arm) -> str:
    """Name a baseline by what it has more of than the first one."""
    if arm.rate != first.rate:
        return f"baseline, {arm.rate / first.rate:g} x rate"
    return "baseline" if arm.epochs == first.epochs else f"baseline, {arm.epochs / first.epochs:g} x epochs"


def _finish(figure: "Figure", grid: Any, arms: Arms) -> None:
    """Label the first column of panels, and name baselines and seeds below all."""
    from matplotlib.lines import Line2D

    for axes in grid[:, 0]:
        axes.set_ylabel(LOSS)
    dots = {
        f"seed {seed}": Line2D([], [], linestyle="none", marker="o", markersize=DOT, color=colour)
        for seed, colour in colours(_seeds(arms)).items()
    }
    legend(figure, LEGEND_COLUMNS, dots)


def _legend_rows(arms: Arms) -> int:
    """Return how many rows the names of seeds and baselines take."""
    baselines = max(len(_baselines(arms, setting)) for setting in _settings(arms))
    return ceil((len(_seeds(arms)) + baselines) / LEGEND_COLUMNS)


def _settings(arms: Arms) -> list[Setting]:
    return list(dict.fromkeys(arm.setting for arm in arms))


def _seeds(arms: Arms) -> list[int]:
    return list(dict.fromkeys(seed for runs in arms.values() for seed in runs))


def by_path(figure: "Figure", arms: Arms) -> None:
    """Draw a row for every two nuisances: paths between them, and losses against the number of tasks (Figure 5).

    The points of the paths are the tasks for the largest number of them.
    """
    paths = list(dict.fromkeys(arm.path for arm in arms))
    looks = {path: {"color": PALETTE[i], "marker": MARKERS[i], "label": path} for i, path in enumerate(paths)}
    planes: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        planes.setdefault(_nuisances(path), []).append(path)
    grid = panels(figure, len(planes), 2, ceil(len(paths) / PATH_COLUMNS))
    for (plane, right), (nuisances, own) in zip(grid, planes.items(), strict=True):
        for i, path in enumerate(own):
            of_path = {arm.tasks: runs for arm, runs in arms.items() if arm.path == path}
            _in_plane(plane, path, max(of_path), nuisances, looks[path])
            _against_count(right, of_path, SPACE * (i - (len(own) - 1) / 2), looks[path])
        plane.set_xlabel(LEVELS[nuisances[0]])
        plane.set_ylabel(LEVELS[nuisances[1]])
        right.set_xlabel("number of tasks N")
        right.set_ylabel(LOSS)
    legend(figure, PATH_COLUMNS)


def _nuisances(path: str) -> tuple[str, ...]:
    """Return the nuisances that a path removes, in alphabetical order."""
    return tuple(sorted({nuisance for leg in PATHS[path] for nuisance in leg}))


def _in_plane(axes: "Axes", path: str, count: int, nuisances: tuple[str, ...], look: Mapping[str, Any]) -> None:
    """Draw the tasks of a path by the levels of two nuisances, and the way between them with its corner."""
    for positions, own in (
        (equal_positions(3), {"color": look["color"], "linewidth": 1.3}),
        (equal_positions(count), {"linestyle": "none", "markersize": DOT, **look}),
    ):
        levels = levels_along(path, positions)
        axes.plot(*([level[nuisance] for level in levels] for nuisance in nuisances), **own)


def _against_count(axes: "Axes", runs: Mapping[int, Mapping[int, Metrics]], aside: float, look: dict[str, Any]) -> None:
    """Draw means over seeds against the number of tasks, and every run as a point, a little aside."""
    places = np.arange(len(runs)) + aside
    found = [values(own, "test_loss") for own in runs.values()]
    axes.plot(places, [mean_and_deviation(own)[0] for own in found], linewidth=1.3, color=look["color"])
    for place, own in zip(places, found, strict=True):
        dots = {key: look[key] for key in ("color", "marker")}
        axes.plot(np.full(len(own), place), own, linestyle="none", markersize=4, alpha=0.7, **dots)
    axes.set_xticks(range(len(runs)), [str(count) for count in runs], fontsize=SMALL)


PLOTS: tuple[Plot, ...] = (
    Plot("negative_fig3", ("negative_fig3",), by_rates),
    Plot("negative_fig4", ("negative_fig4",), by_count),
    Plot("negative_fig5", ("negative_fig5",), by_path),
    Plot("negative_fig6", ("negative_fig6",), by_resets),
)
