import math

import numpy as np
import pytest
from matplotlib.patches import Polygon, Rectangle

from common.claims.results import Results
from common.experiment import Job, Metrics, Replicates, Tier
from common.report.figures import draw, picture
from common.run.record import Record
from papers.plasticity.figures import PLOTS, drawings
from papers.plasticity.figures.accuracies import biased_epochs
from papers.plasticity.figures.learning_curves import keeping_first
from papers.plasticity.procedures import TRAINING
from papers.plasticity.reproduce import PACKAGE
from tests.conftest import study_of

SEEDS = 3
EXPERIMENTS = {e.name: e for e in PACKAGE.experiments}
PLOT = {plot.name: plot for plot in PLOTS}
LACKING = {"test_accuracy": "too little", "longer_test_accuracy": "too little"}


def accuracy(cell, seed):
    """Return a number that differs with the arm and the seed."""
    arm = 0.02 * cell.stages + 3 * cell.rate + cell.pretraining_rate + 0.03 * cell.uniform + 0.05 * (cell.gamma or 0)
    size = sum(number for _, number in cell.setting.model.arguments)
    groups = 0.004 * len(cell.reset) + 0.003 * sum(map(int, cell.reset)) - 0.0001 * cell.pretraining
    return 0.4 + arm + groups + 1e-4 * size + 0.01 * seed * seed


def curve(cell, seed, epochs):
    return accuracy(cell, seed) * (1 - np.exp(-np.arange(1, epochs + 1) / 9))


def before(cell, seed):
    return accuracy(cell, seed) - 0.2 + 0.001 * np.arange(cell.stages * cell.pretraining)


def record(cell, seed):
    found = {"test_accuracy": accuracy(cell, seed)}
    if cell.extra:
        found["longer_test_accuracy"] = accuracy(cell, seed) + 0.001 * cell.extra
    epochs = cell.setting.epochs + cell.extra
    curves = {"test_accuracy": curve(cell, seed, epochs).tolist()}
    if cell.stages:
        curves["pretraining_test_accuracy"] = before(cell, seed).tolist()
    return Record(Metrics(found, curves), 1.0, {})


def withhold(found, cell, *seeds):
    """Make the given runs of an arm ones that learnt too little."""
    for seed in seeds:
        job = Job(TRAINING, cell, seed)
        found.records[job] = Record(Metrics({}, found.records[job].metrics.curves, None, LACKING), 1.0, {})


def results(*names, seeds=SEEDS, tier=Tier.SMOKE):
    replicates = Replicates(0, seeds)
    jobs = [job for name in names for job in EXPERIMENTS[name].jobs(tier, replicates)]
    records = {job: record(job.cell, job.seed) for job in jobs}
    return Results(study_of(*(EXPERIMENTS[name] for name in names), tier=tier, replicates=replicates), records)


def cells(name, tier=Tier.SMOKE):
    """Return the cells of an experiment: its controls, and its other arms."""
    every = EXPERIMENTS[name].grid(tier).cells
    return [cell for cell in every if not cell.stages], [cell for cell in every if cell.stages]


def axes_of(name, found=None, tier=Tier.SMOKE):
    """Return the one panel of a figure and its lines, by label."""
    plot = PLOT[name]
    (axes,) = picture(plot, found or results(*plot.experiments, tier=tier)).axes
    lines = {line.get_label(): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}
    return axes, lines


def mean(cell, seeds=range(SEEDS), extra=0):
    return np.mean([accuracy(cell, seed) for seed in seeds]) + 0.001 * extra


def spread(cell, seeds=range(SEEDS)):
    return np.std([accuracy(cell, seed) for seed in seeds], ddof=1)


def bars(axes):
    """Return the lower and upper ends of the error bars of a picture with one series, [points, 2]."""
    segments = axes.containers[0].lines[2][0].get_segments()
    return np.array([segment[:, 1] for segment in segments if len(segment)])


def test_every_experiment_has_a_plot():
    assert {name for plot in PLOTS for name in plot.experiments} == set(EXPERIMENTS)
    assert len(PLOT) == len(PLOTS)


