from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.datasets import mnist, svhn
from common.datasets.cifar import CIFAR10
from common.experiment import Job, Tier
from common.models.architecture import architecture, architecture_of
from common.models.grouped import grouped_mlp
from common.models.init import initialise
from common.run.call import Call
from common.seeds import stream
from papers.sequential_learning.data import DIGITS_250
from papers.sequential_learning.learner import Passage
from papers.sequential_learning.negative_pretraining import arms
from papers.sequential_learning.negative_pretraining.arms import Arm, measure, shorten
from papers.sequential_learning.negative_pretraining.bias_reset import BiasReset
from papers.sequential_learning.negative_pretraining.fig3 import FIG3
from papers.sequential_learning.negative_pretraining.fig4 import FIG4
from papers.sequential_learning.negative_pretraining.fig5 import FIG5
from papers.sequential_learning.negative_pretraining.fig6 import FIG6
from papers.sequential_learning.negative_pretraining.procedures import MEASURED, TRAINING, work
from papers.sequential_learning.negative_pretraining.settings import (
    CIFAR,
    DIGITS,
    FASHION,
    MNIST,
    SVHN,
    baseline,
    pretrained,
)
from papers.sequential_learning.path import Process, Stage, Task
from papers.sequential_learning.setting import Setting
from tests.measured import measured

CALL = Call(torch.device("cpu"), Path("no data needed"))
TINY = Setting("tiny/mlp", architecture(grouped_mlp, hidden=8), DIGITS_250, 32, "1/5")
EXPERIMENTS = (FIG3, FIG4, FIG5, FIG6)
RESET = (BiasReset(),)


def rates(arm):
    return [stage.process.rate for stage in arm.learning_path()]


def levels(arm):
    return [(stage.task.blur, stage.task.contrast, stage.task.shift) for stage in arm.learning_path()]


def resets(arm):
    return [stage.before for stage in arm.learning_path()]


def test_the_baseline_is_one_plain_task_without_a_reset():
    path = baseline(CIFAR, 1e-3, (200, 50)).learning_path()
    assert path == (Stage(Task(CIFAR10), Process(1e-3, 200, 1e-3, decay=1.0, patience=50, momentum=0.9)),)


def test_blurred_then_sharp_at_a_rate_for_each():
    path = pretrained(CIFAR, "blur", 2, (5e-4, 2e-3), (200, 50)).learning_path()
    first = Stage(Task(CIFAR10, blur=0.25), Process(5e-4, 200, 1e-3, patience=50))
    assert path == (first, Stage(Task(CIFAR10), Process(2e-3, 200, 1e-3, patience=50)))


def test_the_last_rate_is_for_the_last_of_many_tasks_alone():
    arm = pretrained(DIGITS, "contrast", 4, (0.1, 0.3), (40, 10))
    assert rates(arm) == [0.1, 0.1, 0.1, 0.3]
    assert [task[1] for task in levels(arm)] == pytest.approx([0.1, 0.4, 0.7, 1.0])
    assert {(stage.process.epochs, stage.process.patience) for stage in arm.learning_path()} == {(40, 10)}


@pytest.mark.parametrize(
    ("reset", "before"),
    [("", [(), ()]), ("1", [RESET, ()]), ("2", [(), RESET]), ("12", [RESET, RESET]), ("21", [RESET, RESET])],
)
def test_biases_are_reset_before_the_tasks_that_are_named(reset, before):
    assert resets(pretrained(CIFAR, "blur", 2, (1e-3, 1e-3), (200, 50), reset)) == before


@pytest.mark.parametrize("reset", ["3", "13", "0"])
def test_a_reset_before_no_task_is_refused(reset):
    with pytest.raises(ValueError, match=f"before tasks {reset}, but there are 2"):
        pretrained(CIFAR, "blur", 2, (1e-3, 1e-3), (200, 50), reset).learning_path()


def test_an_unknown_path_is_refused():
    with pytest.raises(ValueError, match="no path 'noise'"):
        pretrained(CIFAR, "noise", 2, (1e-3, 1e-3), (200, 50)).learning_path()


