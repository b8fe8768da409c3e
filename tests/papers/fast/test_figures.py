import math

import numpy as np
import pytest

from common.claims.results import Results
from common.experiment import Job, Metrics, Replicates, Tier
from common.report.arms import mean_and_interval
from common.report.figures import draw, picture
from common.run.record import Record
from papers.fast.figures import FIGURES, drawings, plot, series
from papers.fast.figures.curves import styles
from papers.fast.procedures import FINE_TUNING
from papers.fast.reproduce import EXPERIMENTS
from papers.fast.settings import (
    FAN_IN,
    FAN_OUT,
    GRATINGS,
    NEARLY_ZERO,
    OTHER_DIGITS,
    ROTATED,
    ROTATED_PLAIN,
    SAME,
    WARM_UP_PLAIN,
    ZERO,
    Cell,
    spread,
)
from tests.conftest import study_of

CHECKPOINTS = (0, 1, 2, 3, 5, 8, 13)
SEEDS = 3
TRAINED = {e.name: e for e in EXPERIMENTS if e.procedure is FINE_TUNING}
FIGURE = {figure.name: figure for figure in FIGURES}


def curve(name, cell, seed):
    """Return numbers that differ with the curve, the arm, the seed and the point."""
    points = np.arange(14 if name == "validation_accuracy" else len(CHECKPOINTS))
    base = {"target_adp": 0.1, "source_adp": 0.2, "norm": 1.5, "validation_accuracy": 0.3}[name]
    start = {"zero": 0.0, "fan_in": 0.03, "fan_out": 0.04}.get(cell.start.kind)
    base += 0.05 - 0.001 * math.log10(cell.start.spread) if start is None else start
    found = base + cell.alpha + 2 * cell.beta + 0.01 * seed * seed + 0.02 * points
    if name == "norm" and cell.start == ZERO:
        found[0] = 0.0
    return found


def record(cell, seed, without=()):
    curves = {"checkpoints": CHECKPOINTS, "validations": tuple(range(14))}
    for name in ("target_adp", "source_adp", "norm", "validation_accuracy"):
        if name not in without:
            curves[name] = curve(name, cell, seed).tolist()
    scalars = {} if cell.warm_up == "none" else {"switched_at": 4.0 + seed + 100 * cell.alpha}
    return Record(Metrics(scalars, curves), 1.0, {})


def results(*names, seeds=SEEDS, **fields):
    replicates = Replicates(0, seeds)
    jobs = [job for name in names for job in TRAINED[name].jobs(Tier.SMOKE, replicates)]
    records = {job: record(job.cell, job.seed, **fields) for job in jobs}
    return Results(study_of(*(TRAINED[name] for name in names), replicates=replicates), records)


def drawn(name, setting, **fields):
    figure = FIGURE[name]
    return picture(plot(figure, setting.name), results(figure.experiment, **fields))


def lines(axes):
    """Return the labelled lines of some axes; the marks of a switch have no label."""
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


def mean(name, cell):
    return np.mean([curve(name, cell, seed) for seed in range(SEEDS)], axis=0)


def test_every_experiment_that_trains_has_a_plot():
    assert {figure.experiment for figure in FIGURES} == set(TRAINED)
    assert len(FIGURE) == len(FIGURES)