def test_complete_records_give_one_picture_a_figure(tmp_path):
    paths = draw(drawings(results(*EXPERIMENTS)), tmp_path)
    assert sorted(path.name for path in paths) == sorted(f"{name}.png" for name in PLOT)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_missing_record_leaves_its_figures_out(name, tmp_path):
    found = results(name)
    found.records.pop(EXPERIMENTS[name].jobs(Tier.SMOKE, found.study.replicates)[-1])
    assert draw(drawings(found), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_experiments_that_were_not_asked_for_are_left_out(tmp_path):
    assert [path.name for path in draw(drawings(results("fig6")), tmp_path)] == ["fig6.png", "fig11.png"]


@pytest.mark.parametrize(
    ("gamma", "epochs"),
    [(0.1, 4.3), (0.3, 8.3), (0.5, 14.4), (0.7, 28.0), (0.8, 44.8), (0.9, 94.4), (0.95, 180.0), (0.99, 393.0)],
)
def test_biased_epochs_are_those_of_the_closed_form(gamma, epochs):
    assert biased_epochs(gamma, 500) == pytest.approx(epochs, abs=0.05)
    shares = [gamma ** (50 * (n + 0.5) / 10_000) for n in range(10_000)]
    assert biased_epochs(gamma, 500) == pytest.approx(500 * np.mean(shares), rel=1e-3)
    assert biased_epochs(gamma, 100) == pytest.approx(biased_epochs(gamma, 500) / 5)


def test_without_a_transition_no_epoch_is_biased():
    assert biased_epochs(0.0, 500) == 0.0


def test_learning_curves_go_through_all_stages_and_the_averaged_epochs_are_marked():
    axes, lines = axes_of("fig1")
    (control,), (warm,) = cells("fig1")
    setting = control.setting
    own = np.mean([curve(control, seed, setting.epochs + control.extra) for seed in range(SEEDS)], axis=0)
    assert lines["scratch"].get_xdata().tolist() == list(range(1, setting.epochs + 1))
    assert lines["scratch"].get_ydata() == pytest.approx(own[: setting.epochs])
    further = lines["scratch, equal updates"]
    assert further.get_xdata().tolist() == list(range(setting.epochs, setting.epochs + control.extra + 1))
    assert further.get_ydata() == pytest.approx(own[setting.epochs - 1 :])
    line = lines["warm start"]
    longest = setting.epochs + control.extra
    assert line.get_xdata().tolist() == list(range(1 - setting.pretraining, longest + 1))
    stages = [np.hstack([before(warm, seed), curve(warm, seed, longest)]) for seed in range(SEEDS)]
    assert line.get_ydata() == pytest.approx(np.mean(stages, axis=0))
    band = axes.collections[2].get_paths()[0].vertices
    at_end = band[band[:, 0] == longest, 1]
    half = np.std(stages, axis=0, ddof=1)[-1]
    assert (at_end.min(), at_end.max()) == pytest.approx((line.get_ydata()[-1] - half, line.get_ydata()[-1] + half))
    boxes = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
    ends = (setting.epochs + 0.5, longest + 0.5)
    assert [(box.x0, box.x1) for box in boxes] == [pytest.approx((end - setting.averaged, end)) for end in ends]


@pytest.mark.parametrize("name", ["fig2", "fig8", "fig9", "fig10"])
@pytest.mark.parametrize("tier", Tier)
def test_accuracy_is_drawn_against_the_length_of_pretraining(name, tier):
    axes, lines = axes_of(name, tier=tier)
    (control,), warm = cells(name, tier)
    line = lines["warm start"]
    assert line.get_xdata().tolist() == [0, *(cell.pretraining for cell in warm)]
    assert line.get_ydata() == pytest.approx([mean(cell) for cell in (control, *warm)])
    wanted = [(mean(cell) - spread(cell), mean(cell) + spread(cell)) for cell in (control, *warm)]
    assert bars(axes) == pytest.approx(np.array(wanted))
    assert axes.get_xscale() == "symlog"
    plain, equal = lines["scratch"], lines["scratch, updates of the longest"]
    assert plain.get_ydata() == pytest.approx(2 * [mean(control)])
    assert equal.get_ydata() == pytest.approx(2 * [mean(control, extra=control.extra)])
    spans = [patch for patch in axes.patches if isinstance(patch, Rectangle | Polygon)]
    for span, line in zip(spans, (plain, equal), strict=True):
        extent, middle = span.get_extents().transformed(axes.transData.inverted()), line.get_ydata()[0]
        assert (extent.y0, extent.y1) == pytest.approx((middle - spread(control), middle + spread(control)))


def test_a_smooth_transition_is_drawn_against_its_biased_epochs():
    axes, lines = axes_of("fig3", tier=Tier.FULL)
    arms = EXPERIMENTS["fig3"].full.cells
    line = lines["smooth transition"]
    assert line.get_xdata() == pytest.approx([0, 4.3, 8.3, 14.4, 28.0, 44.8, 94.4, 180.0], abs=0.05)
    assert line.get_ydata() == pytest.approx([mean(cell) for cell in arms])
    assert lines["scratch"].get_ydata() == pytest.approx(2 * [mean(arms[0])])
    assert [text.get_text() for text in axes.get_xticklabels()][1] == "4.3\n0.1"


@pytest.mark.parametrize(("name", "shares"), [("fig4_left", [1.0]), ("fig4_right", [0.0, 1.0])])
def test_accuracy_is_drawn_against_the_number_of_stages(name, shares):
    _, lines = axes_of(name)
    controls, arms = cells(name)
    assert list(lines)[: len(shares)] == [f"r = {share:g}" for share in shares]
    for share in shares:
        line, own = lines[f"r = {share:g}"], [cell for cell in arms if cell.uniform == share]
        assert line.get_xdata() == pytest.approx([0, *(cell.stages for cell in own)], abs=0.2)
        assert line.get_ydata() == pytest.approx([mean(controls[0]), *(mean(cell) for cell in own)])
    equal = lines["scratch, equal updates"]
    paid = [2 * control.extra / arms[0].pretraining for control in controls]
    assert equal.get_xdata().tolist() == paid == [max(cell.stages for cell in arms)]
    assert equal.get_ydata() == pytest.approx([mean(cell, extra=cell.extra) for cell in controls])


@pytest.mark.parametrize("tier", Tier)
def test_all_widths_and_depths_share_one_picture(tier):
    axes, lines = axes_of("fig5", tier=tier)
    controls, arms = cells("fig5", tier)
    assert lines["scratch"].get_ydata() == pytest.approx([mean(cell) for cell in controls])
    assert lines["scratch, equal updates"].get_ydata() == pytest.approx([mean(c, extra=c.extra) for c in controls])
    assert lines["warm start"].get_ydata() == pytest.approx([mean(cell) for cell in arms])
    assert np.round(lines["warm start"].get_xdata()).tolist() == list(range(len(arms)))
    sizes = [dict(cell.setting.model.arguments) for cell in arms]
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == [f"{size['width']}\n{size['depth']}" for size in sizes]


@pytest.mark.parametrize("tier", Tier)
def test_all_optimizers_share_one_picture(tier):
    axes, lines = axes_of("optimizers", tier=tier)
    controls, arms = cells("optimizers", tier)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["adam", "rmsprop", "sgd", "momentum"]
    assert [cell.optimizer for cell in controls] == ["adam", "rmsprop", "sgd", "momentum"]
    assert lines["scratch"].get_ydata() == pytest.approx([mean(cell) for cell in controls])
    assert lines["scratch, equal updates"].get_ydata() == pytest.approx([mean(c, extra=c.extra) for c in controls])
    assert lines["warm start"].get_ydata() == pytest.approx([mean(cell) for cell in arms])


def test_every_subset_of_groups_has_a_point():
    axes, lines = axes_of("fig6")
    (control,), arms = cells("fig6")
    points = lines["pretrained, then partly drawn anew"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["none", "1", "2", "3", "1-2", "2-3", "all"]
    assert points.get_ydata() == pytest.approx([mean(cell) for cell in arms])
    assert lines["scratch"].get_ydata() == pytest.approx(2 * [mean(control)])
    assert lines["scratch, equal updates"].get_ydata() == pytest.approx(2 * [mean(control, extra=control.extra)])


@pytest.mark.parametrize("tier", Tier)
def test_rates_are_compared_with_scratch_at_the_same_rate(tier):
    axes, lines = axes_of("fig7", tier=tier)
    controls, arms = cells("fig7", tier)
    rates = [cell.rate for cell in controls]
    line = lines["scratch at the tuning rate"]
    assert line.get_xdata().tolist() == rates
    assert line.get_ydata() == pytest.approx([mean(cell) for cell in controls])
    assert lines["scratch at its best rate"].get_ydata() == pytest.approx(2 * [max(mean(c) for c in controls)])
    assert ("scratch, equal updates" in lines) == any(cell.extra for cell in controls)
    for before_tuning in {cell.pretraining_rate for cell in arms}:
        points = lines[f"pretrained at {before_tuning:g}"]
        own = [cell for cell in arms if cell.pretraining_rate == before_tuning]
        assert points.get_xdata() == pytest.approx(rates, rel=0.15)
        assert points.get_ydata() == pytest.approx([mean(cell) for cell in own])
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize(
    ("tier", "resets"), [(Tier.SMOKE, ["3", "23", "123"]), (Tier.FULL, ["3456", "23456", "123456"])]
)
def test_learning_curves_show_what_keeps_the_first_groups(tier, resets):
    (control,), arms = cells("fig6", tier)
    warm, *others = keeping_first(arms)
    assert (warm.reset, [cell.reset for cell in others]) == ("", resets)
    _, lines = axes_of("fig11", tier=tier)
    labels = ("first 2 groups kept", "first group kept", "no group kept", "warm start, all kept", "scratch")
    epochs = control.setting.epochs
    for label, cell in zip(labels, (*others, warm, control), strict=True):
        wanted = np.mean([curve(cell, seed, epochs) for seed in range(SEEDS)], axis=0)
        assert lines[label].get_xdata().tolist() == list(range(1, epochs + 1))
        assert lines[label].get_ydata() == pytest.approx(wanted)
    assert set(lines) == {*labels, "target"}
    assert lines["target"].get_ydata() == pytest.approx(2 * [control.setting.target])


def test_withheld_runs_are_left_out_and_counted():
    found = results("fig2")
    (control,), warm = cells("fig2")
    withhold(found, warm[0], 2)
    withhold(found, warm[1], *range(SEEDS))
    axes, lines = axes_of("fig2", found)
    assert axes.figure.get_suptitle().endswith("seeds 0 to 2, 4 withheld and left out")
    values = lines["warm start"].get_ydata()
    assert values[[0, 1, 3]] == pytest.approx([mean(control), mean(warm[0], (0, 1)), mean(warm[2])])
    assert math.isnan(values[2])
    assert bars(axes)[1] == pytest.approx(mean(warm[0], (0, 1)) + spread(warm[0], (0, 1)) * np.array([-1, 1]))


def test_a_withheld_run_is_left_out_of_learning_curves_too():
    found = results("fig1")
    _, (warm,) = cells("fig1")
    withhold(found, warm, 1)
    axes, lines = axes_of("fig1", found)
    assert axes.figure.get_suptitle().endswith("seeds 0 to 2, 1 withheld and left out")
    wanted = np.mean([curve(warm, seed, warm.setting.epochs + warm.extra) for seed in (0, 2)], axis=0)
    assert lines["warm start"].get_ydata()[warm.pretraining :] == pytest.approx(wanted)


def test_only_the_runs_that_a_picture_shows_are_counted():
    found = results("fig6")
    _, arms = cells("fig6")
    withhold(found, next(cell for cell in arms if cell.reset == "2"), 0)
    assert axes_of("fig6", found)[0].figure.get_suptitle().endswith("seeds 0 to 2, 1 withheld and left out")
    assert axes_of("fig11", found)[0].figure.get_suptitle().endswith("seeds 0 to 2")


def test_nothing_is_said_of_withheld_runs_where_there_are_none():
    assert axes_of("fig7")[0].figure.get_suptitle().endswith("seeds 0 to 2")


def test_figures_are_drawn_where_all_runs_are_withheld_and_with_one_seed(tmp_path):
    found = results(*EXPERIMENTS, seeds=1)
    assert len(draw(drawings(found), tmp_path)) == len(PLOTS)
    for job in list(found.records):
        withhold(found, job.cell, job.seed)
    assert len(draw(drawings(found), tmp_path)) == len(PLOTS)


def test_the_title_says_what_was_run():
    figure = picture(PLOT["fig5"], results("fig5"))
    assert figure.get_suptitle() == "Fig. 5\ntemplates, smoke, seeds 0 to 2"
    assert picture(PLOT["fig2"], results("fig2", seeds=1)).get_suptitle().endswith("mlp, smoke, seed 0")


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
@pytest.mark.parametrize("tier", Tier)
def test_no_two_series_of_a_picture_have_the_same_name_or_look(plot, tier):
    axes, lines = axes_of(plot.name, tier=tier)
    labels = axes.get_legend_handles_labels()[1]
    assert len(set(labels)) == len(labels)
    looks = {(str(line.get_color()), line.get_linestyle(), line.get_marker()) for line in lines.values()}
    assert len(looks) == len(lines)


def test_lengths_are_those_that_the_cells_are_trained_for():
    shorter = EXPERIMENTS["fig2"].at_scale(0.5)
    jobs = shorter.jobs(Tier.SMOKE, Replicates(0, SEEDS))
    records = {job: record(job.trained.cell, job.seed) for job in jobs}
    _, lines = axes_of("fig2", Results(study_of(shorter, replicates=Replicates(0, SEEDS)), records))
    cells = dict.fromkeys(job.trained.cell for job in jobs)
    assert lines["warm start"].get_xdata().tolist() == [cell.pretraining for cell in cells]
