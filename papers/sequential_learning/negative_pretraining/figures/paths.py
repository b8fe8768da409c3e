"""Paths that remove two nuisances, and the losses at their ends (Figure 5)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from common.report.arms import Arms, Runs, summary, values
from common.report.axes import DOT, LINE, aside, look, panels, ticks
from papers.sequential_learning.nuisances import PATHS, equal_positions, levels_along

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = {"blur": "share of the resolution", "contrast": "contrast", "shift": "largest shift, share of the side"}
SPACE = 0.1  # between the series of one place, as a share of the distance of two places


def by_path(figure: "Figure", arms: Arms) -> None:
    """Draw a row for every two nuisances: paths between them, and losses against the number of tasks (Figure 5).

    The points of the paths are the tasks for the largest number of them.
    """
    paths = list(dict.fromkeys(arm.path for arm in arms))
    looks = {path: {**look(i), "label": path} for i, path in enumerate(paths)}
    planes: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        planes.setdefault(_nuisances(path), []).append(path)
    grid = panels(figure, len(planes), 2)
    for (plane, right), (nuisances, own) in zip(grid, planes.items(), strict=True):
        for i, path in enumerate(own):
            of_path = {arm.tasks: runs for arm, runs in arms.items() if arm.path == path}
            _in_plane(plane, path, max(of_path), nuisances, looks[path])
            _against_count(right, of_path, aside(i, len(own), SPACE), looks[path])
        plane.set_xlabel(LEVELS[nuisances[0]])
        plane.set_ylabel(LEVELS[nuisances[1]])
        right.set_xlabel("number of tasks N")
        right.set_ylabel("final test loss")


def _nuisances(path: str) -> tuple[str, ...]:
    """Return the nuisances that a path removes, in alphabetical order."""
    return tuple(sorted({nuisance for leg in PATHS[path] for nuisance in leg}))


def _in_plane(axes: "Axes", path: str, count: int, nuisances: tuple[str, ...], look: Mapping[str, Any]) -> None:
    """Draw the tasks of a path by the levels of two nuisances, and the way between them with its corner."""
    for positions, own in (
        (equal_positions(3), {"color": look["color"], "linewidth": LINE}),
        (equal_positions(count), {**look, "linestyle": "none"}),
    ):
        levels = levels_along(path, positions)
        axes.plot(*([level[nuisance] for level in levels] for nuisance in nuisances), **own)


def _against_count(axes: "Axes", arms: Mapping[int, Runs], beside: float, look: Mapping[str, Any]) -> None:
    """Draw means over seeds against the number of tasks, and every run as a point, a little aside."""
    places = np.arange(len(arms)) + beside
    means, _ = summary(arms, list(arms), "test_loss")
    axes.plot(places, means, linewidth=LINE, color=look["color"])
    dots = {"color": look["color"], "marker": look["marker"], "markersize": DOT, "alpha": 0.7}
    for place, runs in zip(places, arms.values(), strict=True):
        axes.plot(np.full(len(runs), place), values(runs, "test_loss"), linestyle="none", **dots)
    ticks(axes, range(len(arms)), [str(count) for count in arms])
