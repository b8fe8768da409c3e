import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from common.datasets.digits import DIGITS
from common.experiment import Job
from common.run.call import Call
from common.seeds import stream
from common.train.evaluate import accuracy
from common.train.optimizers import SGD
from papers.fast import settings, sources, training
from papers.fast.adoption import distance
from papers.fast.anytime import History, Schedule
from papers.fast.data import DIGITS_5_9
from papers.fast.procedures import FINE_TUNING, MEASURED, SOURCE_TEST, cost_of, work, work_of_source
from papers.fast.settings import FAN_IN, NEARLY_ZERO, OPTIMIZERS, RESNET, RESNEXT_CALTECH, RESNEXT_CIFAR, ZERO, Cell
from papers.fast.sources import source_of
from papers.fast.tasks import Task, task
from papers.fast.training import (
    change,
    errors,
    measure,
    of_the_switch,
    train,
    validation_adp,
)
from tests.measured import measured
from tests.papers.fast.test_anytime import TARGET, adopted, runs

CALL = Call(torch.device("cpu"), Path("no data needed"))
SAME, OTHER_DIGITS, ROTATED, ROTATED_PLAIN, WARM_UP = (
    replace(setting, source_steps=7)
    for setting in (settings.SAME, settings.OTHER_DIGITS, settings.ROTATED, settings.ROTATED_PLAIN, settings.WARM_UP)
)
SHORT = replace(SAME, name="short", steps=34)
SHORT_WARM_UP = replace(WARM_UP, name="short/warm-up", steps=34)


@pytest.fixture(autouse=True)
def _own_source():
    sources._source.cache_clear()
    yield
    sources._source.cache_clear()


def jobs(*cells, seeds=(0,)):
    return [Job(FINE_TUNING, cell, seed) for cell in cells for seed in seeds]


def history(validation, target=(0.5,), source=(), switched_at=None, best_state=None):
    return History(list(target), list(source), list(target), list(validation), 0, best_state or {}, switched_at, 0.0)


def parameters(extractor):
    return {name: value.detach() for name, value in extractor.named_parameters()}


def test_every_declared_metric_is_measured_and_no_other():
    schedule = Schedule(144, 6, SGD(0.9), every_step=True, warm_up="updating")
    (run,) = runs(rates=[(0.1, 0.1, 0)])
    before = parameters(run.model.extractor)
    curve = [i / 100 for i in range(len(schedule.checkpoints))]
    whole = history([0.5] * 145, curve, curve, 50, run.model.state_dict())
    found = measure(run, whole, schedule, TARGET, before)
    assert set(found.scalars) == set(MEASURED)
    assert found.scalars["target_adp_3"] == 0.03
    assert found.scalars["source_adp_5"] == 0.04
    assert found.scalars["norm_144"] == found.scalars["norm_end"] == 0.11
    assert found.scalars["target_adp_early"] == pytest.approx(0.04), "the mean of 0.01 to 0.07"
    assert set(found.curves) == {
        *("checkpoints", "target_adp", "source_adp", "norm", "validations", "validation_accuracy")
    }
    lacking = measure(
        run, replace(whole, source=[], switched_at=None), replace(schedule, every_step=True), TARGET, before
    )
    assert set(MEASURED) - set(lacking.scalars) == {
        *(name for name in MEASURED if name.startswith("source_adp")),
        *("switched_at", "jump", "jump_before"),
    }
    assert "source_adp" not in lacking.curves


def test_jobs_are_measured_in_their_order_and_alike_alone_and_together():
    cells = (
        Cell(SHORT, ZERO, 0.05, 0.005),
        Cell(SHORT, FAN_IN, 0.001, 0.001, "adam"),
        Cell(SHORT, FAN_IN, 0.01, 0.01),
    )
    every = jobs(*cells)
    together = measured(FINE_TUNING, every, CALL)
    assert len(together) == 3
    for job, found in zip(every, together, strict=True):
        (alone,) = measured(FINE_TUNING, [job], CALL)
        assert found.scalars.keys() == alone.scalars.keys()
        for name in ("target_adp_3", "target_adp_end", "source_adp_end", "validation_adp", "norm_end", "distance"):
            assert found.scalars[name] == pytest.approx(alone.scalars[name], abs=0.02), name
    assert together[0].scalars["norm_0"] == 0.0
    assert together[2].scalars["norm_0"] > 1.0


