from dataclasses import replace

import pytest

from common.experiment import Tier
from papers.fast import derivations, fig3_5, fig6, fig7, fig8_9, fig10_13, search, sec6_2, table1
from papers.fast.settings import (
    CIFAR_CIFAR,
    CIFAR_SOURCE,
    FAN_IN,
    FAN_OUT,
    NEARLY_ZERO,
    OPTIMIZERS,
    RESNEXT_CALTECH,
    RESNEXT_CIFAR,
    SAME,
    WARM_UP,
    ZERO,
    Cell,
    baselines,
    shorten,
    spread,
)

MODULES = (derivations, sec6_2, fig3_5, fig6, fig7, fig8_9, search, fig10_13, table1)
EXPERIMENTS = {
    experiment.name: experiment
    for module in MODULES
    for experiment in vars(module).values()
    if type(experiment).__name__ == "Experiment"
}
CELLS = [
    cell
    for name, experiment in EXPERIMENTS.items()
    if name != "derivations"
    for tier in Tier
    for cell in experiment.grid(tier).cells
]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": -0.1}, "alpha = -0.1: a learning rate is zero or more"),
        ({"beta": -1e-9}, "beta = -1e-09: a learning rate is zero or more"),
        ({"optimizer": "adagrad"}, "no optimizer 'adagrad'; there are sgd, nesterov, adam, radam"),
        ({"warm_up": "slow"}, "no warm-up 'slow'; there are none, inference, updating"),
        ({"warm_up": "inference"}, "warm-up needs a setting that validates after every step; same does not"),
        ({"warm_up": "updating"}, "warm-up needs a setting that validates after every step"),
    ],
)
def test_a_cell_that_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Cell(**{"setting": SAME, "start": ZERO, "alpha": 0.1, "beta": 0.1, **fields})


def test_warm_up_fits_a_setting_that_validates_after_every_step():
    assert Cell(WARM_UP, ZERO, 0.1, 0.1, warm_up="inference").warm_up == "inference"
    assert Cell(SAME, ZERO, 0.0, 0.0).warm_up == "none"


def test_the_published_schedules():
    assert CIFAR_SOURCE.steps == 57_000
    assert (RESNEXT_CIFAR.steps, RESNEXT_CIFAR.batch_size) == (118_750, 100)
    assert (RESNEXT_CALTECH.steps, RESNEXT_CALTECH.batch_size) == (29_040, 256)


def test_a_spread_is_a_standard_deviation():
    assert spread(0.1).deviation(10, 64) == 0.1
    assert NEARLY_ZERO.deviation(10, 64) == 1e-8


def test_baselines_have_equal_rates_and_start_at_random():
    found = baselines(SAME, (0.1, 0.2), "adam")
    assert [(cell.alpha, cell.beta, cell.start, cell.optimizer) for cell in found] == [
        (0.1, 0.1, FAN_IN, "adam"),
        (0.2, 0.2, FAN_IN, "adam"),
    ]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fast_starts_at_zero_with_a_slower_extractor(optimizer):
    cell = fig10_13.fast(SAME, optimizer)
    assert cell.start == ZERO
    assert cell.alpha == pytest.approx(10 * cell.beta)
    assert cell.optimizer == optimizer


def test_every_batch_holds_equally_many_images_of_every_class():
    assert all(cell.setting.batch_size % cell.setting.target.classes == 0 for cell in CELLS)


def test_no_experiment_declares_an_arm_twice():
    for name, experiment in EXPERIMENTS.items():
        for tier in Tier:
            assert len(set(experiment.grid(tier).cells)) == len(experiment.grid(tier).cells), name


def test_arms_of_warm_up_are_those_of_the_figure():
    orange, green, blue, red = fig7.variants(WARM_UP, 0.05)
    assert [cell.warm_up for cell in (orange, green, blue, red)] == ["inference", "inference", "updating", "updating"]
    assert [cell.start for cell in (orange, green, blue, red)] == [FAN_OUT, FAN_IN, FAN_IN, NEARLY_ZERO]
    slower, without = fig7.controls(WARM_UP, 0.05, 0.005)
    assert (slower.alpha, slower.beta, slower.warm_up, without.warm_up) == (0.005, 0.05, "updating", "none")


def test_rates_are_scaled_alike_or_beta_alone():
    found = [(cell.alpha, cell.beta) for cell in fig8_9.scaled(SAME, 0.1, (0.01, 0.5))]
    assert found == [(0.1, 0.1), (0.01, 0.01), (0.1, 0.01), (0.5, 0.5), (0.1, 0.5)]


def test_arms_with_equal_rates_differ_from_fast_in_their_rates_alone():
    own, *others = fig8_9.equal(SAME, (0.1, 0.2))
    assert own == fig10_13.fast(SAME)
    assert [(cell.alpha, cell.beta) for cell in others] == [(0.1, 0.1), (0.2, 0.2)]
    assert all(cell.start == NEARLY_ZERO for cell in others)
    assert all((cell.optimizer, cell.warm_up) == (own.optimizer, own.warm_up) for cell in others)


def test_a_frozen_classifier_differs_from_a_free_one_in_alpha_alone():
    frozen, free = fig6.frozen_and_free(SAME, 0.01)
    assert (frozen.alpha, free.alpha) == (0.0, free.beta)
    assert (frozen.start, frozen.beta) == (free.start, free.beta)


def test_the_search_gives_both_sides_equally_many_settings():
    for tier in Tier:
        cells = search.SEARCH.grid(tier).cells
        assert sum(cell.start == ZERO for cell in cells) * 2 == len(cells)


def test_warm_up_is_refused_where_moments_would_begin_at_the_switch():
    with pytest.raises(ValueError, match="warm-up with adam is not defined"):
        Cell(WARM_UP, FAN_IN, 0.01, 0.01, "adam", "inference")


def lengths(cell):
    return cell.setting.steps, cell.setting.source_steps


@pytest.mark.parametrize(
    ("setting", "share", "expected"),
    [
        (CIFAR_CIFAR, 0.1, (950, 5_700)),
        (CIFAR_CIFAR, 1e-6, (1, 1)),
        (CIFAR_SOURCE, 0.5, (28_500, 0)),
        (WARM_UP, 0.25, (36, 150)),
        (SAME, 0.01, (2, 6)),
    ],
    ids=lambda of: str(getattr(of, "name", of)),
)
def test_a_share_of_the_length_is_that_of_fine_tuning_and_of_the_source_model(setting, share, expected):
    cell = Cell(setting, ZERO, 0.05, 0.005)
    short = shorten(cell, share)
    assert lengths(short) == expected
    assert replace(short, setting=setting) == cell
    assert replace(short.setting, steps=setting.steps, source_steps=setting.source_steps) == setting


def test_all_of_the_length_is_the_declared_cell():
    assert all(shorten(cell, 1.0) == cell for cell in CELLS)


@pytest.mark.parametrize("fields", [{"source_steps": 0}, {"source": ""}])
def test_a_source_task_and_its_updates_go_together(fields):
    with pytest.raises(ValueError, match="same: a source task and the updates that it is learnt with go together"):
        replace(SAME, **fields)
