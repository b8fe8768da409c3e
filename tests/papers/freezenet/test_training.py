import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from common.datasets import digits, load
from common.datasets.procedural import PROCEDURAL_10, PROCEDURAL_40
from common.experiment import Job, Metrics, Tier
from common.models.weights import weight_tensors
from common.run.call import Call
from common.train.fit import History, fit
from papers.freezenet import gradient_flow, training
from papers.freezenet.gradient_flow import gradient_norms
from papers.freezenet.masks import apply_pruning, freezing_mask
from papers.freezenet.procedures import GRADIENT_NORMS, MEASURED, TRACED_TRAINING, TRAINING, work
from papers.freezenet.reproduce import EXPERIMENTS
from papers.freezenet.settings import DIGITS, TEXTURES_10, Cell
from papers.freezenet.training import find_mask, images_of, measure, prepare
from tests.measured import measured as measured_by

CALL = Call(torch.device("cpu"), Path("no data needed"))
SHORT = replace(DIGITS, name="short", recipe=replace(DIGITS.recipe, epochs=2))
DATA = images_of(digits.DIGITS, CALL.data_dir, CALL.device)


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


@pytest.mark.parametrize(("keeping", "pruning"), [("freezenet", "snip"), ("random", "grasp")])
def test_freezenet_keeps_its_frozen_weights_and_pruning_sets_them_to_zero(keeping, pruning, monkeypatch):
    monkeypatch.setattr(training, "linear_layers_redrawn", lambda model, _: model)
    monkeypatch.setattr(training, "grasp_scores", lambda model, *_, **__: weight_tensors(model))
    monkeypatch.setattr(
        training, "random_mask", lambda model, rate, draw: freezing_mask(weight_tensors(model), rate, draw, signed=True)
    )
    frozen, pruned = start(keeping), start(pruning)
    assert equal(frozen.run.mask, pruned.run.mask)
    for name, mask in frozen.run.mask.items():
        assert (pruned.start[name][~mask] == 0).all()
        assert (frozen.start[name][~mask] != 0).any()
        assert torch.equal(pruned.start[name][mask], frozen.start[name][mask])


def test_a_run_trains_at_the_learning_rate_of_its_cell():
    assert start("freezenet", learning_rate=0.02).run.learning_rate == 0.02
    assert start("freezenet").run.learning_rate == 0.1


def test_images_are_standardised():
    for images in (DATA.images[:], images_of(PROCEDURAL_10, CALL.data_dir, CALL.device).images[:]):
        assert images.mean((0, 2, 3)).abs().max() < 1e-4
        assert images.std((0, 2, 3)).sub(1.0).abs().max() < 1e-3


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
    pool = [image.numpy().tobytes() for image in DATA.images[prepared.run.train]]
    shown = [image.numpy().tobytes() for image in batch]
    assert set(shown) <= set(pool)
    assert shown != pool[:100], "shuffled"


def test_the_scoring_batch_is_transformed_as_in_training(monkeypatch):
    seen, drawn = [], []

    def negate(images, generator):
        drawn.append(torch.rand(3, generator=generator).tolist())
        return -images

    original = training.snip_scores
    monkeypatch.setattr(training, "snip_scores", lambda m, x, y: seen.append(x) or original(m, x, y))
    mirrored = replace(SHORT, recipe=replace(SHORT.recipe, augment=(negate,)))
    for setting, seed in ((SHORT, 0), (mirrored, 0), (mirrored, 1)):
        prepare(Cell(setting, "freezenet", 0.9), seed, DATA)
    assert torch.equal(seen[1], -seen[0])
    assert drawn[0] != drawn[1], "every seed transforms with its own random numbers"


def test_grasp_sees_ten_images_of_every_class_and_its_own_temperature(monkeypatch):
    seen = {}
    original = training.grasp_scores

    def spy(model, batches, temperature):
        inputs, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
        seen.update(model=model, batches=batches, inputs=inputs, targets=targets, temperature=temperature)
        return original(model, batches, temperature)

    monkeypatch.setattr(training, "grasp_scores", spy)
    prepared = start("grasp")
    train_index = prepared.run.train
    assert [sorted(set(labels.tolist())) for _, labels in seen["batches"]] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert [len(labels) for _, labels in seen["batches"]] == [50, 50]
    first = start("baseline").start
    for name, weight in weight_tensors(seen["model"]).items():
        assert not torch.equal(weight, first[name]), "linear layers are drawn anew where they are scored"
        kept = prepared.run.mask[name]
        assert torch.equal(prepared.start[name][kept], first[name][kept]), "but not where they are trained"
    assert torch.bincount(seen["targets"]).tolist() == [10] * 10
    unshuffled = DATA.images[training.class_balanced(train_index, DATA, 10)]
    assert not torch.equal(seen["inputs"], unshuffled), "of a shuffled training set"
    pool = {image.numpy().tobytes() for image in DATA.images[train_index]}
    assert all(image.numpy().tobytes() in pool for image in seen["inputs"])
    assert seen["temperature"] == 200.0


