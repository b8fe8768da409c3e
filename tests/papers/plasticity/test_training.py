from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.experiment import Experiment, Grid, Job
from common.models.architecture import architecture, build
from common.models.grouped import grouped_cnn, grouped_mlp, grouped_resnet
from common.models.init import initialise
from common.run.call import Call
from common.seeds import stream
from common.train.batches import shuffled_epochs
from common.train.stages import Data, train_stage
from papers.plasticity import training
from papers.plasticity.by_hand import warm_start
from papers.plasticity.data import data_of
from papers.plasticity.measures import Stage, measure
from papers.plasticity.procedures import TRAINING
from papers.plasticity.settings import DIGITS, Cell, scratch, warm
from papers.plasticity.smooth import smooth_epochs
from papers.plasticity.training import prepare
from papers.plasticity.warm_start import control
from tests.measured import measured as measured_by
from tests.resuming import require_same_after_kills

CALL = Call(torch.device("cpu"), Path("no data needed"))
TINY = replace(
    DIGITS,
    name="tiny/mlp",
    dataset="tiny",
    model=architecture(grouped_mlp, inputs=4, hidden=6),
    batch_size=4,
    epochs=4,
    pretraining=3,
    averaged=2,
    required=0.0,
    target=0.5,
)
CNN = replace(TINY, name="tiny/cnn", dataset="tiny-12", model=architecture(grouped_cnn, width=2, depth=1))
RESNET = replace(TINY, name="tiny/resnet", dataset="tiny-rgb", model=architecture(grouped_resnet, width=5, depth=1))
SHAPES = {"tiny": (1, 2, 2), "tiny-12": (1, 12, 12), "tiny-rgb": (3, 8, 8)}
CLASSES, IMAGES = 3, 26  # the last partial batch is dropped: 6 batches of all images, 3 of the half


def tiny(name):
    """Return 26 training and 40 test images, double precision."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(IMAGES + 40) % CLASSES
    images = torch.randn(len(labels), *SHAPES[name], generator=generator, dtype=torch.float64)
    images += labels.view(-1, 1, 1, 1)
    return Data(images[:IMAGES], labels[:IMAGES], images[IMAGES:], labels[IMAGES:])


@pytest.fixture(autouse=True)
def _double_precision_and_tiny_data(monkeypatch):
    monkeypatch.setattr(training, "data_of", lambda name, folder, device: tiny(name))
    monkeypatch.setattr(training, "build", lambda model: build(model).double())


@pytest.fixture
def stages_seen(monkeypatch):
    """Note what every stage begins with, and its batches, optimizer and rates."""
    seen = []

    def noting(program, epochs, optimizer, rates, data, checkpoint, watch):
        epochs = list(epochs)
        batches = torch.stack([torch.stack(list(epoch)) for epoch in epochs])
        seen.append((program.state(), batches, optimizer, list(rates)))
        return train_stage(program, epochs, optimizer, rates, data, watch=watch)

    monkeypatch.setattr(training, "train_stage", noting)
    return seen


def measured(*cells, seed=0):
    return measured_by(TRAINING, [Job(TRAINING, cell, seed) for cell in cells], CALL)


def network(setting, seed, purpose):
    model = build(setting.model).double()
    initialise(model, "kaiming_uniform", stream(seed, purpose))
    return model


def by_hand(cell, seed=0):
    """Draw what a replicate draws, and train it in a plain loop with the framework's optimizers."""
    setting, data = cell.setting, tiny(cell.setting.dataset)
    sets = prepare(cell, seed, data).sets
    if cell.gamma is None:
        lengths = [*[cell.pretraining] * (len(sets) - 1), setting.epochs + cell.extra]
        seeds = [[stream(seed, f"order of stage {stage}")] for stage in (*range(len(sets) - 1), -1)]
        stacked = [
            shuffled_epochs(own[None], length, setting.batch_size, order)
            for own, length, order in zip(sets, lengths, seeds, strict=True)
        ]
    else:
        halves, everything = (own[None] for own in sets)
        draw = [stream(seed, "smooth")]
        stacked = [smooth_epochs(halves, everything, [cell.gamma], setting.epochs, setting.batch_size, draw)]
        sets = sets[-1:]
    orders = [([batch for (batch,) in epoch] for epoch in epochs) for epochs in stacked]
    (once,) = shuffled_epochs(sets[-1][None], 1, setting.batch_size, [stream(seed, "gradient noise")])
    model, fresh = (network(setting, seed, purpose) for purpose in ("initialisation", "reset"))
    return warm_start(model, fresh, cell, sets, orders, [batch for (batch,) in once], data)