def test_settings_are_those_of_section_3():
    for setting, dataset, channels in ((CIFAR, CIFAR10, 3), (SVHN, svhn.SVHN, 3), (FASHION, mnist.FASHION_MNIST, 1)):
        assert (setting.dataset, setting.batch_size, setting.validation) == (dataset, 128, "1/10")
        arguments = dict(setting.model.arguments)
        assert (setting.model.name, arguments["channels"], arguments["width"]) == ("grouped_resnet", channels, 64)
        assert setting.standardise
    assert (MNIST.dataset, dict(MNIST.model.arguments)["channels"]) == (mnist.MNIST, 1)
    assert len({CIFAR, SVHN, FASHION, MNIST, DIGITS}) == 5


@pytest.mark.parametrize(
    ("experiment", "smoke", "full", "seeds"),
    [(FIG3, 9, 24, 10), (FIG4, 10, 48, 6), (FIG5, 12, 30, 6), (FIG6, 5, 15, 10)],
)
def test_grids_have_their_sizes_and_no_arm_twice(experiment, smoke, full, seeds):
    assert len(set(experiment.smoke.cells)) == len(experiment.smoke.cells) == smoke
    assert len(set(experiment.full.cells)) == len(experiment.full.cells) == full
    assert experiment.full.seeds == seeds
    assert experiment.procedure.metrics == MEASURED


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda each: each.name)
def test_every_arm_leads_to_the_plain_target_of_its_setting(experiment):
    for tier in Tier:
        for arm in experiment.grid(tier).cells:
            path = arm.learning_path()
            assert len(path) == arm.tasks
            assert path[-1].task == Task(arm.setting.dataset)
            assert all(stage.process.weight_decay == 1e-3 for stage in path)
            assert all(stage.process.momentum == 0.9 and stage.process.decay == 1.0 for stage in path)
            assert all(not stage.task.flip and stage.task.share == 1.0 for stage in path)
            assert arm.tasks > 1 or not path[0].before  # the baseline is never reset


def of_cifar(experiment):
    return [arm for arm in experiment.full.cells if arm.setting is CIFAR]


def lengths(experiment):
    return {(arm.epochs, arm.patience) for arm in experiment.full.cells}


def test_figure_3_pairs_of_rates():
    pairs = [tuple(rates(arm)) for arm in of_cifar(FIG3)]
    assert pairs[:2] == [(1e-3,), (2e-3,)]  # baselines at both rates
    assert pairs[2:-1] == [(5e-4, 5e-4), (1e-3, 5e-4), (1e-3, 1e-3), (1e-3, 2e-3), (2e-3, 2e-3)]
    aliased = of_cifar(FIG3)[-1]
    assert pairs[-1] == (1e-3, 1e-3)
    assert [stage.task.antialias for stage in aliased.learning_path()] == [False, True]
    for arm in of_cifar(FIG3)[2:]:
        assert levels(arm) == [(0.25, 1.0, 0.0), (1.0, 1.0, 0.0)]
        assert resets(arm) == [(), ()]
    assert {arm.setting for arm in FIG3.full.cells} == {CIFAR, FASHION, SVHN}
    assert lengths(FIG3) == {(200, 50)}
    longest = FIG3.smoke.cells[-1]  # the baseline of as many epochs as both tasks take
    assert (longest.tasks, longest.epochs, longest.patience) == (1, 120, 30)


def test_figure_4_numbers_of_tasks():
    first, *others = of_cifar(FIG4)
    assert rates(first) == [1e-3]
    assert [(arm.path, arm.tasks) for arm in others] == [
        (path, count) for path in ("blur", "contrast", "shift") for count in (2, 4, 6, 8, 10)
    ]
    assert all(set(rates(arm)) == {1e-3} for arm in others)
    assert {arm.setting for arm in FIG4.full.cells} == {CIFAR, FASHION, MNIST}
    assert lengths(FIG4) == {(100, 20)}
    sources = {arm.path: levels(arm)[0] for arm in others}
    assert sources == {"blur": (0.25, 1.0, 0.0), "contrast": (1.0, 0.1, 0.0), "shift": (1.0, 1.0, 0.5)}


