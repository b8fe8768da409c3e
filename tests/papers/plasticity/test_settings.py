from dataclasses import replace

import pytest
import torch

from common.datasets.cifar import CIFAR10
from common.experiment import Job, Tier
from common.models.architecture import build
from common.models.grouped import grouped_cnn
from papers.plasticity import fig3, fig4, fig5, fig6_11, fig7, warm_start
from papers.plasticity.fig4 import extra
from papers.plasticity.fig6_11 import subsets
from papers.plasticity.procedures import TRAINING, work
from papers.plasticity.reset import groups_of
from papers.plasticity.settings import CIFAR, DIGITS, OPTIMIZERS, Cell, scratch, shorten, sized, warm

MODULES = (warm_start, fig3, fig4, fig5, fig6_11, fig7)
EXPERIMENTS = {
    experiment.name: experiment
    for module in MODULES
    for experiment in vars(module).values()
    if type(experiment).__name__ == "Experiment"
}
TIERS = [(name, tier) for name in EXPERIMENTS for tier in Tier]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "adagrad"}, "no optimizer 'adagrad'; there are adam, rmsprop, sgd, momentum"),
        ({"stages": 0}, "pretraining stages and their epochs go together"),
        ({"pretraining": 0}, "pretraining stages and their epochs go together"),
    ],
)
def test_a_cell_that_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Cell(**{"setting": DIGITS, "stages": 1, "pretraining": 5, **fields})


def lengths(cell):
    return (cell.pretraining, cell.extra), (cell.setting.pretraining, cell.setting.epochs, cell.setting.averaged)


@pytest.mark.parametrize(
    ("share", "warmed", "control"),
    [
        (0.5, ((175, 0), (175, 250, 50)), ((0, 88), (175, 250, 50))),
        (0.1, ((35, 0), (35, 50, 10)), ((0, 18), (35, 50, 10))),
        (0.01, ((4, 0), (4, 5, 1)), ((0, 2), (4, 5, 1))),
        (0.0001, ((1, 0), (1, 1, 1)), ((0, 1), (1, 1, 1))),
    ],
)
def test_a_share_of_the_length_is_a_share_of_every_stage_and_something_of_each(share, warmed, control):
    for cell, expected in ((warm(CIFAR), warmed), (scratch(CIFAR, extra=175), control)):
        short = shorten(cell, share)
        assert lengths(short) == expected
        restored = replace(short.setting, pretraining=350, epochs=500, averaged=100)
        assert replace(short, setting=restored, pretraining=cell.pretraining, extra=cell.extra) == cell


@pytest.mark.parametrize(("name", "tier"), TIERS)
def test_every_cell_can_be_shortened_and_the_whole_share_changes_none(name, tier):
    for cell in EXPERIMENTS[name].grid(tier).cells:
        assert shorten(cell, 1.0) == cell
        assert (shorten(cell, 0.003).pretraining > 0) == (cell.stages > 0)


def test_the_scale_changes_the_job_and_its_work():
    cell = warm(DIGITS)
    short = Job(TRAINING, cell, 0, 0.5)
    assert Job(TRAINING, cell, 0).key != short.key
    assert Job(TRAINING, cell, 0).trained.cell is cell
    assert work(short.trained.cell).operations == pytest.approx(0.5 * work(cell).operations, rel=0.05)


def test_the_two_arms_of_a_warm_start_differ_in_their_pretraining_alone():
    before, after = warm(DIGITS, rate=0.01, optimizer="sgd"), scratch(DIGITS, rate=0.01, optimizer="sgd")
    assert before.pretraining == DIGITS.pretraining
    assert before.pretraining_rate == before.rate == after.rate == 0.01
    assert replace(before, stages=0, pretraining=0) == after
    assert warm(DIGITS, 7).pretraining == 7


def test_another_width_and_depth_is_another_setting_of_the_same_lengths():
    setting = sized(CIFAR, grouped_cnn, 3, 1)
    assert setting.name != CIFAR.name
    assert dict(setting.model.arguments) == {"width": 3, "depth": 1}
    assert replace(setting, name=CIFAR.name, model=CIFAR.model) == CIFAR