def test_an_arm_is_trained_with_its_own_optimizer():
    setting = replace(SHORT, steps=5)
    found = measured(FINE_TUNING, jobs(*(Cell(setting, ZERO, 0.01, 0.001, name) for name in OPTIMIZERS)), CALL)
    norms = [metrics.scalars["norm_5"] for metrics in found]
    assert len({round(norm, 3) for norm in norms}) == len(OPTIMIZERS), norms


def test_the_same_job_twice_is_the_same_bit_by_bit():
    every = jobs(Cell(SHORT, ZERO, 0.05, 0.005), seeds=(0, 1))
    first, second = (measured(FINE_TUNING, every, CALL) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert (a.scalars, a.curves) == (b.scalars, b.curves)
    assert first[0].curves != first[1].curves


def test_every_seed_starts_from_a_classifier_of_its_own():
    setting = replace(SHORT, steps=1)
    first, second = measured(FINE_TUNING, jobs(Cell(setting, FAN_IN, 0.01, 0.01), seeds=(0, 1)), CALL)
    assert first.scalars["norm_0"] != second.scalars["norm_0"]
    (again,) = measured(FINE_TUNING, jobs(Cell(setting, NEARLY_ZERO, 0.01, 0.01), seeds=(1,)), CALL)
    assert again.scalars["norm_0"] / NEARLY_ZERO.spread == pytest.approx(
        second.scalars["norm_0"] / FAN_IN.deviation(10, 64)
    ), "all starts of a seed have the same numbers"


def test_a_network_that_does_not_stack_is_trained_one_job_after_another(monkeypatch):
    every = jobs(Cell(SHORT, ZERO, 0.05, 0.005), Cell(SHORT, FAN_IN, 0.01, 0.01))
    stacked = measured(FINE_TUNING, every, CALL)
    source = source_of(SHORT, CALL)
    loose = replace(source, extractor=nn.Sequential(source.extractor, nn.Dropout(0.0)))
    monkeypatch.setattr(training, "source_of", lambda *_: loose)
    for alone, expected in zip(measured(FINE_TUNING, every, CALL), stacked, strict=True):
        for name in ("target_adp_3", "target_adp_end", "source_adp_end", "norm_end", "distance"):
            assert alone.scalars[name] == pytest.approx(expected.scalars[name], abs=0.02), name


def test_fast_starts_at_chance_knows_the_source_task_and_leaves_theta_alone_at_first():
    cell = Cell(replace(OTHER_DIGITS, steps=1), ZERO, 0.05, 0.05)
    (found,) = measured(FINE_TUNING, jobs(cell), CALL)
    source = source_of(cell.setting, CALL)
    target = task(DIGITS_5_9, CALL.data_dir, CALL.device)
    assert found.scalars["norm_0"] == 0.0 < found.scalars["norm_1"]
    assert found.scalars["target_adp_0"] == pytest.approx(float((target.test_labels == 0).float().mean()))
    whole = nn.Sequential(source.extractor, source.head)
    known = accuracy(whole, source.task.test_images, source.task.test_labels)
    assert found.scalars["source_adp_0"] == pytest.approx(known)
    assert found.scalars["last_distance"] == 0.0


def test_training_leaves_the_source_model_as_it_was():
    source = source_of(SHORT, CALL)
    before = copy.deepcopy((source.extractor.state_dict(), source.head.state_dict()))
    list(train(jobs(Cell(SHORT, FAN_IN, 0.1, 0.1), seeds=(0, 1)), CALL))
    after = source.extractor.state_dict(), source.head.state_dict()
    for old, new in zip(before, after, strict=True):
        assert all(torch.equal(new[name], value) for name, value in old.items())


def test_warm_up_is_measured_where_it_ends():
    cells = (
        Cell(SHORT_WARM_UP, FAN_IN, 0.0, 0.05, warm_up="inference"),
        Cell(SHORT_WARM_UP, FAN_IN, 0.05, 0.05),
    )
    switching, without = measured(FINE_TUNING, jobs(*cells), CALL)
    assert switching.scalars["switched_at"] == 10.0, "nothing moved until then"
    curve = switching.curves["validation_accuracy"]
    assert len(curve) == 35
    assert len(set(curve[:11])) == 1
    assert switching.scalars["jump"] == pytest.approx(min(curve[11:18]) - curve[10])
    assert switching.scalars["jump_before"] == 0.0
    assert "switched_at" not in without.scalars
    assert "jump" not in without.scalars


def test_the_best_state_is_measured_and_beside_it_the_last():
    (run,) = runs(rates=[(0.1, 0.1, 0)])
    best, before = copy.deepcopy(run.model), parameters(adopted().extractor)
    with torch.no_grad():
        best.classifier.weight.mul_(-1.0)
        best.extractor[0].weight.add_(0.5)
        run.model.extractor[0].weight.add_(2.0)
        run.model.extractor[1].running_mean.add_(9.0)
    last = copy.deepcopy(run.model)
    schedule = Schedule(0, 6, SGD(0.9))
    found = measure(run, history([0.25], [0.5], [0.5], best_state=best.state_dict()), schedule, TARGET, before).scalars
    tested = [1.0 - accuracy(model, TARGET.test_images, TARGET.test_labels) for model in (best, last)]
    assert tested[0] != tested[1]
    assert [found["top1_error"], found["last_top1_error"]] == pytest.approx(tested)
    assert found["distance"] == pytest.approx(12.0 * 0.5), "of 16 x 9 weights, W and running statistics left out"
    assert found["last_distance"] == pytest.approx(12.0 * 2.0)
    assert found["distance"] == float(distance(before, best.extractor))


def ranked(*ranks):
    """A task whose image i puts the true class 0 at a rank, 1 for the first, among eight."""
    images = torch.stack(
        [torch.cat([torch.tensor([0.0]), torch.tensor([1.0] * (r - 1) + [-1.0] * (8 - r))]) for r in ranks]
    )
    labels = torch.zeros(len(ranks), dtype=torch.long)
    return Task(images, labels, labels, labels, images, labels, 8, ())


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [([1, 1, 1, 1], (0.0, 0.0)), ([1, 2, 5, 6], (0.75, 0.25)), ([6, 7, 8, 8], (1.0, 1.0)), ([5, 5], (1.0, 0.0))],
)
def test_top_one_and_top_five_errors(ranks, expected):
    assert errors(nn.Identity(), ranked(*ranks)) == expected