FAST = {"pretraining_rate": 0.03, "rate": 0.01}
ARMS = {
    "scratch": scratch(TINY, 0.01),
    "scratch, longer": scratch(TINY, 0.01, extra=3),
    "warm": Cell(TINY, 1, 3, **FAST),
    "warm, shorter": Cell(TINY, 1, 1, **FAST),
    "three stages": Cell(TINY, 3, 2, uniform=0.5, **FAST),
    "by class": Cell(TINY, 1, 2, uniform=0.0, **FAST),
    "reset 1": Cell(TINY, 1, 3, reset="1", **FAST),
    "reset 23": Cell(TINY, 1, 3, reset="23", **FAST),
    "gamma 0": Cell(TINY, 0, gamma=0.0, rate=0.01),
    "gamma 0.9": Cell(TINY, 0, gamma=0.9, rate=0.01),
    "rmsprop": Cell(TINY, 1, 3, "rmsprop", 0.003, 0.001),
    "sgd": Cell(TINY, 1, 3, "sgd", 0.1, 0.3),
    "momentum": Cell(TINY, 1, 3, "momentum", 0.1, 0.02),
    "cnn, reset 2": Cell(CNN, 1, 3, "momentum", 0.03, 0.01, reset="2"),
    "resnet, reset 16": Cell(RESNET, 1, 3, reset="16", **FAST),
}


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_is_what_the_plain_loop_does(arm):
    cell = ARMS[arm]
    (metrics,) = measured(cell)
    *earlier, last = by_hand(cell)
    before, learnt = [accuracy for stage in earlier for accuracy in stage.test], [max(s.train) for s in earlier]
    assert metrics.curves["test_accuracy"] == pytest.approx(last.test)
    assert metrics.curves["training_loss"] == pytest.approx(last.loss, rel=1e-5)
    assert list(metrics.curves.get("pretraining_test_accuracy", [])) == pytest.approx(before)
    fitted = [accuracy for stage in earlier for accuracy in stage.train]
    assert list(metrics.curves.get("pretraining_training_accuracy", [])) == pytest.approx(fitted)
    assert metrics.curves["training_accuracy"] == pytest.approx(last.train)
    assert metrics.curves["gradient_noise"] == pytest.approx(last.noise, rel=1e-5)
    assert metrics.scalars["gradient_noise"] == pytest.approx(sum(last.noise) / 4, rel=1e-5)
    assert metrics.scalars["training_accuracy"] == pytest.approx(max(last.train[:2]))
    assert metrics.scalars.get("pretraining_accuracy") == (pytest.approx(min(learnt)) if learnt else None)
    assert metrics.scalars["training_loss"] == pytest.approx(last.loss[-1], rel=1e-5)
    assert metrics.scalars["test_accuracy"] == pytest.approx(sum(last.test[2:4]) / 2)


def test_each_job_is_measured_in_its_place_as_it_would_be_alone():
    cells = [cell for cell in ARMS.values() if cell.setting is TINY]
    jobs = [Job(TRAINING, cell, seed) for seed in (0, 1) for cell in cells]
    together = measured_by(TRAINING, jobs, CALL)
    for job, found in zip(jobs, together, strict=True):
        (alone,) = measured_by(TRAINING, [job], CALL)
        assert found.scalars == pytest.approx(alone.scalars, rel=1e-5)
        assert found.curves["training_loss"] == pytest.approx(alone.curves["training_loss"], rel=1e-5)
    assert len({tuple(metrics.curves["training_loss"]) for metrics in together}) == len(jobs)


def test_networks_that_do_not_stack_are_measured_in_order_too():
    cells = [scratch(RESNET, 0.01), Cell(RESNET, 1, 2, **FAST), scratch(RESNET, 0.01, extra=2)]
    together = measured(*cells)
    assert [len(metrics.curves["test_accuracy"]) for metrics in together] == [4, 4, 6]
    assert together[1].scalars == pytest.approx(measured(cells[1])[0].scalars)


