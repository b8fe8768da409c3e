import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.datasets import load
from common.experiment import Environment, Job, Tier
from common.models.weights import weight_tensors
from common.train.fit import History, fit
from papers.freezenet import training
from papers.freezenet.gradient_flow import gradient_norms
from papers.freezenet.procedures import MEASURED, SIZES, TRACED_TRAINING, TRAINING, work
from papers.freezenet.reproduce import EXPERIMENTS
from papers.freezenet.settings import DIGITS, TEXTURES_10, Cell
from papers.freezenet.training import find_mask, images_of, measure, prepare
from tests.measured import measured as measured_by

ENVIRONMENT = Environment(torch.device("cpu"), Path("no data needed"))
SHORT = replace(DIGITS, name="short", recipe=replace(DIGITS.recipe, epochs=2))
DATA = images_of("digits", ENVIRONMENT.data_dir, ENVIRONMENT.device)


def cell(method, rate=0.9, **fields):
    return Cell(SHORT, method, 0.0 if method == "baseline" else rate, **fields)


def start(method, rate=0.9, seed=0, **fields):
    return prepare(cell(method, rate, **fields), seed, DATA)


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a) and a.keys() == b.keys()


def test_all_arms_of_a_seed_share_split_weights_and_order():
    base, frozen, pruned, random = (start(m) for m in ("baseline", "freezenet", "snip", "random"))
    for other in (frozen, pruned, random):
        assert torch.equal(base.run.train, other.run.train)
        assert torch.equal(base.run.validation, other.run.validation)
        assert base.run.seed == other.run.seed
    assert equal(base.start, frozen.start)
    assert equal(base.start, random.start)
    assert equal(frozen.run.mask, pruned.run.mask)
    assert not equal(frozen.run.mask, random.run.mask)
    assert not torch.equal(base.run.train, start("baseline", seed=1).run.train)


@pytest.mark.parametrize("method", ["freezenet", "grasp", "random"])
def test_every_seed_has_its_own_split_weights_mask_and_order(method):
    first, second = (start(method, 0.5, seed) for seed in (0, 1))
    for name in first.start:
        assert not torch.equal(first.start[name], second.start[name]), name
        assert not torch.equal(first.run.mask[name], second.run.mask[name]), name
    assert not torch.equal(first.run.train, second.run.train)
    assert not torch.equal(first.run.validation, second.run.validation)
    assert first.run.seed != second.run.seed
    again, other = (start(method, 0.5, seed, reinitialisation="xavier_normal") for seed in (0, 1))
    for name in again.start:
        assert not torch.equal(again.start[name], other.start[name]), name


def test_freezenet_keeps_its_frozen_weights_and_snip_sets_them_to_zero():
    frozen, pruned = start("freezenet"), start("snip")
    for name, mask in frozen.run.mask.items():
        assert (pruned.start[name][~mask] == 0).all()
        assert (frozen.start[name][~mask] != 0).any()
        assert torch.equal(pruned.start[name][mask], frozen.start[name][mask])


def test_only_freezenet_wd_decays_frozen_weights():
    assert start("freezenet-wd").run.decay_frozen
    assert not any(start(m).run.decay_frozen for m in ("baseline", "freezenet", "snip", "grasp", "random"))


def test_reinitialisation_keeps_the_mask_and_replaces_the_weights():
    first, again = start("freezenet"), start("freezenet", reinitialisation="xavier_normal")
    assert equal(first.run.mask, again.run.mask)
    assert not any(torch.equal(first.start[name], again.start[name]) for name in first.start)
    ones = start("freezenet", reinitialisation="ones")
    assert all((w == 1).all() for w in ones.start.values())


def test_the_mask_is_found_on_one_training_batch_of_the_recipes_size(monkeypatch):
    seen = []
    original = training.snip_scores
    monkeypatch.setattr(training, "snip_scores", lambda m, x, y: seen.append(x) or original(m, x, y))
    prepared = start("freezenet")
    (batch,) = seen
    assert len(batch) == 100
    pool = {image.numpy().tobytes() for image in DATA.images[prepared.run.train]}
    assert all(image.numpy().tobytes() in pool for image in batch)


def test_grasp_sees_ten_images_of_every_class_and_its_own_temperature(monkeypatch):
    seen = {}
    original = training.grasp_scores

    def spy(model, inputs, targets, temperature):
        seen.update(targets=targets, temperature=temperature)
        return original(model, inputs, targets, temperature)

    monkeypatch.setattr(training, "grasp_scores", spy)
    start("grasp")
    assert torch.bincount(seen["targets"]).tolist() == [10] * 10
    assert seen["temperature"] == 200.0