def test_with_fewer_than_five_classes_the_top_five_hold_the_true_one():
    assert errors(adopted(), TARGET)[1] == 0.0
    assert 0.0 < errors(adopted(), TARGET)[0] < 1.0


def test_errors_of_a_diverged_model_are_no_numbers():
    model = adopted()
    with torch.no_grad():
        model.classifier.weight[1, 0] = float("inf")
    assert all(value != value for value in errors(model, TARGET))


def test_errors_are_measured_in_evaluation_mode_and_change_nothing():
    model = adopted().train()
    before = copy.deepcopy(model.state_dict())
    expected = 1.0 - accuracy(model, TARGET.test_images, TARGET.test_labels)
    assert errors(model, TARGET)[0] == pytest.approx(expected)
    assert model.training
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_the_average_over_checkpoints_is_of_the_best_so_far_and_of_what_was_validated_before():
    schedule = Schedule(5, 6, SGD(0.9))
    assert (schedule.checkpoints, schedule.validations) == ([0, 1, 2, 3, 5], [0, 1, 3])
    assert validation_adp([0.2, 0.6, 0.4], schedule) == pytest.approx((0.2 + 4 * 0.6) / 5)
    assert validation_adp([0.1, 0.2, 0.7], schedule) == pytest.approx((0.1 + 2 * 0.2 + 2 * 0.7) / 5)
    often = replace(schedule, every_step=True)
    assert validation_adp([0.1, 0.2, 0.3, 0.0, 0.9, 0.5], often) == pytest.approx((0.1 + 0.2 + 0.3 + 0.3 + 0.9) / 5)


