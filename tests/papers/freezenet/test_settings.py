from dataclasses import replace

import pytest

from common.experiment import Job, Tier
from common.train.schedules import DropAtEpochs, DropEverySteps
from papers.freezenet.procedures import GRADIENT_NORMS, TRACED_TRAINING, TRAINING, work
from papers.freezenet.reproduce import EXPERIMENTS
from papers.freezenet.settings import DIGITS, LENET_5, RESNET_TINY, Cell, shorten

TRAINED = [e for e in EXPERIMENTS if e.procedure in (TRAINING, TRACED_TRAINING)]


@pytest.mark.parametrize(
    ("setting", "share", "epochs", "schedule"),
    [
        (LENET_5, 0.5, 125, DropEverySteps(12_500)),
        (LENET_5, 0.01, 2, DropEverySteps(200)),
        (LENET_5, 0.0001, 1, DropEverySteps(100)),
        (RESNET_TINY, 0.5, 50, DropAtEpochs((15, 30, 40))),
        (RESNET_TINY, 0.1, 10, DropAtEpochs((3, 6, 8))),
        (RESNET_TINY, 0.001, 1, DropAtEpochs((1, 1, 1))),
        (DIGITS, 0.5, 8, DropAtEpochs((4, 6))),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_share_of_the_length_is_a_share_of_the_epochs_with_the_schedule_in_proportion(
    setting, share, epochs, schedule
):
    cell = Cell(setting, "freezenet", 0.9)
    short = shorten(cell, share)
    assert (short.setting.recipe.epochs, short.setting.recipe.schedule) == (epochs, schedule)
    assert replace(short, setting=replace(short.setting, recipe=setting.recipe)) == cell


@pytest.mark.parametrize("experiment", TRAINED, ids=lambda experiment: experiment.name)
@pytest.mark.parametrize("tier", Tier)
def test_every_cell_can_be_shortened_and_the_whole_share_changes_none(experiment, tier):
    for cell in experiment.grid(tier).cells:
        assert shorten(cell, 1.0) == cell
        assert shorten(cell, 0.003).setting.recipe.epochs == 1
    assert experiment.at_scale(0.5).scale == 0.5


def test_the_scale_changes_the_job_and_its_work():
    cell = Cell(LENET_5, "freezenet", 0.9)
    short = Job(TRAINING, cell, 0, 0.1)
    assert short.key != Job(TRAINING, cell, 0).key
    assert work(short.trained.cell).operations == pytest.approx(0.1 * work(cell).operations, rel=0.05)


def test_gradients_before_training_have_no_length():
    (experiment,) = [e for e in EXPERIMENTS if e.procedure is GRADIENT_NORMS]
    assert experiment.at_scale(0.5) is experiment
