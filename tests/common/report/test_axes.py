import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from common.report.axes import MARKERS, PALETTE, bars, finish, key, level, line, look, one_panel, panels, scale


def size(figure, axes):
    """Return how wide and how high a panel is, in inches."""
    place = axes.get_position()
    return place.width * figure.get_figwidth(), place.height * figure.get_figheight()


def names(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_series_have_different_colours_and_markers():
    looks = [look(i) for i in range(len(PALETTE))]
    assert [own["color"] for own in looks] == list(PALETTE)
    assert "".join(own["marker"] for own in looks) == MARKERS
    assert look(len(PALETTE)) == look(0)


def test_a_scale_goes_from_dark_to_light():
    brightness = [sum(colour[:3]) for colour in scale(5)]
    assert brightness == sorted(brightness)
    assert scale(0) == []


def test_panels_have_the_size_asked_for_and_keep_it():
    figure = Figure()
    grid = panels(figure, 2, 3, (2.9, 2.0), gaps=(0.8, 0.9))
    for axes in grid.flat:
        assert size(figure, axes) == pytest.approx((2.9, 2.0))
        axes.plot([0, 1], label="a")
        axes.set_title("b")
    finish(figure, "c\nd")
    assert [size(figure, axes) for axes in grid.flat] == [pytest.approx((2.9, 2.0))] * 6
    below = grid[0, 0].get_position().y0 - grid[1, 0].get_position().y1
    assert below * figure.get_figheight() == pytest.approx(0.9)


def test_panels_fill_a_picture_of_the_least_width():
    figure = Figure()
    (axes,) = panels(figure, 1, 1).flat
    assert figure.get_figwidth() == 6.4
    assert size(figure, axes) == pytest.approx((5.4, 2.6))


@pytest.mark.parametrize("title", ["one line", "first line\nsecond line"])
@pytest.mark.parametrize("above", ["", "panel", "panel\nof two lines"])
@pytest.mark.parametrize("labels", [0, 1, 7, 30])
def test_title_panels_and_legend_do_not_overlap(title, above, labels):
    figure = Figure()
    axes = one_panel(figure)
    axes.set_xlabel("below")
    axes.set_xticks([0, 1], ["first\n0.1", "second\n0.2"], fontsize="small")
    axes.set_title(above, fontsize="medium")
    for i in range(labels):
        axes.plot([0, 1], [0, i], label=f"series {i}")
    finish(figure, title)
    top = figure.get_window_extent()
    over = figure._suptitle.get_window_extent()
    assert over.y1 < top.y1
    assert axes.get_tightbbox().y1 < over.y0
    if labels:
        legend = figure.legends[0].get_window_extent()
        assert legend.y1 < axes.get_tightbbox().y0 + 1
        assert top.y0 <= legend.y0
        assert top.x0 <= legend.x0 < legend.x1 <= top.x1
    else:
        assert figure.legends == []


@pytest.mark.parametrize(
    "label",
    ["a", r"$\alpha$ = $\beta$ = 0.01, W(0) from N(0, 0.01)", "a name of a series that is about as long as any"],
)
@pytest.mark.parametrize("labels", [1, 2, 5, 12])
def test_a_legend_fits_into_its_picture(label, labels):
    figure = Figure()
    axes = one_panel(figure)
    for i in range(labels):
        axes.plot([0, 1], [0, i], label=f"{label} {i}")
    finish(figure, "title")
    whole, legend = figure.get_window_extent(), figure.legends[0].get_window_extent()
    assert whole.x0 <= legend.x0 < legend.x1 <= whole.x1


def test_a_legend_names_everything_once_and_what_no_panel_holds():
    figure = Figure()
    for axes in panels(figure, 1, 2).flat:
        axes.plot([0, 1], label="a")
        axes.plot([0, 1], label="b")
    key(figure, {"label": "c", "color": PALETTE[0]})
    finish(figure, "title")
    assert sorted(names(figure)) == ["a", "b", "c"]


def test_letters_have_at_least_eight_points():
    figure = Figure()
    axes = one_panel(figure)
    axes.plot([0, 1], label="a")
    axes.set_xlabel("b")
    finish(figure, "title")
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) >= 8


SPREAD = (np.array([1.0, 2.0]), np.array([0.5, 0.25]))
LOOK = {"color": PALETTE[0], "label": "a"}


def test_a_band_reaches_as_far_as_it_should():
    axes = one_panel(Figure())
    line(axes, [3, 4], SPREAD, LOOK)
    assert axes.get_lines()[0].get_xydata().tolist() == [[3.0, 1.0], [4.0, 2.0]]
    edges = axes.collections[0].get_paths()[0].vertices
    assert {(x, y) for x, y in edges.tolist()} == {(3.0, 0.5), (3.0, 1.5), (4.0, 1.75), (4.0, 2.25)}


def test_error_bars_reach_as_far_as_they_should():
    axes = one_panel(Figure())
    bars(axes, [3, 4], SPREAD, LOOK)
    segments = axes.containers[0].lines[2][0].get_segments()
    assert [segment.tolist() for segment in segments] == [[[3.0, 0.5], [3.0, 1.5]], [[4.0, 1.75], [4.0, 2.25]]]


def test_a_level_has_a_line_and_a_band():
    axes = one_panel(Figure())
    level(axes, (np.float64(1.0), np.float64(0.25)), LOOK)
    assert list(axes.get_lines()[0].get_ydata()) == [1.0, 1.0]
    extent = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (extent.y0, extent.y1) == pytest.approx((0.75, 1.25))


def test_where_there_is_no_mean_or_no_band_none_is_drawn():
    axes = one_panel(Figure())
    level(axes, (math.nan, math.nan), LOOK)
    assert (len(axes.get_lines()), len(axes.patches)) == (0, 0)
    level(axes, (1.0, math.nan), LOOK)
    assert (len(axes.get_lines()), len(axes.patches)) == (1, 0)
    line(axes, [3, 4], (SPREAD[0], np.full(2, math.nan)), LOOK)
    assert len(axes.collections) == 0