def test_complete_records_give_one_picture_a_figure_and_setting(tmp_path):
    paths = draw(drawings(results(*TRAINED)), tmp_path)
    assert [path.name for path in paths] == [
        "fig3-same.png",
        "fig4-same.png",
        "fig5-gratings.png",
        "fig5-rotated.png",
        "fig6-rotated.png",
        "fig6-same.png",
        "fig7-rotated-warm-up.png",
        "fig7-rotated-plain-warm-up.png",
        "fig8-rotated.png",
        "fig9-rotated-plain.png",
        "equal_rates-rotated.png",
        "search-rotated.png",
        "fig10-rotated.png",
        "fig10-5-9.png",
        "fig11-rotated.png",
        "fig11-5-9.png",
        "fig12-5-9.png",
        "fig13-5-9.png",
        "note20-rotated.png",
        "fig14-rotated.png",
        "fig15-5-9.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


@pytest.mark.parametrize("name", TRAINED)
def test_a_missing_record_leaves_its_figures_out(name, tmp_path):
    found = results(name)
    found.records.pop(TRAINED[name].jobs(Tier.SMOKE, found.study.replicates)[-1])
    assert draw(drawings(found), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_experiments_that_were_not_asked_for_are_left_out(tmp_path):
    assert [path.name for path in draw(drawings(results("note20")), tmp_path)] == ["note20-rotated.png"]


def test_starts_are_compared_on_both_tasks_over_one_axis_of_updates():
    figure = drawn("fig3", SAME)
    target, source = figure.axes
    cells = [Cell(SAME, start, 0.01, 0.01) for start in (spread(1.0), NEARLY_ZERO, ZERO, FAN_IN)]
    for axes, name in ((target, "target_adp"), (source, "source_adp")):
        found = lines(axes)
        assert list(found) == ["N(0, 1)", "N(0, 0.1)", "N(0, 0.01)", "N(0, 1e-8)", "zero", "Kaiming fan-in"]
        for label, cell in zip(("N(0, 1)", "N(0, 1e-8)", "zero", "Kaiming fan-in"), cells, strict=True):
            assert found[label].get_xdata().tolist() == list(CHECKPOINTS)
            assert found[label].get_ydata() == pytest.approx(mean(name, cell))
    assert target.get_shared_x_axes().joined(target, source)
    assert source.xaxis.get_transform().transform(5.0) == pytest.approx(math.log(6.0))
    assert figure.get_suptitle() == "Figs. 3 and 4\nsame, smoke, seeds 0 to 2"


def test_the_band_surrounds_the_mean():
    axes = drawn("fig6", ROTATED).axes[0]
    cell = Cell(ROTATED, spread(1e-2), 0.0, 0.01)
    middle, band = mean_and_interval(np.array([curve("target_adp", cell, seed) for seed in range(SEEDS)]))
    edges = axes.collections[0].get_paths()[0].vertices
    for step, low, high in zip(CHECKPOINTS, middle - band, middle + band, strict=True):
        at_step = edges[edges[:, 0] == step, 1]
        assert (at_step.min(), at_step.max()) == pytest.approx((low, high))


def test_a_band_does_not_stretch_an_accuracy_beyond_what_is_possible():
    found = results("note20")
    assert picture(plot(FIGURE["note20"], ROTATED.name), found).axes[0].get_ylim()[1] < 0.5
    job = Job(FINE_TUNING, Cell(ROTATED, FAN_IN, 0.01, 0.01), 0)
    found.records[job].metrics.curves["target_adp"][:] = [9.0] * len(CHECKPOINTS)
    assert picture(plot(FIGURE["note20"], ROTATED.name), found).axes[0].get_ylim() == (-0.03, 1.03)


def test_the_logarithm_of_a_norm_of_zero_is_left_out():
    (axes,) = drawn("fig4", SAME).axes
    found = lines(axes)
    for label, start in (("zero", ZERO), ("N(0, 1)", spread(1.0))):
        norms = np.array([curve("norm", Cell(SAME, start, 0.01, 0.01), seed) for seed in range(SEEDS)])
        assert found[label].get_ydata()[1:] == pytest.approx(np.log(norms[:, 1:]).mean(axis=0))
    assert math.isnan(found["zero"].get_ydata()[0])
    assert math.isfinite(found["N(0, 1)"].get_ydata()[0])


def test_a_warm_up_is_shown_for_the_first_seed_with_a_mark_where_it_ends():
    figure = drawn("fig7", WARM_UP_PLAIN)
    cell = Cell(WARM_UP_PLAIN, NEARLY_ZERO, 0.05, 0.05, warm_up="updating")
    label = r"N(0, 1e-8), statistics updated, $\alpha$ = $\beta$ = 0.05"
    for axes, name in zip(figure.axes, ("validation_accuracy", "target_adp"), strict=True):
        found = lines(axes)
        assert len(found) == 3
        assert found[label].get_ydata().tolist() == curve(name, cell, 0).tolist()
        marks = {line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == ":"}
        assert sorted(marks) == pytest.approx([4.5, 9.0])  # alpha = 0.005 and 0.05; no mark without warm-up
        assert len(axes.collections) == 0
    assert lines(figure.axes[0])[label].get_xdata().tolist() == list(range(14))
    assert figure.get_suptitle().endswith("seed 0")


@pytest.mark.parametrize(
    ("name", "setting", "high", "low"), [("fig8", ROTATED, 0.1, 0.01), ("fig9", ROTATED_PLAIN, 0.05, 0.005)]
)
def test_the_base_stands_in_both_columns_of_scaled_rates(name, setting, high, low):
    figure = drawn(name, setting)
    both, beta_only, norm_both, norm_beta_only = figure.axes
    base, scaled, slower = (
        rf"$\alpha$ = $\beta$ = {high}",
        rf"$\alpha$ = $\beta$ = {low}",
        rf"$\alpha$ = {high}, $\beta$ = {low}",
    )
    for left, right in ((both, beta_only), (norm_both, norm_beta_only)):
        assert list(lines(left)) == [base, scaled]
        assert list(lines(right)) == [base, slower]
        assert lines(left)[base].get_color() == lines(right)[base].get_color()
    cell = Cell(setting, NEARLY_ZERO, high, low)
    assert lines(beta_only)[slower].get_ydata() == pytest.approx(mean("target_adp", cell))
    norms = np.array([curve("norm", cell, seed) for seed in range(SEEDS)])
    assert lines(norm_beta_only)[slower].get_ydata() == pytest.approx(np.log(norms).mean(axis=0))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [base, scaled, slower]


def test_fast_and_baselines_are_compared_on_both_tasks():
    target, source = drawn("fig10", OTHER_DIGITS).axes
    fast = r"FAST ($\alpha$ = 0.05, $\beta$ = 0.005)"
    assert list(lines(target)) == list(lines(source)) == [fast, "f/i 0.05", "f/i 0.01", "f/i 0.005"]
    cell = Cell(OTHER_DIGITS, FAN_IN, 0.01, 0.01)
    assert lines(target)["f/i 0.01"].get_ydata() == pytest.approx(mean("target_adp", cell))
    assert lines(source)["f/i 0.01"].get_ydata() == pytest.approx(mean("source_adp", cell))
    assert [lines(target)[label].get_linestyle() for label in (fast, "f/i 0.01")] == ["-", "--"]


def test_without_a_source_task_there_is_no_panel_of_it():
    (axes,) = drawn("fig10", ROTATED, without=("source_adp",)).axes
    assert axes.get_ylabel() == "target ADP"


def test_the_last_third_of_the_checkpoints_is_magnified():
    first, late = drawn("fig14", ROTATED).axes
    whole = mean("target_adp", Cell(ROTATED, FAN_IN, 0.05, 0.05))
    assert lines(first)["f/i 0.05"].get_xdata().tolist() == [0, 1, 2, 3, 5]
    assert lines(late)["f/i 0.05"].get_xdata().tolist() == [5, 8, 13]
    assert lines(first)["f/i 0.05"].get_ydata() == pytest.approx(whole[:5])
    assert lines(late)["f/i 0.05"].get_ydata() == pytest.approx(whole[4:])
    assert first.get_position().width > 1.8 * late.get_position().width
    assert np.ptp(late.get_ylim()) < np.ptp(first.get_ylim())


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
@pytest.mark.parametrize("tier", Tier)
def test_no_two_arms_of_a_picture_have_the_same_name_or_look(figure, tier):
    cells = TRAINED[figure.experiment].grid(tier).cells
    for setting in {cell.setting for cell in cells}:
        own = [cell for cell in cells if cell.setting == setting]
        assert len({figure.series(cell) for cell in own}) == len(own)
        looks = styles(own, figure.ordered)
        assert len({(str(look["color"]), look["linestyle"]) for look in looks}) == len(own)


@pytest.mark.parametrize(
    ("name", "cell", "label"),
    [
        (series.start, Cell(GRATINGS, FAN_OUT, 0.01, 0.01), "Kaiming fan-out"),
        (
            series.frozen_or_free,
            Cell(SAME, spread(1.0), 0.0, 0.01),
            r"$\alpha$ = 0, $\beta$ = 0.01, W(0) from N(0, 1)",
        ),
        (series.warm_up, Cell(SAME, NEARLY_ZERO, 0.01, 0.01), r"N(0, 1e-8), no warm-up, $\alpha$ = $\beta$ = 0.01"),
        (series.arm, Cell(SAME, FAN_OUT, 0.01, 0.01), "f/o 0.01"),
        (series.optimizer, Cell(SAME, ZERO, 5e-3, 5e-4, "radam"), r"RAdam ($\alpha$ = 0.005, $\beta$ = 0.0005)"),
    ],
)
def test_series_are_named_by_the_fields_of_their_cell(name, cell, label):
    assert name(cell) == label


def test_a_record_is_looked_up_by_its_own_seed():
    found = results("note20")
    job = Job(FINE_TUNING, Cell(ROTATED, FAN_IN, 0.01, 0.01), 2)
    found.records[job] = record(job.cell, 5)
    (target, _) = picture(plot(FIGURE["note20"], ROTATED.name), found).axes
    expected = np.mean([curve("target_adp", job.cell, seed) for seed in (0, 1, 5)], axis=0)
    assert lines(target)["f/i 0.01"].get_ydata() == pytest.approx(expected)