def test_a_change_is_to_the_lowest_of_the_next_seven_steps():
    values = [0.5, 0.6, 0.4, 0.7, 0.7, 0.7, 0.7, 0.3, 0.1]
    assert change(values, 0) == pytest.approx(-0.2)
    assert change(values, 1) == pytest.approx(-0.5)
    assert change([0.1, *[0.2] * 7], 0) == pytest.approx(0.1), "a rise where there is no fall"


def test_a_jump_is_measured_from_the_step_of_the_switch():
    values = [0.1, 0.9, 0.8, *[0.8] * 9, 0.85, 0.6, *[0.7] * 8]
    found = of_the_switch(history(values, switched_at=12))
    assert found == {
        "worst_drop": pytest.approx(-0.25),
        "switched_at": 12.0,
        "jump": pytest.approx(-0.25),
        "jump_before": pytest.approx(0.0),
    }
    assert of_the_switch(history(values, switched_at=13))["jump"] == pytest.approx(0.1)
    early = of_the_switch(history(values, switched_at=2))
    assert early["jump"] == pytest.approx(0.0)
    assert "jump_before" not in early, "seven steps did not go before"
    assert set(of_the_switch(history(values))) == {"worst_drop"}


def test_what_comes_before_a_switch_is_measured_up_to_it_and_no_farther():
    values = [0.5] * 20
    values[5] = 0.9  # where the seven steps before a switch after 12 begin
    values[12], values[13] = 0.7, 0.1
    found = of_the_switch(history(values, switched_at=12))
    assert found["jump_before"] == pytest.approx(0.5 - 0.9)
    assert found["jump"] == pytest.approx(0.1 - 0.7)
    values[6:12], values[13] = [0.8] * 6, 0.7
    assert of_the_switch(history(values, switched_at=12))["jump_before"] == pytest.approx(0.7 - 0.9)


def test_noise_alone_leaps_no_deeper_after_a_switch_than_before_it():
    drawn = np.random.default_rng(0).normal(0.5, 0.01, (500, 30))
    found = [of_the_switch(history(values, switched_at=15)) for values in drawn.tolist()]
    jumps = np.array([[of["jump"], of["jump_before"]] for of in found])
    assert (jumps[:, 0] < 0).mean() > 0.8, "the lowest of seven falls short of one nearly always"
    assert jumps[:, 1].mean() - jumps[:, 0].mean() == pytest.approx(0.0, abs=0.002)


def test_a_validation_accuracy_is_the_best_one():
    (run,) = runs(rates=[(0.1, 0.1, 0)])
    schedule = Schedule(3, 6, SGD(0.9))
    curve = history([0.1, 0.7, 0.4], [0.5] * 4, best_state=run.model.state_dict())
    found = measure(run, replace(curve, best_step=1), schedule, TARGET, parameters(run.model.extractor)).scalars
    assert (found["validation_accuracy"], found["best_step"]) == (0.7, 1)


def test_a_source_model_is_measured_on_its_own_test_images(monkeypatch):
    source = source_of(SAME, CALL)
    last_is_worse = replace(source, history=replace(source.history, validation=[0.1, 0.8, 0.6], best_step=1))
    monkeypatch.setattr(training, "source_of", lambda *_: last_is_worse)
    (found,) = measured(SOURCE_TEST, [Job(SOURCE_TEST, Cell(SAME, FAN_IN, 0.01, 0.01), 0)], CALL)
    digits = task(DIGITS, CALL.data_dir, CALL.device)
    whole = nn.Sequential(source.extractor, source.head).eval()
    right = (whole(digits.test_images).argmax(1) == digits.test_labels).double().mean().item()
    assert found.scalars == {"test_accuracy": pytest.approx(right), "validation_accuracy": 0.8, "best_step": 1}