def test_grasp_keeps_the_highest_signed_scores(monkeypatch):
    def scores(model, batches, temperature):
        return {name: torch.linspace(-1, 1, w.numel()).view_as(w) for name, w in weight_tensors(model).items()}

    monkeypatch.setattr(training, "grasp_scores", scores)
    prepared = start("grasp")
    mask = find_mask(cell("grasp"), 0, prepared.run.model, DATA, prepared.run.train)
    assert not any(m.flatten()[: m.numel() // 2].any() for m in mask.values())


@pytest.fixture(scope="module")
def measured():
    cells = [cell(m) for m in ("baseline", "freezenet", "freezenet-wd", "snip", "grasp", "random")]
    results = measured_by(TRAINING, [Job(TRAINING, c, 0) for c in cells], CALL)
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
    assert measured["snip"].scalars["pruned_test_accuracy"] == measured["snip"].scalars["test_accuracy"]


def test_the_trace_is_measured_before_training_and_after_every_epoch():
    (metrics,) = measured_by(TRACED_TRAINING, [Job(TRACED_TRAINING, cell("freezenet"), 0)], CALL)
    assert len(metrics.curves["gradient_norm"]) == 3
    assert metrics.scalars["first_gradient_norm"] == metrics.curves["gradient_norm"][0] > 0


def test_a_trace_is_summarised_by_its_first_least_largest_and_last_norm(monkeypatch):
    norms = [3.0, 1.0, 6.0, 2.0]
    traced = Metrics({"test_accuracy": 0.5}, {"gradient_norm": norms}, 0.0)
    job = Job(TRACED_TRAINING, cell("freezenet"), 0)
    monkeypatch.setattr(gradient_flow, "train", lambda *_: iter([(job, traced)]))
    ((found, metrics),) = gradient_flow.along_training([job], CALL)
    assert found is job
    assert metrics.scalars == {
        "test_accuracy": 0.5,
        "first_gradient_norm": 3.0,
        "least_gradient_norm": 1.0,
        "largest_gradient_norm": 6.0,
        "last_gradient_norm": 2.0,
        "largest_over_first": 2.0,
    }
    assert metrics.curves == {"gradient_norm": norms}


def test_gradients_at_initialisation_are_those_of_every_jobs_own_seed_and_method():
    cells = [(m, s) for m in ("baseline", "freezenet", "snip") for s in (0, 1)]
    jobs = [Job(GRADIENT_NORMS, cell(method), seed) for method, seed in cells]
    found = measured_by(GRADIENT_NORMS, jobs, CALL)
    for (method, seed), metrics in zip(cells, found, strict=True):
        expected = gradient_norms(start(method, seed=seed).run, DATA, 100)
        assert metrics.scalars == {name: pytest.approx(float(value)) for name, value in expected.items()}
    assert len({metrics.scalars["gradient_norm"] for metrics in found}) == 6


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
    """The last batch is smaller, and counts as much as the others in their mean and deviation."""
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
    norms = [abs(g).sum() / count for g in gradients]
    assert float(found["gradient_mean"]) == pytest.approx(np.mean(norms), rel=1e-5)
    assert float(found["gradient_std"]) == pytest.approx(np.std(norms), rel=1e-4)


def test_measuring_gradients_leaves_running_statistics_alone():
    data = images_of(PROCEDURAL_10, CALL.data_dir, CALL.device)
    run = prepare(Cell(TEXTURES_10, "freezenet", 0.9), 0, data).run
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    gradient_norms(run, data, 540)
    assert equal(before, dict(run.model.state_dict()))


def right(model, images, labels):
    return float((model(images[:]).argmax(1) == labels).double().mean())


def test_what_is_measured_of_a_run_at_its_end_and_at_its_best_epoch():
    """At the end one frozen weight of the first layer has fallen by 5; at the best epoch the weights are the first."""
    prepared = start("freezenet")
    model, mask = prepared.run.model, prepared.run.mask
    best = {name: value.clone() for name, value in model.state_dict().items()}
    place = tuple((~mask["linear1.weight"]).nonzero()[7])
    with torch.no_grad():
        model.linear1.weight[place] -= 5.0
        before = sum(float(prepared.start[n][~m].abs().sum()) for n, m in mask.items())
        now = sum(float(w[~mask[n]].abs().sum()) for n, w in weight_tensors(model).items())
        at_end = right(model, DATA.test_images, DATA.test_labels)
        stopped, pruned = start("freezenet").run.model, start("freezenet").run.model
        apply_pruning(pruned, mask)
        labels = pruned(DATA.test_images[:]).argmax(1)
        data = replace(DATA, test_labels=labels)
        at_best = right(stopped, DATA.test_images, labels)
        at_end_too = right(model, DATA.test_images, labels)
    assert len({at_best, at_end, at_end_too, right(model, DATA.images, DATA.labels)}) == 4
    history = History([3.0, 2.0, 1.0], [0.5, 0.75, 0.25], 2, best, {}, 0.0, "single")
    found = measure(prepared, history, data).scalars
    assert found["final_test_accuracy"] == pytest.approx(at_end_too)
    assert found["test_accuracy"] == pytest.approx(at_best)
    assert (found["validation_accuracy"], found["best_epoch"]) == (0.75, 2)
    assert found["best_epoch_share"] == pytest.approx(2 / 3)
    assert found["final_frozen_change"] == pytest.approx(5.0)
    assert found["final_frozen_share_left"] == pytest.approx(now / before)
    assert (found["frozen_change"], found["frozen_share_left"]) == (0.0, 1.0)
    assert found["pruned_test_accuracy"] == 1.0


def test_training_accuracy_is_that_on_the_training_images_alone():
    prepared = start("baseline")
    run = prepared.run
    fit([run], SHORT.recipe, DATA.images, DATA.labels)
    labels = DATA.labels.clone()
    labels[run.validation] = -1
    state = {name: value.clone() for name, value in run.model.state_dict().items()}
    metrics = measure(prepared, History([0.0], [0.5], 1, state, {}, 0.0, "single"), replace(DATA, labels=labels))
    share = right(run.model, DATA.images[run.train], DATA.labels[run.train])
    assert metrics.scalars["final_train_accuracy"] == pytest.approx(share)
    assert share > 0.5


def test_decoded_bytes_are_what_the_device_holds(monkeypatch):
    toy = load(PROCEDURAL_10)
    monkeypatch.setattr(training, "load", lambda dataset, data_dir: toy)
    data = images_of.__wrapped__(PROCEDURAL_10, CALL.data_dir, CALL.device)
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
    for dataset in (digits.DIGITS, digits.DIGITS_28, PROCEDURAL_10, PROCEDURAL_40):
        data = images_of(dataset, CALL.data_dir, CALL.device)
        assert data.images.shape == (dataset.train, *dataset.shape)
        assert len(data.test_images) == dataset.test


SMALLEST = {e.name: e for e in EXPERIMENTS if e.procedure is not TRAINING}


@pytest.mark.parametrize("name", [n for n in SMALLEST if n not in ("masks", "fig4_right")])
def test_experiments_that_train_nothing_measure_what_they_declare(name):
    experiment = SMALLEST[name]
    (metrics,) = measured_by(experiment.procedure, experiment.jobs(Tier.SMOKE)[:1], CALL)
    assert all(math.isfinite(value) for value in metrics.scalars.values())


@pytest.mark.parametrize("experiment", [e for e in EXPERIMENTS if e.procedure is TRAINING], ids=lambda e: e.name)
def test_every_training_experiment_prepares_every_smoke_arm(experiment):
    """Arms differ in method, initialisation and rate; each must find its mask and its first weights."""
    for c in {replace(c, freezing_rate=0.5 if c.freezing_rate else 0.0) for c in experiment.smoke.cells}:
        data = images_of(c.setting.dataset, CALL.data_dir, CALL.device)
        prepared = prepare(c, 0, data)
        assert (c.method == "baseline") == (not prepared.run.mask)
        assert prepared.run.model(data.images[:2]).isfinite().all()