def test_figure_5_paths_of_two_nuisances():
    assert {(arm.path, arm.tasks) for arm in FIG5.full.cells} == {
        (path, count)
        for path in (
            *("blur-then-contrast", "contrast-then-blur", "blur-with-contrast"),
            *("blur-then-shift", "shift-then-blur", "blur-with-shift"),
        )
        for count in (2, 4, 6, 8, 10)
    }
    assert lengths(FIG5) == {(100, 20)}
    assert {arm.setting for arm in FIG5.full.cells} == {CIFAR}


def test_figure_6_resets():
    assert [resets(arm) for arm in of_cifar(FIG6)] == [[()], [(), ()], [(), RESET], [RESET, ()], [RESET, RESET]]
    assert all(set(rates(arm)) == {1e-3} for arm in of_cifar(FIG6))
    assert {arm.setting for arm in FIG6.full.cells} == {CIFAR, FASHION, SVHN}
    assert lengths(FIG6) == {(200, 50)}


def test_arms_that_figures_share_are_the_same_job():
    shared = set(FIG3.full.cells) & set(FIG6.full.cells)
    assert {(arm.tasks, arm.rate) for arm in shared} == {(1, 1e-3), (2, 1e-3)}
    assert len(shared) == 6


def test_the_work_of_an_arm_is_that_of_all_its_tasks():
    one = baseline(DIGITS, 0.02, (60, 15))
    # forward and backward on 250 images of 34,800 operations, without the gradient of the images
    assert work(one).operations == 60 * 250 * (3 * 34_800 - 12_800)
    assert work(pretrained(DIGITS, "blur", 4, (0.02, 0.02), (60, 15))) == work(one) * 4


def passage(**fields):
    return Passage(
        **{
            "loss": [],
            "validation_loss": [],
            "best_epoch": 0,
            "initial_loss": -1.0,
            "final_loss": -2.0,
            "train_accuracy": -3.0,
            "test_loss": -4.0,
            "test_accuracy": -5.0,
            "seen": {},
            "ends": {},
            "seconds": 0.0,
            **fields,
        }
    )


def test_a_run_is_measured_by_its_last_task():
    first = passage(loss=[3.0, 2.0], validation_loss=[4.0, 5.0], best_epoch=1, test_loss=9.0, seconds=2.0)
    last = passage(
        loss=[1.5, 1.0, 0.5],
        validation_loss=[2.5, 1.5, 3.5],
        best_epoch=2,
        initial_loss=1.75,
        final_loss=0.75,
        train_accuracy=0.9,
        test_loss=0.6,
        test_accuracy=0.8,
        seconds=3.0,
    )
    metrics = measure([first, last])
    assert metrics.scalars == {
        "test_loss": 0.6,
        "test_accuracy": 0.8,
        "best_epoch": 2.0,
        "all_epochs": 3.0,
        "initial_loss": 1.75,
        "training_loss": 0.75,
        "converged_loss": 0.5,
        "training_accuracy": 0.9,
    }
    assert metrics.curves == {
        "training_loss": [3.0, 2.0, 1.5, 1.0, 0.5],
        "validation_loss": [4.0, 5.0, 2.5, 1.5, 3.5],
        "test_loss_after_task": [9.0, 0.6],
    }
    assert metrics.seconds == 5.0
    assert set(metrics.scalars) == set(MEASURED)


def arm(path="blur", tasks=2, reset="", setting=TINY, **fields):
    return Arm(
        setting, path, tasks, **{"first_rate": 0.02, "rate": 0.04, "epochs": 3, "patience": 2, **fields}, reset=reset
    )


