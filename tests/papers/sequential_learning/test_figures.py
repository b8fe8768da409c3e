import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from scipy.stats import spearmanr

from common.claims.results import Results
from common.experiment import Metrics, Replicates, Tier
from common.report.figures import draw, picture
from common.run.record import Record
from papers.sequential_learning.figures import PLOTS, drawings
from papers.sequential_learning.frozen_weights.figures.names import number
from papers.sequential_learning.frozen_weights.table1 import DENSE
from papers.sequential_learning.negative_pretraining.figures.swarms import colours, swarm
from papers.sequential_learning.nuisances import equal_positions, tasks_along
from papers.sequential_learning.reproduce import PACKAGE
from tests.conftest import study_of

SEEDS, EPOCHS, INTERFACES = 3, 4, 3
EXPERIMENTS = {e.name: e for e in PACKAGE.experiments}
PLOT = {plot.name: plot for plot in PLOTS}
SHOWN = sorted({name for plot in PLOT.values() for name in plot.experiments})


PLACES = {
    cell: i
    for i, cell in enumerate(
        dict.fromkeys(cell for name in SHOWN for t in Tier for cell in EXPERIMENTS[name].grid(t).cells)
    )
}


def scalar(name, cell, seed):
    """Return a number in (0, 1) that differs with the metric, the arm and the seed, in no simple order."""
    return math.modf(0.1234 * len(name) + 0.618034 * (PLACES[cell] + 1) + 0.17 * seed * seed)[0] + 0.001


def curve(name, cell, seed):
    """Return numbers that differ with the arm, the seed, the interface and the epoch."""
    if PLACES[cell] % 5 == 0:
        return np.zeros(1 + EPOCHS)
    which = int(name[-1]) if name[-1].isdigit() else 7
    return scalar(name, cell, seed) + 10.0 * which + 3.0 * which * np.arange(1 + EPOCHS) + seed


def record(name, cell, seed):
    curves = {}
    if name.startswith("frozen"):
        names = ["double_pairs", *(f"{kind}_at_{i + 1}" for kind in ("pairs", "norm") for i in range(INTERFACES))]
        curves = {own: curve(own, cell, seed).tolist() for own in names}
    scalars = {metric: scalar(metric, cell, seed) for metric in EXPERIMENTS[name].procedure.metrics}
    return Record(Metrics(scalars, curves), 1.0, {})


def results(*names, seeds=SEEDS, tier=Tier.SMOKE):
    replicates = Replicates(0, seeds)
    jobs = [(name, job) for name in names for job in EXPERIMENTS[name].jobs(tier, replicates)]
    records = {job: record(name, job.cell, job.seed) for name, job in jobs}
    return Results(study_of(*(EXPERIMENTS[name] for name in names), tier=tier, replicates=replicates), records)


@cache
def figure_of(name, tier=Tier.SMOKE):
    return picture(PLOT[name], results(*PLOT[name].experiments, tier=tier))


def cells(name, tier=Tier.SMOKE):
    return EXPERIMENTS[name].grid(tier).cells


def data_of(cell):
    """Return the data set that the setting of a cell is named after."""
    return cell.setting.name.partition("/")[0]


def of_seeds(cell, name="test_loss"):
    return [scalar(name, cell, seed) for seed in range(SEEDS)]


def mean(cell, name="test_loss"):
    return np.mean(of_seeds(cell, name))


def mean_curve(name, cell):
    return np.mean([curve(name, cell, seed) for seed in range(SEEDS)], axis=0)


def labelled(axes):
    """Return the named lines of a panel by label."""
    return {line.get_label(): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}


def ticks(axes):
    return [text.get_text() for text in axes.get_xticklabels()]


def dots(axes):
    """Return the places, the heights and the colours of every swarm of a panel, from left to right."""
    from matplotlib.collections import PathCollection

    found = [own for own in axes.collections if isinstance(own, PathCollection)]
    return [(*own.get_offsets().filled().T, own.get_facecolors()) for own in found]


def assert_swarms(axes, arms):
    """Every arm has its own values at its place, in the colours of the seeds."""
    palette = colours(SEEDS)
    assert len(dots(axes)) == len(arms)
    for i, ((x, y, shades), arm) in enumerate(zip(dots(axes), arms, strict=True)):
        assert y == pytest.approx(of_seeds(arm))
        assert np.abs(x - i).max() < 0.5
        assert shades == pytest.approx(np.array([palette[seed] for seed in range(SEEDS)]))
    low, high = axes.get_ylim()
    assert all(low < value < high for arm in arms for value in of_seeds(arm))