def test_grasp_keeps_the_highest_signed_scores(monkeypatch):
    def scores(model, inputs, targets, temperature):
        return {name: torch.linspace(-1, 1, w.numel()).view_as(w) for name, w in weight_tensors(model).items()}

    monkeypatch.setattr(training, "grasp_scores", scores)
    prepared = start("grasp")
    mask = find_mask(cell("grasp"), 0, prepared.run.model, DATA, prepared.run.train)
    assert not any(m.flatten()[: m.numel() // 2].any() for m in mask.values())


@pytest.fixture(scope="module")
def measured():
    cells = [cell(m) for m in ("baseline", "freezenet", "freezenet-wd", "snip", "grasp", "random")]
    results = measured_by(TRAINING, [Job(TRAINING, c, 0) for c in cells], ENVIRONMENT)
    return {c.method: m for c, m in zip(cells, results, strict=True)}


def test_every_arm_measures_what_is_declared(measured):
    for metrics in measured.values():
        assert set(metrics.scalars) == set(MEASURED)
        assert len(metrics.curves["validation_accuracy"]) == 2
        assert 0 <= metrics.scalars["test_accuracy"] <= 1


def test_frozen_and_pruned_weights_do_not_move_in_training(measured):
    for method in ("freezenet", "snip", "grasp", "random"):
        assert measured[method].scalars["final_frozen_change"] == 0.0
        assert measured[method].scalars["frozen_share_left"] == 1.0


def test_frozen_weights_of_freezenet_wd_shrink_by_the_recipes_factor(measured):
    """Twenty-six steps at rate 0.1, decay 5e-4, momentum 0.9, from an empty momentum buffer."""
    weight, velocity = 1.0, 0.0
    for _ in range(26):
        velocity = 0.9 * velocity + 5e-4 * weight
        weight -= 0.1 * velocity
    assert measured["freezenet-wd"].scalars["final_frozen_share_left"] == pytest.approx(weight, rel=1e-5)


def test_the_early_stopping_epoch_is_the_first_best_and_is_what_is_tested(measured):
    for metrics in measured.values():
        curve = metrics.curves["validation_accuracy"]
        assert metrics.scalars["best_epoch"] == curve.index(max(curve)) + 1
        assert metrics.scalars["validation_accuracy"] == max(curve)


def test_the_test_accuracy_is_that_of_the_early_stopping_weights():
    """The last weights know everything, those of the best epoch are all zero and always say 0."""
    prepared = start("baseline")
    fit([prepared.run], replace(SHORT.recipe, epochs=5), DATA.images, DATA.labels)
    stopped = {name: torch.zeros_like(value) for name, value in prepared.run.model.state_dict().items()}
    metrics = measure(prepared, History([0.0], [0.5], 1, stopped, {}, 0.0, "single"), DATA)
    assert metrics.scalars["final_test_accuracy"] > 0.8
    assert metrics.scalars["test_accuracy"] == pytest.approx(0.1)


def test_counts_of_the_digits_network(measured):
    assert measured["baseline"].scalars["trained_parameters"] == 50_610
    assert measured["freezenet"].scalars["trainable_weights"] == 5_020
    assert measured["snip"].scalars["pruning_loss"] == 0.0


def test_the_trace_is_measured_before_training_and_after_every_epoch():
    (metrics,) = measured_by(TRACED_TRAINING, [Job(TRACED_TRAINING, cell("freezenet"), 0)], ENVIRONMENT)
    assert len(metrics.curves["gradient_norm"]) == 3
    assert metrics.scalars["first_gradient_norm"] == metrics.curves["gradient_norm"][0] > 0


def test_gradient_norms_against_one_batch_by_hand():
    prepared = start("freezenet", 0.99)
    run = prepared.run
    index = run.train
    loss = torch.nn.functional.cross_entropy(run.model(DATA.images[index]), DATA.labels[index])
    gradients = torch.autograd.grad(loss, list(weight_tensors(run.model).values()))
    masks = list(run.mask.values())
    total = sum(float(g[m].abs().sum()) for g, m in zip(gradients, masks, strict=True))
    found = gradient_norms(run, DATA, batch_size=len(index))
    expected = total / sum(int(m.sum()) for m in masks)
    assert float(found["gradient_norm"]) == pytest.approx(expected, rel=1e-5)
    assert float(found["summed_gradient_norm"]) == pytest.approx(expected, rel=1e-5)


def test_gradient_norms_against_several_batches_by_hand():
    """The last batch is smaller, and counts as much as the others in the mean gradient."""
    prepared = start("freezenet", 0.999)
    run, masks = replace(prepared.run, train=prepared.run.train[:250]), prepared.run.mask
    gradients = []
    for part in torch.split(run.train, 100):
        loss = torch.nn.functional.cross_entropy(run.model(DATA.images[part]), DATA.labels[part])
        own = torch.autograd.grad(loss, list(weight_tensors(run.model).values()))
        gradients.append(torch.cat([g[m] for g, m in zip(own, masks.values(), strict=True)]).double().numpy())
    count = len(gradients[0])
    assert 50 <= count <= 53, "so few that a divisor of one less shows"
    found = gradient_norms(run, DATA, batch_size=100)
    assert float(found["gradient_norm"]) == pytest.approx(sum(abs(g).sum() for g in gradients) / count, rel=1e-5)
    assert float(found["summed_gradient_norm"]) == pytest.approx(abs(sum(gradients)).sum() / count, rel=1e-5)
    assert float(found["gradient_std"]) == pytest.approx((sum(gradients) / 3).std(), rel=1e-5)


def test_measuring_gradients_leaves_running_statistics_alone():
    data = images_of("procedural10", ENVIRONMENT.data_dir, ENVIRONMENT.device)
    run = prepare(Cell(TEXTURES_10, "freezenet", 0.9), 0, data).run
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    gradient_norms(run, data, 540)
    assert equal(before, dict(run.model.state_dict()))


def test_training_accuracy_is_that_on_the_training_images_alone():
    prepared = start("baseline")
    run = prepared.run
    fit([run], SHORT.recipe, DATA.images, DATA.labels)
    labels = DATA.labels.clone()
    labels[run.validation] = -1
    state = {name: value.clone() for name, value in run.model.state_dict().items()}
    metrics = measure(prepared, History([0.0], [0.5], 1, state, {}, 0.0, "single"), replace(DATA, labels=labels))
    right = (run.model(DATA.images[run.train]).argmax(1) == DATA.labels[run.train]).double().mean().item()
    assert metrics.scalars["final_train_accuracy"] == pytest.approx(right)
    assert right > 0.5


def test_decoded_bytes_are_what_the_device_holds(monkeypatch):
    toy = load("procedural10")
    monkeypatch.setattr(training, "load", lambda name, data_dir: toy)
    data = images_of.__wrapped__("toy", ENVIRONMENT.data_dir, ENVIRONMENT.device)
    for images, source in ((data.images, toy.train_images), (data.test_images, toy.test_images)):
        before = images[:]
        source.bitwise_not_()  # there is no other copy
        assert not (images[:] == before).any()


def test_work_of_lenet_300_100_on_digits():
    """2 operations a weight and image, forward and backward; 1,437 images, one tenth held out and shown each epoch.

    At the end the training images are shown once more, and the test images three times.
    """
    trained, shown = 1437 * 0.9, 2 * 1437 * 0.1 + 1437 * 0.9 + 3 * 360
    expected = (3 * 2 * 50_200 - 2 * 64 * 300) * trained * 2 + 2 * 50_200 * shown
    assert work(cell("baseline")).operations == pytest.approx(expected)


def test_data_sets_are_as_large_as_the_plan_takes_them_for():
    for name in ("digits", "digits28", "procedural10", "procedural40"):
        data = images_of(name, ENVIRONMENT.data_dir, ENVIRONMENT.device)
        assert SIZES[name] == (len(data.images), len(data.test_images), tuple(data.images.shape[1:]))


SMALLEST = {e.name: e for e in EXPERIMENTS if e.procedure is not TRAINING}


@pytest.mark.parametrize("name", [n for n in SMALLEST if n not in ("masks", "fig4_right")])
def test_experiments_that_train_nothing_measure_what_they_declare(name):
    experiment = SMALLEST[name]
    (metrics,) = measured_by(experiment.procedure, experiment.jobs(Tier.SMOKE)[:1], ENVIRONMENT)
    assert all(math.isfinite(value) for value in metrics.scalars.values())


@pytest.mark.parametrize("experiment", [e for e in EXPERIMENTS if e.procedure is TRAINING], ids=lambda e: e.name)
def test_every_training_experiment_prepares_every_smoke_arm(experiment):
    """Arms differ in method, initialisation and rate; each must find its mask and its first weights."""
    for c in {replace(c, freezing_rate=0.5 if c.freezing_rate else 0.0) for c in experiment.smoke.cells}:
        data = images_of(c.setting.dataset, ENVIRONMENT.data_dir, ENVIRONMENT.device)
        prepared = prepare(c, 0, data)
        assert (c.method == "baseline") == (not prepared.run.mask)
        assert prepared.run.model(data.images[:2]).isfinite().all()