def test_the_source_model_is_tested_once_for_all_seeds():
    cell = Cell(SAME, FAN_IN, 0.01, 0.01)
    first, second = measured(SOURCE_TEST, [Job(SOURCE_TEST, cell, seed) for seed in (0, 1)], CALL)
    assert first.scalars == second.scalars
    history = source_of(SAME, CALL).history
    assert first.scalars["validation_accuracy"] == max(history.validation)
    assert first.curves["target_adp"] == history.target


def test_the_plan_counts_every_pass():
    cell = Cell(replace(ROTATED, steps=5), ZERO, 0.1, 0.1)
    first, forward = 2 * 64 * 16 * 9, 2 * (64 * 16 * 9 + 16 * 16 * 32 * 9 + 128 * 64)
    trained = 5 * 100 * (3 * forward - first)
    assert work(cell).operations == pytest.approx(trained + forward * (3 * 110 + 5 * (360 + 360)))
    often = Cell(replace(ROTATED_PLAIN, steps=5, every_step=True), NEARLY_ZERO, 0.1, 0.1, warm_up="updating")
    assert work(often).operations == pytest.approx(work(cell).operations + forward * 3 * 110)
    alone = work(Cell(replace(ROTATED, steps=5, source=None, source_steps=0), ZERO, 0.1, 0.1))
    assert alone.operations == pytest.approx(work(cell).operations - forward * 5 * 360)
    assert work_of_source(cell).operations == forward * 360


@pytest.mark.parametrize(
    ("network", "forward"),
    [("resnet18", 1.2e9), ("vgg19", 12.8e9), ("densenet201", 2.8e9), ("resnext101_32x8d", 10.8e9)],
)
def test_the_plan_counts_the_pretrained_networks_without_their_weights(network, forward):
    assert cost_of(replace(RESNET, network=network)).operations == pytest.approx(forward, rel=0.05)


def test_the_plan_counts_photographs_at_the_size_that_they_keep():
    larger = cost_of(RESNEXT_CALTECH).activations / cost_of(RESNEXT_CIFAR).activations
    assert larger == pytest.approx((148 / 128) ** 2, rel=0.15)


def test_no_replicate_has_the_random_numbers_of_the_source_model():
    """Else the first seed would start from the very classifier, or see the very batches, of the source model."""
    of_the_sources = {sources.EXTRACTOR, sources.CLASSIFIER, sources.ORDER}
    assert len(of_the_sources) == 3
    assert not of_the_sources & {stream(seed, p) for seed in range(10_000) for p in ("classifier", "order")}


def test_a_run_too_short_to_show_a_leap_leaves_it_out():
    late = history(validation=[0.5] * 11, switched_at=10)
    assert training.of_the_switch(late) == {"worst_drop": 0.0, "switched_at": 10.0, "jump_before": 0.0}
    assert training.of_the_switch(history(validation=[0.5] * 4, switched_at=None)) == {}


def test_a_run_for_a_small_share_of_its_length_says_what_it_is_too_short_to_show():
    cell = Cell(replace(ROTATED, steps=50, source_steps=30), ZERO, 0.1, 0.1)
    job = Job(FINE_TUNING, cell, 0, scale=0.1).trained
    (found,) = measured(FINE_TUNING, [job], CALL)
    assert found.curves["checkpoints"] == [0, 1, 2, 3, 5]
    assert len(source_of(job.cell.setting, CALL).history.target) == len([0, 1, 2, 3]), "checkpoints of three updates"
    assert found.withheld["target_adp_8"] == "training ended before it"
    assert FINE_TUNING.problem(found) == ""