def test_runs_of_one_shape_train_as_one_program_with_rates_of_their_own(stages_seen):
    cells = [replace(ARMS["warm"], pretraining_rate=before, rate=rate) for before, rate in ((0.01, 0.1), (0.02, 0.2))]
    measured(*cells)
    assert [rates for *_, rates in stages_seen] == [[0.01, 0.02], [0.1, 0.2]]


def test_all_arms_of_a_replicate_share_the_half():
    data = tiny("tiny")
    arms = ["warm", "warm, shorter", "reset 1", "reset 23", "sgd", "gamma 0", "gamma 0.9", "rmsprop"]
    halves = [prepare(ARMS[arm], 7, data).sets for arm in arms]
    assert all(len(sets) == 2 and len(sets[0]) == IMAGES // 2 for sets in halves)
    assert all(torch.equal(sets[0], halves[0][0]) for sets in halves)
    assert all(torch.equal(sets[1], halves[0][1]) for sets in halves)
    assert set(halves[0][0].tolist()) != set(prepare(ARMS["warm"], 8, data).sets[0].tolist())


def test_all_arms_train_on_that_half(stages_seen):
    arms = ["warm", "reset 23", "momentum"]
    measured(*(ARMS[arm] for arm in arms))
    measured(ARMS["gamma 0.9"])
    *stages, smooth = stages_seen
    half = set(prepare(ARMS["warm"], 0, tiny("tiny")).sets[0].tolist())
    firsts = [epochs for _, epochs, *_ in stages if epochs.shape[1] == IMAGES // 2 // TINY.batch_size]
    assert sum(epochs.shape[2] for epochs in firsts) == len(arms)
    assert all(set(epochs.flatten().tolist()) <= half for epochs in firsts)
    assert set(smooth[1][0, 0].flatten().tolist()) <= half  # the first step, p(0) = 0


def test_arms_share_initialisation_and_the_order_of_the_last_stage(stages_seen):
    arms = ["scratch", "warm", "warm, shorter", "three stages", "reset 23", "sgd"]
    begun, orders = [], []
    for arm in arms:
        stages_seen.clear()
        measured(ARMS[arm])
        begun.append(stages_seen[0][0])
        orders.append(stages_seen[-1][1])
    measured(ARMS["scratch"], seed=1)
    for state, order in zip(begun[1:], orders[1:], strict=True):
        assert all(torch.equal(value, begun[0][name]) for name, value in state.items())
        assert torch.equal(order, orders[0])
    assert not torch.equal(stages_seen[-1][1], orders[0])
    assert not torch.equal(stages_seen[-1][0]["group1.1.weight"], begun[0]["group1.1.weight"])


def test_a_longer_control_begins_as_the_short_one(stages_seen):
    short, longer = measured(ARMS["scratch"])[0], measured(ARMS["scratch, longer"])[0]
    assert longer.curves["test_accuracy"][:4] == short.curves["test_accuracy"]
    assert longer.scalars["test_accuracy"] == short.scalars["test_accuracy"]
    assert longer.scalars["longer_test_accuracy"] == pytest.approx(sum(longer.curves["test_accuracy"][-2:]) / 2)
    assert "longer_test_accuracy" not in short.scalars


def test_resetting_every_group_is_a_fresh_draw_that_is_not_the_first_one(stages_seen):
    measured(Cell(CNN, 1, 2, reset="123", **FAST))
    (first, *_), (second, *_) = stages_seen
    fresh = build(CNN.model).double()
    initialise(fresh, "kaiming_uniform", stream(0, "reset"))
    for name, drawn in fresh.state_dict().items():
        torch.testing.assert_close(second[name][0], drawn, rtol=1e-6, atol=1e-6)
    assert not torch.equal(first["group1.0.weight"], second["group1.0.weight"])
    assert (second["group1.1.running_mean"] == 0).all()


@pytest.mark.parametrize("arm", ARMS)
def test_updates_are_counted_as_they_are_made(arm, stages_seen):
    (metrics,) = measured(ARMS[arm])
    assert metrics.scalars["updates"] == sum(epochs.shape[0] * epochs.shape[1] for _, epochs, *_ in stages_seen)


def test_a_control_makes_the_updates_of_a_warm_start():
    setting = replace(TINY, pretraining=4)
    before, after = measured(control(setting), warm(setting))
    assert before.scalars["updates"] == after.scalars["updates"] == 4 * 6 + 4 * 3


def test_the_scale_shortens_all_lengths():
    jobs = [Job(TRAINING, cell, 0, 0.5) for cell in (ARMS["warm"], replace(ARMS["scratch, longer"], extra=4))]
    first, second = measured_by(TRAINING, [job.trained for job in jobs], CALL)
    assert len(first.curves["pretraining_test_accuracy"]) == round(0.5 * 3)
    assert len(first.curves["test_accuracy"]) == 2
    assert len(second.curves["test_accuracy"]) == 2 + 2
    curve = second.curves["test_accuracy"]
    assert second.scalars["test_accuracy"] == curve[1]  # the last epoch of two: half of `averaged`
    assert second.scalars["longer_test_accuracy"] == curve[-1]


def test_it_learns():
    (metrics,) = measured(replace(scratch(TINY, 0.03), setting=replace(TINY, epochs=20)))
    assert metrics.scalars["test_accuracy"] > 0.5


CURVE = [0.1, 0.2, 0.3, 0.95, 0.4, 0.6, 0.7, 0.5, 0.9, 0.1, 0.2, 0.3, 0.8, 0.35, 0.6, 0.7, 0.5, 0.75, 0.55, 0.35]
LONG = replace(TINY, epochs=20, averaged=5, pretraining=10, required=0.9, target=0.92)


def stage(curve=CURVE, train=(1.0,)):
    return Stage([1.0 / (i + 1) for i in range(len(curve))], curve, list(train), [3.0, 5.0])


def test_accuracy_is_the_mean_of_the_last_epochs_never_the_best():
    metrics = measure(scratch(LONG), [stage()], 12, 3.0)
    assert metrics.scalars["test_accuracy"] == pytest.approx((0.7 + 0.5 + 0.75 + 0.55 + 0.35) / 5)
    assert metrics.scalars["early_test_accuracy"] == pytest.approx((0.1 + 0.2) / 2)
    assert metrics.scalars["epochs_to_target"] == 4
    assert metrics.scalars["training_loss"] == 1 / 20
    assert metrics.scalars["training_accuracy"] == 1.0
    assert metrics.scalars["gradient_noise"] == 4.0
    assert (metrics.scalars["updates"], metrics.seconds) == (12, 3.0)
    assert not {"longer_test_accuracy", "pretraining_accuracy"} & set(metrics.scalars)
    assert metrics.curves["test_accuracy"] == CURVE
    assert "pretraining_test_accuracy" not in metrics.curves


def test_extra_epochs_count_for_the_equal_accuracy_alone():
    extra = [0.94, 0.99, 0.98, 0.91, 0.93, 0.97]
    short, longer = (measure(scratch(LONG, extra=e), [stage(CURVE + extra[:e])], 12, 0.0) for e in (0, 6))
    same = ("test_accuracy", "early_test_accuracy", "epochs_to_target")
    assert [longer.scalars[name] for name in same] == [short.scalars[name] for name in same]
    assert longer.scalars["longer_test_accuracy"] == pytest.approx(sum(extra[1:]) / 5)
    assert longer.scalars["training_loss"] == 1 / 26


def test_a_target_not_reached_in_tuning_takes_one_epoch_more_than_there_are():
    cell = scratch(replace(LONG, target=0.96), extra=1)
    assert measure(cell, [stage([*CURVE, 0.97])], 1, 0.0).scalars["epochs_to_target"] == 21
    exact = scratch(replace(LONG, target=0.95))
    assert measure(exact, [stage()], 1, 0.0).scalars["epochs_to_target"] == 4


def test_pretraining_is_measured_by_its_worst_stage():
    cell = Cell(LONG, stages=2, pretraining=10)
    metrics = measure(cell, [stage([0.1], [0.99]), stage([0.2], [0.9, 0.95, 0.94]), stage()], 1, 0.0)
    assert metrics.scalars["pretraining_accuracy"] == 0.95
    assert metrics.curves["pretraining_training_accuracy"] == [0.99, 0.9, 0.95, 0.94]
    assert metrics.curves["pretraining_test_accuracy"] == [0.1, 0.2]
    assert "test_accuracy" not in metrics.withheld


@pytest.mark.parametrize(
    ("cell", "trained", "reason"),
    [
        (scratch(LONG), [0.895], r"89.50 % in stage 1 of 1, below the 90 %"),
        (warm(LONG), [0.895, 1.0], r"89.50 % in stage 1 of 2, below the 90 %"),
        (warm(LONG), [1.0, 0.12344], r"12.34 % in stage 2 of 2, below the 90 %"),
        (warm(LONG, 9), [0.5, 0.8], r"80.00 % in stage 2 of 2"),
        (Cell(LONG, 2, 10), [1.0, 0.8, 1.0], r"80.00 % in stage 2 of 3"),
        (warm(LONG), [float("nan"), 1.0], r"nan % in stage 1 of 2"),
    ],
)
def test_a_gap_is_withheld_where_a_stage_of_full_length_learnt_too_little(cell, trained, reason):
    metrics = measure(cell, [stage(train=[share, 0.1]) for share in trained], 1, 0.0)
    assert TRAINING.problem(metrics) == ""
    assert reason in metrics.withheld["test_accuracy"]
    assert "test_accuracy" not in metrics.scalars
    assert metrics.scalars["training_accuracy"] == trained[-1]


@pytest.mark.parametrize(
    ("cell", "trained"),
    [(scratch(LONG), [0.9]), (warm(LONG), [0.9, 0.9]), (warm(LONG, 9), [0.1, 1.0]), (warm(LONG, 2), [0.1, 0.95])],
)
def test_short_pretraining_is_not_held_to_the_required_accuracy(cell, trained):
    metrics = measure(cell, [stage(train=[0.1, share]) for share in trained], 1, 0.0)
    assert "test_accuracy" not in metrics.withheld
    assert "test_accuracy" in metrics.scalars


def test_what_is_fitted_in_any_averaged_epoch_counts_whatever_single_epochs_fall_to():
    late = [0.2, 0.4, 0.95, 0.3, 0.2]
    assert measure(scratch(LONG), [stage(train=late)], 1, 0.0).scalars["training_accuracy"] == 0.95
    extra = [stage([*CURVE, 0.9, 0.9], [0.2] * 5 + [0.95, 0.1])]
    metrics = measure(scratch(LONG, extra=2), extra, 1, 0.0)
    assert metrics.scalars["training_accuracy"] == 0.2
    assert "test_accuracy" in metrics.withheld
    assert metrics.scalars["longer_test_accuracy"] == pytest.approx((0.75 + 0.55 + 0.35 + 0.9 + 0.9) / 5)
    assert "longer_test_accuracy" not in metrics.withheld


def test_training_on_is_held_to_what_its_own_averaged_epochs_fitted():
    metrics = measure(scratch(LONG, extra=6), [stage([*CURVE, *[0.9] * 6], [1.0] * 5 + [0.5] * 6)], 1, 0.0)
    assert "50.00 %" in metrics.withheld["longer_test_accuracy"]
    assert "test_accuracy" in metrics.scalars
    assert not set(metrics.withheld) & set(metrics.scalars)


def test_all_is_withheld_where_pretraining_learnt_too_little():
    cell = replace(warm(LONG), extra=2)
    metrics = measure(cell, [stage([0.1], [0.5]), stage([*CURVE, 0.9, 0.9], [1.0] * 7)], 1, 0.0)
    assert metrics.withheld["longer_test_accuracy"] == metrics.withheld["test_accuracy"]
    assert TRAINING.problem(metrics) == ""


def test_killed_runs_go_on_with_what_was_watched_before(monkeypatch, tmp_path):
    setting = replace(DIGITS, pretraining=3, epochs=3, averaged=2, required=0.0)
    monkeypatch.setattr(training, "data_of", data_of)
    monkeypatch.setattr(training, "build", build)
    cells = (warm(setting), replace(warm(setting, 2), extra=2))
    found = require_same_after_kills(
        Experiment("table", "Table 9", TRAINING, full=Grid(cells, 1)), tmp_path, monkeypatch, kills=(1, 2, 6)
    )
    assert all(len(record[-1]["gradient_noise"]) == 3 for record in found.values())