def test_every_experiment_that_trains_has_a_plot():
    assert {*SHOWN, "frozen_theory"} == set(EXPERIMENTS)
    assert len(PLOT) == len(PLOTS)


def test_complete_records_give_one_picture_a_figure(tmp_path):
    paths = draw(drawings(results(*SHOWN)), tmp_path)
    assert [path.name for path in paths] == [f"{name}.png" for name in PLOT]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


@pytest.mark.parametrize("name", SHOWN)
def test_a_missing_record_leaves_its_figure_out(name, tmp_path):
    (plot,) = (plot for plot in PLOT.values() if name in plot.experiments)
    found = results(*plot.experiments)
    found.records.pop(EXPERIMENTS[name].jobs(Tier.SMOKE, found.study.replicates)[-1])
    assert draw(drawings(found), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_figure_of_two_tables_needs_both(tmp_path):
    assert draw(drawings(results("frozen_table2")), tmp_path) == []


@pytest.mark.parametrize("name", PLOT)
@pytest.mark.parametrize("tier", Tier)
def test_no_letter_is_smaller_than_eight_points(name, tier):
    texts = [text for text in figure_of(name, tier).findobj(Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 8


def test_the_title_says_what_was_run():
    assert (
        figure_of("negative_fig3").get_suptitle()
        == "Negative Pretraining Effect, Fig. 3\ndigits/mlp, smoke, seeds 0 to 2"
    )
    title = figure_of("frozen_table2_3", Tier.FULL).get_suptitle()
    assert title == "Mutually Frozen Weights, Table 2 and Table 3\nfull, seeds 0 to 2"


@pytest.mark.parametrize("name", PLOT)
def test_one_seed_is_enough_and_diverged_runs_are_left_out_and_counted(name):
    found = results(*PLOT[name].experiments, seeds=1)
    assert picture(PLOT[name], found).get_suptitle().endswith("smoke, seed 0")
    for job, old in found.records.items():
        scalars = dict.fromkeys(old.metrics.scalars, math.nan)
        found.records[job] = Record(Metrics(scalars, old.metrics.curves), 1.0, {})
    title = picture(PLOT[name], found).get_suptitle()
    assert title.endswith(f"seed 0, {len(found.records)} diverged and left out")


def test_a_diverged_run_is_in_no_swarm_and_no_mean():
    found = results("negative_fig6")
    control, arm, *_ = cells("negative_fig6")
    for job, old in list(found.records.items()):
        if job.seed == 1 and job.cell in (control, arm):
            found.records[job] = Record(Metrics(dict(old.metrics.scalars) | {"test_loss": math.nan}), 1.0, {})
    (axes,) = picture(PLOT["negative_fig6"], found).axes
    assert dots(axes)[0][1] == pytest.approx([of_seeds(arm)[0], of_seeds(arm)[2]])
    assert labelled(axes)["baseline"].get_ydata()[0] == pytest.approx(np.mean(of_seeds(control)[::2]))
    palette = colours(SEEDS)
    assert dots(axes)[0][2] == pytest.approx(np.array([palette[0], palette[2]]))


def test_dots_that_are_far_apart_stay_in_the_middle():
    assert swarm(np.array([3.0, 1.0, 2.0]), 1.0).tolist() == [0.0, 0.0, 0.0]


def test_dots_at_one_height_stand_side_by_side():
    assert swarm(np.array([1.0, 1.0, 1.0]), 2.0).tolist() == [0.0, 2.0, -2.0]
    assert swarm(np.array([0.0, 3.0]), 5.0) == pytest.approx([0.0, 4.0])  # 3, 4, 5


def test_dots_never_overlap():
    heights = np.random.default_rng(0).normal(size=60)
    aside = swarm(heights, 0.3)
    distances = np.hypot(heights[:, None] - heights, aside[:, None] - aside) + np.eye(60)
    assert distances.min() >= 0.3 - 1e-6
    assert np.abs(aside).max() < 2.5


def test_dots_of_a_picture_do_not_overlap():
    found = results("negative_fig6")
    for job, old in found.records.items():
        scalars = {name: 0.5 + 1e-4 * value for name, value in old.metrics.scalars.items()}
        scalars["test_loss"] += 0.4 * (job.cell.reset == "12")
        found.records[job] = Record(Metrics(scalars), 1.0, {})
    figure = picture(PLOT["negative_fig6"], found)
    (axes,) = figure.axes
    for x, y, _ in dots(axes):
        at = axes.transData.transform(np.column_stack([x, y])) * 72 / figure.dpi
        distances = np.hypot(*(at[:, None] - at).transpose(2, 0, 1)) + 100 * np.eye(SEEDS)
        assert 5.0 < distances.min() < 7.0


@pytest.mark.parametrize(
    ("name", "tier", "names", "label"),
    [
        ("negative_fig3", Tier.SMOKE, ["[1, 1]", "[2, 1]", "[2, 2]", "[2, 4]", "[4, 4]", "[2, 2]\naliased"], "in 0.01"),
        (
            "negative_fig3",
            Tier.FULL,
            ["[5, 5]", "[10, 5]", "[10, 10]", "[10, 20]", "[20, 20]", "[10, 10]\naliased"],
            "in 0.0001",
        ),
        ("negative_fig6", Tier.SMOKE, ["[No, No]", "[No, Yes]", "[Yes, No]", "[Yes, Yes]"], "[first, last task]"),
        ("negative_fig6", Tier.FULL, ["[No, No]", "[No, Yes]", "[Yes, No]", "[Yes, Yes]"], "[first, last task]"),
    ],
)
def test_every_data_set_has_a_panel_of_swarms_beside_its_own_baselines(name, tier, names, label):
    every = cells(name, tier)
    panels = figure_of(name, tier).axes
    datasets = list(dict.fromkeys(data_of(arm) for arm in every))
    assert [axes.get_title() for axes in panels] == datasets
    for axes, dataset in zip(panels, datasets, strict=True):
        own = [arm for arm in every if data_of(arm) == dataset]
        assert_swarms(axes, [arm for arm in own if arm.tasks == 2])
        assert ticks(axes) == names
        assert axes.get_xlabel().endswith(label)
        lines = labelled(axes)
        first, *others = [arm for arm in own if arm.tasks == 1]
        assert lines["baseline"].get_ydata() == pytest.approx([mean(first)] * 2)
        assert lines["baseline"].get_linestyle() == ":"
        for arm in others:
            twice = lines["baseline, 2 x rate" if arm.rate > first.rate else "baseline, 2 x epochs"]
            assert twice.get_ydata() == pytest.approx([mean(arm)] * 2)
        assert len(lines) == 1 + len(others)
        if others:
            assert lines["baseline, 2 x rate"].get_linestyle() == "--"


def test_labels_are_those_of_the_swarms():
    arms = [arm for arm in cells("negative_fig6") if arm.tasks == 2]
    assert [arm.reset for arm in arms] == ["", "2", "1", "12"]  # [No, No], [No, Yes], [Yes, No], [Yes, Yes]
    pairs = [arm for arm in cells("negative_fig3", Tier.FULL) if arm.tasks == 2][:5]
    rates = [(5e-4, 5e-4), (1e-3, 5e-4), (1e-3, 1e-3), (1e-3, 2e-3), (2e-3, 2e-3)]
    assert [(arm.first_rate, arm.rate) for arm in pairs] == rates


@pytest.mark.parametrize("tier", Tier)
def test_the_grid_of_one_nuisance_has_a_row_a_nuisance_and_a_column_a_data_set(tier):
    every = cells("negative_fig4", tier)
    datasets = list(dict.fromkeys(data_of(arm) for arm in every))
    grid = np.array(figure_of("negative_fig4", tier).axes).reshape(3, len(datasets))
    for row, nuisance in zip(grid, ("blur", "contrast", "shift"), strict=True):
        for axes, dataset in zip(row, datasets, strict=True):
            own = [arm for arm in every if data_of(arm) == dataset]
            arms = sorted((arm for arm in own if arm.path == nuisance), key=lambda arm: arm.tasks)
            assert axes.get_title() == f"{dataset}, {nuisance}"
            assert_swarms(axes, arms)
            assert ticks(axes) == [str(arm.tasks) for arm in arms]
            (control,) = (arm for arm in own if arm.tasks == 1)
            assert labelled(axes)["baseline"].get_ydata() == pytest.approx([mean(control)] * 2)


@pytest.mark.parametrize("tier", Tier)
def test_two_dimensional_paths_are_drawn_in_their_plane_beside_their_losses(tier):
    every = cells("negative_fig5", tier)
    grid = np.array(figure_of("negative_fig5", tier).axes).reshape(2, 2)
    counts = sorted({arm.tasks for arm in every})
    seen = []
    for (plane, right), second in zip(grid, ("contrast", "shift"), strict=True):
        lines = labelled(plane)
        assert len(lines) == 3
        ways = [line.get_xydata() for line in plane.get_lines() if line.get_linestyle() == "-"]
        series = [line for line in right.get_lines() if line.get_linestyle() == "-"]
        swarms = [line for line in right.get_lines() if line.get_linestyle() != "-"]
        for i, (path, line) in enumerate(lines.items()):
            assert second in path
            tasks = tasks_along(path, equal_positions(counts[-1]), "")
            wanted = np.array([[task.blur, getattr(task, second)] for task in tasks])
            assert line.get_xydata() == pytest.approx(wanted)
            middle = tasks_along(path, [0.0, 0.5, 1.0], "")[1]
            assert ways[i][1] == pytest.approx([middle.blur, getattr(middle, second)])
            arms = sorted((arm for arm in every if arm.path == path), key=lambda arm: arm.tasks)
            assert series[i].get_color() == line.get_color()
            assert series[i].get_ydata() == pytest.approx([mean(arm) for arm in arms])
            for place_of, arm in enumerate(arms):
                own = swarms[i * len(counts) + place_of]
                assert own.get_ydata() == pytest.approx(of_seeds(arm))
                assert own.get_xdata() == pytest.approx([place_of] * SEEDS, abs=0.2)
                assert own.get_color() == line.get_color()
        assert ticks(right) == [str(count) for count in counts]
        seen += lines
    assert len(set(seen)) == 6


def heatmaps(figure):
    """Return the panels that hold a heatmap, in order."""
    return [axes for axes in figure.axes if axes.images]


def rows(axes):
    """Return the rows of a heatmap, from top to bottom."""
    (image,) = axes.images
    left, right, bottom, top = image.get_extent()
    found = np.ma.filled(image.get_array(), 0.0)
    assert bottom > top
    assert image.origin == "upper"
    assert (left, right) == (-0.5, found.shape[1] - 0.5)
    low, high = axes.get_ylim()
    assert low > high
    return found


@pytest.mark.parametrize("tier", Tier)
def test_frozen_pairs_are_means_over_seeds_by_interface_and_by_weight_decay(tier):
    every = cells("frozen_fig3", tier)
    settings = list(dict.fromkeys(cell.setting for cell in every))
    grid = np.array(heatmaps(figure_of("frozen_fig3", tier))).reshape(len(settings), 2)
    for (left, right), setting in zip(grid, settings, strict=True):
        own = [cell for cell in every if cell.setting == setting]
        wide = setting.name == "digits/all_cnn_wide"
        *_, highest = sorted((c for c in own if c.rate == 0.1), key=lambda cell: cell.weight_decay)
        wanted = [mean_curve(f"pairs_at_{i}", highest) for i in (1, 2, 3)]
        assert rows(left) == pytest.approx(np.array(wanted))
        assert [text.get_text() for text in left.get_yticklabels()] == ["1", "2", "3"]
        assert rows(right) == pytest.approx(np.array([mean_curve("double_pairs", cell) for cell in own]))
        labels = [text.get_text() for text in right.get_yticklabels()]
        if wide:
            assert labels == ["1e-3", "0.02"]
            continue
        assert labels[:-1] == [number(cell.weight_decay) for cell in own[:-1]]
        assert labels[-1] == f"{number(own[-1].weight_decay)}\nrate 0.01"
        assert own[0].weight_decay == 0.0


def test_where_there_is_no_pair_a_heatmap_is_empty():
    found = results("frozen_fig3")
    for job, old in found.records.items():
        nothing = {name: [0.0] * len(values) for name, values in old.metrics.curves.items()}
        found.records[job] = Record(Metrics(old.metrics.scalars, nothing), 1.0, {})
    for axes in heatmaps(picture(PLOT["frozen_fig3"], found)):
        assert np.ma.getmaskarray(axes.images[0].get_array()).all()


@pytest.mark.parametrize("tier", Tier)
def test_norms_of_pairs_have_a_panel_a_start_and_a_line_a_weight_decay(tier):
    every = cells("frozen_fig4", tier)
    panels = figure_of("frozen_fig4", tier).axes
    starts = (("reference",), ("exact_zero",), ("near_zero", "near_zero_triple"))
    for axes, own in zip(panels, starts, strict=True):
        arms = [cell for cell in every if cell.start.start in own]
        assert len(axes.get_lines()) == len(arms)
        for cell in arms:
            triple = cell.start.start == "near_zero_triple"
            line = labelled(axes)[f"weight decay {number(cell.weight_decay)}" + triple * ", and scale"]
            wanted = np.mean([mean_curve(f"norm_at_{i}", cell) for i in (1, 2, 3)], axis=0)
            assert line.get_ydata() == pytest.approx(wanted)
            assert line.get_xdata().tolist() == list(range(1 + EPOCHS))
            assert line.get_linestyle() == ("--" if triple else "-")
            assert to_rgba(line.get_color()) == to_rgba(
                labelled(panels[0])[f"weight decay {number(cell.weight_decay)}"].get_color()
            )
        assert axes.get_yscale() == "symlog"
        low, high = axes.get_ylim()
        assert low < 0 < max(line.get_ydata().max() for line in axes.get_lines()) < high


@pytest.mark.parametrize("tier", Tier)
def test_sparse_starts_have_a_line_a_kind_beside_the_dense_network(tier):
    every = cells("frozen_table1", tier)
    figure = figure_of("frozen_table1", tier)
    augmented = list(dict.fromkeys(cell.augmented for cell in every))
    kinds = {(kind, "root", "weight"): kind for kind in ("mono", "double")}
    kinds |= {("double", "root", unit): f"double ({unit}s)" for unit in ("kernel", "filter")}
    kinds |= {("triple", matching, "weight"): f"triple ({matching})" for matching in ("root", "equal")}
    for axes, with_it in zip(figure.axes, augmented, strict=True):
        assert axes.get_title().endswith("with augmentation" if with_it else "without augmentation")
        own = [cell for cell in every if cell.augmented == with_it]
        lines = labelled(axes)
        (dense,) = (cell for cell in own if cell.start == DENSE)
        assert lines.pop("dense").get_ydata() == pytest.approx([mean(dense, "test_accuracy")] * 2)
        for kind, text in kinds.items():
            thinned = [cell for cell in own if cell.start != DENSE]
            arms = [c for c in thinned if (c.start.kind, c.start.matching, c.start.unit) == kind]
            both = [[c for c in every if c.start == arm.start] for arm in arms]
            measured = [np.mean([mean(cell, "small_share_start") for cell in same]) for same in both]
            line = lines.pop(f"{text}; measured sparsity {', '.join(f'{share:.3f}' for share in measured)}")
            assert line.get_xdata().tolist() == [0.98] if len(arms) == 1 else [0.5, 0.8, 0.92, 0.98]
            assert line.get_ydata() == pytest.approx([mean(arm, "test_accuracy") for arm in arms])
        assert not lines
        assert ticks(axes) == ["0.5", "0.8", "0.92", "0.98"]


@pytest.mark.parametrize("tier", Tier)
def test_every_transition_has_a_row_with_and_without_reset(tier):
    every = [*cells("frozen_table2", tier), *cells("frozen_table3", tier)]
    plain = list(dict.fromkeys(replace(cell, reset=False) for cell in every))
    panels = figure_of("frozen_table2_3", tier).axes
    for axes, name in zip(panels, ("test_accuracy", "test_loss"), strict=True):
        lines = labelled(axes)
        for label, reset in (("without reset", False), ("with reset", True)):
            own = {i: replace(cell, reset=reset) for i, cell in enumerate(plain)}
            own = {i: cell for i, cell in own.items() if cell in every}
            assert np.round(np.array(lines[label].get_ydata(), float)).tolist() == list(own)
            assert lines[label].get_xdata() == pytest.approx([mean(cell, name) for cell in own.values()])
        low, high = axes.get_ylim()
        assert low > high  # the first row on top
    names = [text.get_text() for text in panels[0].get_yticklabels()]
    for text, cell in zip(names, plain, strict=True):
        there = cell if cell in every else replace(cell, reset=True)
        assert text.endswith(f"{mean(there, 'double_pairs_before'):.4g} frozen pairs")
        assert data_of(cell) in text
    assert len(set(names)) == len(plain)


@pytest.mark.parametrize("tier", Tier)
def test_weight_decays_and_rates_are_equal_in_both_trainings_or_lowest_in_pretraining(tier):
    every = cells("frozen_fig5", tier)
    settings = list(dict.fromkeys(cell.setting for cell in every))
    grid = np.array(figure_of("frozen_fig5", tier).axes).reshape(len(settings), 2)
    for row, setting in zip(grid, settings, strict=True):
        own = [cell for cell in every if cell.setting == setting]
        for axes, name, other in zip(row, ("weight_decay", "rate"), ("rate", "weight_decay"), strict=True):
            swept = sorted({getattr(cell, name) for cell in own})
            assert ticks(axes) == [number(value) for value in swept]
            usual = {"rate": 0.05, "weight_decay": 1e-3}[other]
            for label, before in (("equal in both", swept), ("lowest in pretraining", [swept[0]] * len(swept))):
                wanted = {f"source_{other}": usual, other: usual}
                arms = [
                    next(
                        cell
                        for cell in own
                        if all(getattr(cell, key) == value for key, value in wanted.items())
                        and (getattr(cell, f"source_{name}"), getattr(cell, name)) == pair
                    )
                    for pair in zip(before, swept, strict=True)
                ]
                line = labelled(axes)[label]
                assert line.get_xdata().tolist() == list(range(len(swept)))
                assert line.get_ydata() == pytest.approx([mean(cell) for cell in arms])


@pytest.mark.parametrize("tier", Tier)
def test_clouds_hold_every_run_and_their_rank_correlation(tier):
    every = cells("frozen_fig6", tier)
    panels = figure_of("frozen_fig6", tier).axes
    named = {artist.get_label(): artist for artist in figure_of("frozen_fig6", tier).artists}
    metrics = (("double_weights_before", "double_weights"), ("fisher_start", "fisher"))
    for axes, names in zip(panels, metrics, strict=True):
        texts = axes.get_title().split("\n")
        clouds = axes.collections
        assert len(clouds) == 4
        for i, (name, moment) in enumerate(zip(names, ("before", "after"), strict=True)):
            losses = [value for cell in every for value in of_seeds(cell)]
            correlation = spearmanr([value for cell in every for value in of_seeds(cell, name)], losses).statistic
            assert texts[i] == f"{moment} retraining: rank correlation {correlation:+.2f}"
            shade = named[f"{moment} retraining"].get_color()
            for cloud, source in zip(clouds[2 * i : 2 * i + 2], ("blur", "tenth"), strict=True):
                arms = [cell for cell in every if cell.source == source]
                wanted = [[x, y] for c in arms for x, y in zip(of_seeds(c, name), of_seeds(c), strict=True)]
                assert cloud.get_offsets().filled() == pytest.approx(np.array(wanted))
                assert cloud.get_facecolors()[0, :3] == pytest.approx(to_rgba(shade)[:3])
        shapes = [len(cloud.get_paths()[0].vertices) for cloud in clouds]
        assert shapes[0] == shapes[2] != shapes[1] == shapes[3]
    assert [axes.get_xscale() for axes in panels] == ["symlog", "linear"]


def test_a_constant_count_has_no_rank_correlation():
    found = results("frozen_fig6")
    for job, old in found.records.items():
        scalars = dict(old.metrics.scalars) | {"double_weights": 0.0}
        found.records[job] = Record(Metrics(scalars, old.metrics.curves), 1.0, {})
    left, _ = picture(PLOT["frozen_fig6"], found).axes
    before, after = left.get_title().split("\n")
    assert "no rank correlation" not in before
    assert after == "after retraining: no rank correlation"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1e-3, "1e-3"), (5e-4, "5e-4"), (0.01, "0.01"), (0.05, "0.05"), (0.1, "0.1"), (0.0125, "0.0125")],
)
def test_numbers_are_written_in_few_letters(value, text):
    assert number(value) == text