def test_subsets_are_all_prefixes_suffixes_and_single_groups():
    assert len(subsets(6)) == len(set(subsets(6))) == 7 + 7 - 2 + 4
    assert subsets(6)[0] == ""
    assert subsets(6)[-1] == "123456"
    assert {"3456", "23456", "1", "12", "4", "6"} <= set(subsets(6))
    assert subsets(3) == ("", "1", "2", "3", "12", "23", "123")


@pytest.mark.parametrize(("name", "tier"), TIERS)
def test_every_experiment_runs_its_cells_once_on_networks_and_data_it_knows(name, tier):
    experiment = EXPERIMENTS[name]
    cells = experiment.grid(tier).cells
    assert experiment.procedure is TRAINING
    assert len(cells) == len(set(cells)) > 1
    for cell in cells:
        assert (cell.setting.dataset == CIFAR10) == (tier is Tier.FULL)
        assert 0 < cell.setting.averaged <= cell.setting.epochs
        assert cell.optimizer in OPTIMIZERS


@pytest.mark.parametrize(("name", "tier"), TIERS)
def test_every_warm_start_has_a_control_of_its_setting_optimizer_and_tuning_rate(name, tier):
    cells = EXPERIMENTS[name].grid(tier).cells
    controls = {
        (c.setting, c.optimizer, c.rate) for c in cells if c.stages == 0 and not c.reset and c.gamma in (None, 0.0)
    }
    assert {(c.setting, c.optimizer, c.rate) for c in cells} == controls


def test_resets_name_groups_that_their_network_has():
    for tier in Tier:
        for cell in EXPERIMENTS["fig6"].grid(tier).cells:
            with torch.device("meta"):
                model = build(cell.setting.model)
            groups = "".join(str(i) for i in range(1, len(groups_of(model)) + 1))
            assert set(cell.reset) <= set(groups)
        assert any(cell.reset == groups for cell in EXPERIMENTS["fig6"].grid(tier).cells)


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("name", ["fig1", "fig2", "fig5", "fig6"])
def test_the_extra_epochs_of_a_control_pay_for_a_pretraining_of_full_length(name, tier):
    for cell in EXPERIMENTS[name].grid(tier).cells:
        if cell.stages == 0:
            images, batch = cell.setting.dataset.train, cell.setting.batch_size
            paid, owed = cell.extra * (images // batch), cell.setting.pretraining * (images // 2 // batch)
            assert paid == pytest.approx(owed, rel=0.05)


@pytest.mark.parametrize("tier", Tier)
def test_the_warm_start_of_figure_1_is_tuned_on_for_as_long_as_its_control(tier):
    control, warmed = EXPERIMENTS["fig1"].grid(tier).cells
    assert (warmed.stages, warmed.pretraining) == (1, warmed.setting.pretraining)
    assert warmed.extra == control.extra > 0


@pytest.mark.parametrize("tier", Tier)
def test_all_optimizers_are_compared_by_runs_that_their_figures_have(tier):
    figures = [EXPERIMENTS[name].grid(tier).cells for name in ("fig2", "fig8", "fig9", "fig10")]
    assert set(EXPERIMENTS["optimizers"].grid(tier).cells) <= {cell for cells in figures for cell in cells}


@pytest.mark.parametrize("stages", [1, 4, 9])
def test_the_extra_epochs_of_stages_are_the_passes_that_their_sets_make_together(stages):
    passes = 60 * sum((i + 1) / (stages + 1) for i in range(stages))
    assert extra(60, stages) == pytest.approx(passes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stages": 1, "pretraining": 3, "gamma": 0.5}, "a smooth transition is one stage"),
        ({"stages": 0, "gamma": 0.5, "reset": "12"}, "a smooth transition is one stage"),
        ({"stages": 0, "gamma": 0.5, "extra": 5}, "a smooth transition is one stage"),
        ({"stages": 0, "extra": -3}, "no length is below zero"),
        ({"stages": -1, "pretraining": 3}, "no length is below zero"),
    ],
)
def test_cells_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Cell(DIGITS, **fields)
