import numpy as np
import pytest

from common.claims.results import Results
from common.experiment import Metrics, Replicates, Tier
from common.report.figures import draw, picture
from common.run.record import Record
from papers.freezenet.figures import PLOTS, drawings
from papers.freezenet.reproduce import EXPERIMENTS
from tests.conftest import study_of

SHOWN = {e.name: e for e in EXPERIMENTS if e.name in {plot.name for plot in PLOTS}}
SCALARS = {plot.metric for plot in PLOTS if plot.metric}
CURVES = ("gradient_mean", "gradient_std", "validation_accuracy")
PLOT = {plot.name: plot for plot in PLOTS}


def results(*names):
    replicates = Replicates(0, 2)
    jobs = [job for name in names for job in SHOWN[name].jobs(Tier.SMOKE, replicates)]
    records = {}
    for number, job in enumerate(jobs):
        scalars = dict.fromkeys(SCALARS, 0.5 + 0.001 * number) | {"q_beta": 0.9}
        records[job] = Record(Metrics(scalars, {key: [0.1, 0.2 + 0.001 * number] for key in CURVES}), 1.0, {})
    return Results(study_of(*(SHOWN[name] for name in names), replicates=replicates), records)


def test_complete_records_give_one_picture_a_figure(tmp_path):
    paths = draw(drawings(results(*SHOWN)), tmp_path)
    assert [path.name for path in paths] == [f"{plot.name}.png" for plot in PLOTS]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


@pytest.mark.parametrize("name", ["fig2_left", "fig4_right"])
def test_a_missing_record_leaves_its_figure_out(name, tmp_path):
    found = results(name)
    found.records.popitem()
    assert draw(drawings(found), tmp_path) == []


def axes_of(name):
    (axes,) = picture(PLOT[name], results(name)).axes
    return axes


def recorded(name, metric):
    """Return a metric of every arm of an experiment, [arms, seeds]."""
    found = results(name)
    cells = found.grid(name).cells
    return cells, np.array([[found.records[job].metrics.scalars[metric] for job in found.jobs(name, c)] for c in cells])


def test_means_are_drawn_against_the_trained_share_beside_the_baseline():
    axes = axes_of("fig_s7")
    cells, numbers = recorded("fig_s7", "test_accuracy")
    lines = {line.get_label(): line for line in axes.get_lines()}
    for method in ("baseline", "snip", "freezenet"):
        own = [i for i, cell in enumerate(cells) if cell.method == method]
        means = numbers[own].mean(axis=1)
        assert lines[method].get_ydata() == pytest.approx(means if method != "baseline" else 2 * [means[0]])
        if method != "baseline":
            assert lines[method].get_xdata() == pytest.approx([1 - cells[i].freezing_rate for i in own])
    assert lines["baseline"].get_linestyle() == "--"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.5\n0.900", "0.9\n0.900"]


def test_gradient_norms_are_relative_to_the_dense_network():
    axes = axes_of("fig4_left")
    cells, numbers = recorded("fig4_left", "gradient_norm")
    methods = np.array([cell.method for cell in cells])
    means = numbers.mean(axis=1) / numbers[methods == "baseline"].mean()
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["baseline"].get_ydata() == pytest.approx([1.0, 1.0])
    assert lines["grasp"].get_ydata() == pytest.approx(
        [m for m, c in zip(means, cells, strict=True) if c.method == "grasp"]
    )


def test_a_band_of_gradients_is_their_deviation_over_the_training_data():
    found = results("fig4_right")
    for job, record in found.records.items():
        seed = 0.001 * job.seed
        record.metrics.curves.update(gradient_mean=[0.5 + seed, 0.6 + seed], gradient_std=[0.1 + seed, 0.2 + seed])
    (axes,) = picture(PLOT["fig4_right"], found).axes
    assert axes.get_lines()[0].get_ydata() == pytest.approx([0.5005, 0.6005])
    corners = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (min(corners), max(corners)) == pytest.approx((0.4, 0.801))


def test_a_method_has_the_same_colour_in_all_pictures():
    colours = {}
    for name in ("fig2_left", "fig4_left", "fig4_right", "fig_s7"):
        for line in axes_of(name).get_lines():
            colours.setdefault(str(line.get_label()).partition(",")[0], set()).add(line.get_color())
    assert all(len(found) == 1 for found in colours.values())
    assert len({*map(tuple, colours.values())}) == len(colours)


def test_one_freezing_rate_has_error_bars_in_place_of_a_band():
    axes = axes_of("fig_s6")
    assert len(axes.containers) == 2
    assert [line.get_xdata().tolist() for line in axes.get_lines()[:1]] == [pytest.approx([0.02])]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_no_two_series_of_a_picture_look_the_same(plot):
    lines = [line for line in axes_of(plot.name).get_lines() if not str(line.get_label()).startswith("_")]
    assert len({(str(line.get_color()), line.get_linestyle()) for line in lines}) == len(lines)
