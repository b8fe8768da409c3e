"""How pictures look: one palette, one layout, and how means over seeds are drawn in a panel."""

import re
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from common.report.arms import Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito
MARKERS = "osD^vPX"
BLACK, GREY = "#000000", "#767676"
LINE, DOT = 1.5, 5.0  # points: the width of a line, the diameter of a dot
BAND = 0.18  # how opaque a band is
SMALL, LARGE = 8, 10  # points, the fonts of ticks and legends, and of labels and titles

Look = Mapping[str, Any]
"""How a series is drawn: its label, color, marker and so on, as matplotlib names them."""

WIDTH = 6.4  # inches, the least
LEFT, RIGHT, TOP, BOTTOM = 0.8, 0.2, 0.18, 0.7  # inches around all panels; titles and the legend come on top
GAPS = (0.8, 0.9)  # inches between the columns and between the rows of panels
TITLE_LINE, LEGEND_ROW = 0.19, 0.19  # inches
LETTER, HANDLE = 0.06, 0.5  # inches that a letter and what stands before a name take in a legend


def look(number: int) -> dict[str, Any]:
    """Return the colour and the marker of a picture's series number 0, 1, ..."""
    color, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
    return {"color": color, "marker": marker, "markersize": DOT, "linewidth": LINE}


def scale(count: int) -> list[Any]:
    """Return colours for so many values of one quantity, in order, from dark to light."""
    from matplotlib import colormaps  # takes a second to load, which a plan or an error should not pay

    return list(colormaps["viridis"](np.linspace(0.0, 0.88, count)))


def panels(
    figure: "Figure",
    rows: int,
    columns: int,
    size: tuple[float, float] = (2.9, 2.6),
    left: float = LEFT,
    gaps: tuple[float, float] = GAPS,
    **shared: Any,
) -> Any:
    """Return a grid of panels, an array [rows, columns], that are at least so wide and so high, in inches.

    A panel keeps its size from then on. `shared` is what matplotlib's `subplots` is told beside.
    """
    across, down = gaps
    width = max(WIDTH, left + RIGHT + columns * size[0] + (columns - 1) * across)
    height = TOP + BOTTOM + rows * size[1] + (rows - 1) * down
    panel = (width - left - RIGHT - (columns - 1) * across) / columns
    figure.set_size_inches(width, height)
    sides = left / width, BOTTOM / height, 1 - RIGHT / width, 1 - TOP / height
    figure.subplots_adjust(*sides, across / panel, down / size[1])
    grid: Any = figure.subplots(rows, columns, squeeze=False, **shared)
    for axes in grid.flat:
        axes.tick_params(labelsize=SMALL)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    return grid


def one_panel(figure: "Figure") -> "Axes":
    """Return the panel of a picture that has one."""
    axes: Axes = panels(figure, 1, 1, (WIDTH - LEFT - RIGHT, 3.4))[0, 0]
    return axes


def line(axes: "Axes", places: Sequence[float] | Any, found: Spread, look: Look) -> None:
    """Draw means as a line with a band, or the line alone where there is no band."""
    mean, half = found
    axes.plot(places, mean, **look)
    if np.isfinite(half).any():
        axes.fill_between(places, mean - half, mean + half, color=look["color"], alpha=BAND, linewidth=0)


def bars(axes: "Axes", places: Sequence[float] | Any, found: Spread, look: Look) -> None:
    """Draw means as a line with error bars."""
    mean, half = found
    axes.plot(places, mean, **look)
    axes.errorbar(places, mean, half, fmt="none", ecolor=look["color"], capsize=3, linewidth=1)


def level(axes: "Axes", found: Spread, look: Look) -> None:
    """Draw one mean as a horizontal line with a band, or nothing where there is no mean."""
    mean, half = map(float, found)
    if np.isfinite(mean):
        axes.axhline(mean, **look)
    if np.isfinite(half):
        axes.axhspan(mean - half, mean + half, color=look["color"], alpha=BAND, linewidth=0)


def ticks(axes: "Axes", places: Sequence[float], labels: Sequence[str]) -> None:
    """Label these places of the horizontal axis, and no others."""
    axes.set_xticks(places, labels, fontsize=SMALL)
    axes.minorticks_off()


def aside(number: int, count: int, space: float = 0.06) -> float:
    """Return how far to the side one of several points of one place stands, `space` from the next."""
    return space * (number - (count - 1) / 2)


def key(figure: "Figure", look: Look) -> None:
    """Name a look in the legend of a picture, whose panels need not hold it."""
    from matplotlib.lines import Line2D

    figure.add_artist(Line2D([], [], **look))


def finish(figure: "Figure", title: str) -> None:
    """Put a title above all panels and one legend below them, and make the room that both take."""
    named = _named(figure)
    columns = _columns(list(named), figure.get_figwidth())
    lines = [axes.get_title().count("\n") + 1 for axes in figure.axes if axes.get_title()]
    above = TITLE_LINE * (title.count("\n") + 1 + max(lines, default=0))
    _grow(figure, above, LEGEND_ROW * ceil(len(named) / columns))
    figure.suptitle(title, fontsize=LARGE, y=1 - 0.08 / figure.get_figheight(), va="top")
    if named:
        figure.legend(
            named.values(),
            named.keys(),
            loc="lower center",
            ncols=columns,
            fontsize=SMALL,
            frameon=False,
            columnspacing=1.2,
            borderaxespad=0.3,
        )


def _named(figure: "Figure") -> dict[str, Any]:
    """Return what is named in a picture, each name once."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    return named | {str(artist.get_label()): artist for artist in figure.artists}


def _columns(labels: Sequence[str], width: float) -> int:
    """Return how many columns of a legend fit into so many inches, all of about one length."""
    letters = [len(re.sub(r"\\[a-z]+", "x", label).replace("$", "")) for label in labels]
    for columns in range(len(labels), 1, -1):
        longest = [max(column) for column in np.array_split(letters, columns)]
        if sum(HANDLE + LETTER * most for most in longest) <= width:
            return ceil(len(labels) / ceil(len(labels) / columns))
    return 1


def _grow(figure: "Figure", above: float, below: float) -> None:
    """Add inches above and below all panels, which keep their size."""
    old, sides = figure.get_figheight(), figure.subplotpars
    new = old + above + below
    figure.set_figheight(new)
    figure.subplots_adjust(bottom=(sides.bottom * old + below) / new, top=(sides.top * old + below) / new)
