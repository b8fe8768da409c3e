from dataclasses import replace

import pytest

from common.models.architecture import architecture, build
from common.models.grouped import grouped_mlp, grouped_resnet
from common.train.stacking import stackable
from papers.sequential_learning.data import DIGITS_250
from papers.sequential_learning.frozen_weights import settings as frozen
from papers.sequential_learning.frozen_weights.interventions import FrozenReset
from papers.sequential_learning.learner import Learner
from papers.sequential_learning.negative_pretraining import settings as negative
from papers.sequential_learning.negative_pretraining.bias_reset import BiasReset
from papers.sequential_learning.path import Process, Stage, Task
from papers.sequential_learning.presentation import image_set
from tests.papers.sequential_learning.tiny import (
    AGAIN,
    CALL,
    CLASSES,
    MLP,
    PLAIN,
    STOPPED,
    STOPPING,
    UNHELD,
    learners,
    network,
    require_by_hand,
    two,
)

on_tiny_data = pytest.mark.usefixtures("tiny_data")


@on_tiny_data
@pytest.mark.parametrize("setting", [MLP, UNHELD], ids=["held out", "all"])
def test_runs_of_two_tasks_train_together_as_each_does_by_hand(setting, programs):
    require_by_hand(learners(PLAIN, setting), setting)
    assert programs == [len(PLAIN)] * 2


@on_tiny_data
def test_weights_without_batch_norm_too():
    setting = replace(MLP, model=architecture(grouped_mlp, inputs=48, hidden=5, num_classes=CLASSES))
    require_by_hand(learners(PLAIN[:3], setting), setting)


@on_tiny_data
def test_runs_that_stop_early_on_their_own_hand_on_their_best_weights(programs):
    # nineteen epochs at a high rate, with BatchNorm over four images, magnify rounding in one of them
    found = require_by_hand(learners(STOPPING), MLP, weights=(1e-5, 1e-9))
    assert programs == [len(STOPPING)] * 2
    for stage in range(2):
        assert len({len(passages[stage].loss) for passages in found}) > 1  # ends of their own
    for first, second in found:
        for passage in (first, second):
            assert len(passage.loss) == len(passage.validation_loss)
            assert passage.best_epoch == 1 + passage.validation_loss.index(min(passage.validation_loss))
    # the last weights are others than the best ones
    assert all(first.best_epoch < len(first.loss) for first, _ in found[:3])


@on_tiny_data
@pytest.mark.parametrize(("width", "together"), [(2, [2, 2]), (5, [1, 1, 1, 1])])
def test_residual_networks_narrow_in_a_stack_or_wide_on_their_own(programs, width, together):
    model = architecture(grouped_resnet, num_classes=CLASSES, width=width, depth=1)
    assert stackable(build(model), CALL.device) is (width == 2)
    setting = replace(MLP, model=model, batch_size=7)  # BatchNorm on single pixels magnifies rounding in smaller ones
    short, again = replace(STOPPED, rate=0.01, epochs=4, patience=2), replace(AGAIN, rate=0.01, epochs=2)
    paths = [two(short, again, before=before) for before in ((), (BiasReset(),))]
    require_by_hand(learners(paths, setting), setting)
    assert programs == together


DIGITS = replace(negative.DIGITS, model=architecture(grouped_mlp, hidden=20))
FROZEN = replace(frozen.RETRAINED, dataset=DIGITS_250)
BLURRED, LOW_CONTRAST, SHARP = Task(DIGITS_250, blur=0.25), Task(DIGITS_250, contrast=0.1), Task(DIGITS_250)
EARLY, LATE = Process(0.05, 12, 1e-3, patience=2), Process(0.1, 6, 1e-3, patience=3)
SHORT, DECAYED = Process(0.05, 3, 1e-3, decay=0.865), Process(0.02, 4, 5e-3, decay=0.5)


def digits(name):
    return image_set(name, CALL.data_dir, CALL.device, True)


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        (DIGITS, (Stage(BLURRED, EARLY), Stage(SHARP, LATE, (BiasReset(),)))),
        (DIGITS, (Stage(LOW_CONTRAST, EARLY, (BiasReset(),)), Stage(SHARP, LATE))),
        (FROZEN, (Stage(BLURRED, SHORT), Stage(SHARP, DECAYED, (FrozenReset(),)))),
        (FROZEN, (Stage(LOW_CONTRAST, DECAYED), Stage(replace(SHARP, shift=0.25, share=0.5), SHORT))),
    ],
    ids=[
        "blur, patience, a reset between",
        "contrast, patience, a reset before",
        "blur, frozen weights",
        "shift, part",
    ],
)
def test_paths_of_two_tasks_on_real_digits(setting, path):
    """In single precision, as the papers' experiments train."""
    runs = [Learner(network(setting.model, seed).float(), path, seed) for seed in (0, 1)]
    found = require_by_hand(runs, setting, digits, close=1e-5, weights=(1e-5, 1e-6))
    for first, second in found:
        assert first.loss[-1] < first.loss[0], "it learns"
        assert second.test_accuracy > 0.4, "of ten classes"
    if setting is DIGITS:
        assert any(len(passage.loss) > passage.best_epoch for own in found for passage in own), "it stopped early"