def test_arms_of_a_replicate_begin_with_the_same_weights_drawn_as_the_framework_draws_them(monkeypatch):
    seen = []

    def noting(runs, setting, call):
        seen.extend(runs)
        assert setting is TINY
        for number, _ in enumerate(runs):
            yield [passage(test_loss=float(number), loss=[0.0])]

    monkeypatch.setattr(arms, "follow", noting)
    cells = [arm(), arm(tasks=1, path="none"), arm(reset="12", rate=0.3), arm("shift", 4)]
    jobs = [Job(TRAINING, cell, seed) for seed in (5, 6) for cell in cells]
    found = measured(TRAINING, jobs, CALL)
    assert [metrics.scalars["test_loss"] for metrics in found] == list(range(8))
    assert [run.path for run in seen] == [job.cell.learning_path() for job in jobs]
    assert [run.seed for run in seen] == [job.seed for job in jobs]
    for run in seen:
        expected = grouped_mlp(hidden=8)
        initialise(expected, "framework_uniform", stream(run.seed, "initialisation"))
        assert architecture_of(run.model) == architecture_of(expected)
        for name, value in run.model.state_dict().items():
            assert torch.equal(value, expected.state_dict()[name])
    assert not torch.equal(seen[0].model.group1[1].weight, seen[4].model.group1[1].weight)


def test_tiny_arms_train_and_are_the_same_again():
    cells = [
        arm("none", 1),
        arm(),
        arm(reset="2"),
        arm(rate=0.02),
        arm("shift", 3),
        arm("blur-then-contrast", 4),
        arm("none", 1, epochs=6),
    ]
    jobs = [Job(TRAINING, cell, seed) for cell in cells for seed in (0, 1)]
    first, second = measured(TRAINING, jobs, CALL), measured(TRAINING, jobs, CALL)
    for job, metrics, again in zip(jobs, first, second, strict=True):
        assert metrics.scalars == again.scalars
        assert metrics.curves == again.curves
        assert set(metrics.scalars) == set(MEASURED)
        assert all(value == value for value in metrics.scalars.values())
        assert len(metrics.curves["test_loss_after_task"]) == job.cell.tasks
        assert metrics.scalars["test_loss"] == metrics.curves["test_loss_after_task"][-1]
    losses = [metrics.scalars["test_loss"] for metrics in first]
    assert len(set(losses)) == len(jobs)  # no arm is another one
    longer = arm("none", 1, epochs=25, patience=25)
    (trained,) = measured(TRAINING, [Job(TRAINING, longer, 0)], CALL)
    assert trained.scalars["test_loss"] < losses[0]
    assert trained.scalars["test_accuracy"] > 0.5  # of ten classes
    # the last two arms of a replicate begin with the same weights and order: three epochs of six are those of three
    assert first[12].curves["training_loss"][:3] == pytest.approx(first[0].curves["training_loss"], rel=1e-6)


def test_a_reset_shows_in_the_loss_that_the_sharp_task_begins_with():
    plain, before_sharp = measured(TRAINING, [Job(TRAINING, arm(reset=reset), 0) for reset in ("", "2")], CALL)
    assert plain.curves["training_loss"][:3] == pytest.approx(before_sharp.curves["training_loss"][:3])
    assert plain.scalars["initial_loss"] != before_sharp.scalars["initial_loss"]
    assert replace(arm(), reset="2") == arm(reset="2")


@pytest.mark.parametrize(("share", "epochs"), [(1.0, 60), (0.5, 30), (0.12, 7), (1e-6, 1)])
def test_a_share_of_the_length_is_that_of_every_task_and_patience_stays(share, epochs):
    whole = pretrained(DIGITS, "blur", 4, (0.02, 0.02), (60, 15), reset="2")
    short = shorten(whole, share)
    assert [(stage.process.epochs, stage.process.patience) for stage in short.learning_path()] == [(epochs, 15)] * 4
    assert replace(short, epochs=60) == whole


def test_a_run_for_a_small_share_of_its_length():
    job = Job(TRAINING, arm("blur", 3, epochs=20, patience=20), 0, scale=0.1).trained
    (metrics,) = measured(TRAINING, [job], CALL)
    assert len(metrics.curves["training_loss"]) == 3 * 2
    assert TRAINING.problem(metrics) == ""


def test_all_of_the_length_is_the_declared_arm():
    assert all(shorten(own, 1.0) == own for each in EXPERIMENTS for tier in Tier for own in each.grid(tier).cells)
