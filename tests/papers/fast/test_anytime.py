import copy
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import nn

from common.errors import UsageError
from common.models.small_cnn import FEATURES, small_cnn
from common.train.batches import StratifiedBatches
from common.train.evaluate import accuracy
from common.train.optimizers import SGD, Adam, Nesterov, RAdam
from papers.fast.adoption import Adopted, Start
from papers.fast.anytime import Run, Schedule, adapt
from papers.fast.by_hand import fine_tune, with_source_head
from papers.fast.tasks import Task
from tests.fake_gpu import FakeGpu

torch.set_num_threads(1)
CLASSES, BATCH = 3, 6
NORMAL, MOMENTUM = Start("normal", 0.1), SGD(0.9)
RATES = ((0.3, 0.03, 5), (0.02, 0.1, 6), (0.05, 0.05, 7))  # alpha, beta, seed


def problem(seed, classes=CLASSES, dtype=torch.float64, noise=2.0):
    """Images around one random pattern a class: 30 to train with, 30 to validate and 45 to test."""
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.randn(classes, 1, 8, 8, generator=generator, dtype=torch.float64)

    def draw(count):
        labels = torch.arange(count) % classes
        drawn = torch.randn(count, 1, 8, 8, generator=generator, dtype=torch.float64)
        return (patterns[labels] + noise * drawn).to(dtype), labels

    images, labels = draw(60)
    return Task(images, labels, torch.arange(30), torch.arange(30, 60), *draw(45), classes, ())


def linear():
    return nn.Sequential(nn.Flatten(-3), nn.Linear(64, FEATURES), nn.ReLU())


def wide():
    return nn.Sequential(
        nn.Conv2d(1, 40, 3), nn.BatchNorm2d(40), nn.ReLU(), nn.Flatten(-3), nn.Linear(1440, FEATURES), nn.ReLU()
    )


def with_dropout():
    return nn.Sequential(small_cnn(), nn.Dropout(0.0))


TARGET, SOURCE = problem(0), problem(1, classes=5)


def adopted(kind=small_cnn, start=NORMAL, seed=0, dtype=torch.float64):
    """Adopt the one pretrained extractor of a kind, the same at every call but for W(0)."""
    torch.manual_seed(0)
    extractor, head = kind(), nn.Linear(FEATURES, 5, bias=False)
    weight = start.draw(CLASSES, FEATURES, torch.Generator().manual_seed(seed))
    return Adopted(extractor.to(dtype), head.to(dtype), weight).to(dtype)


def runs(kind=small_cnn, rates=RATES, **fields):
    return [Run(adopted(kind, seed=seed, **fields), alpha, beta, seed) for alpha, beta, seed in rates]


def batches(run, schedule, target=TARGET):
    drawn = StratifiedBatches(target.labels, target.train, target.num_classes, schedule.batch_size, run.seed)
    return drawn.draw(schedule.steps)


def assert_same_state(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-8, atol=1e-10, msg=name)


def assert_same_bits(found, expected):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize(
    ("kind", "every_step"),
    [(small_cnn, False), (small_cnn, True), (linear, True), (with_dropout, False), (wide, True)],
)
def test_a_run_goes_through_what_the_definition_says(kind, every_step):
    schedule = Schedule(21, BATCH, MOMENTUM, every_step)
    ours, theirs = runs(kind), runs(kind)
    together = [ours] if kind in (small_cnn, linear) else [[run] for run in ours]
    histories = [history for group in together for history in adapt(group, schedule, TARGET, SOURCE)]
    for run, by_hand, history in zip(ours, theirs, histories, strict=True):
        expected = fine_tune(by_hand, schedule, batches(by_hand, schedule), TARGET, SOURCE)
        assert history.target == pytest.approx(expected["target"])
        assert history.source == pytest.approx(expected["source"])
        assert history.validation == pytest.approx(expected["validation"])
        assert_same_state(run.model.state_dict(), by_hand.model.state_dict())
        assert history.norm[-1] == pytest.approx(by_hand.model.classifier.weight.norm().item())
        assert history.switched_at is None
    assert len({tuple(history.validation) for history in histories}) == 3, "a stack of different runs"


def test_a_network_that_does_not_stack_goes_through_the_same():
    schedule = Schedule(13, BATCH, MOMENTUM)
    stacked = adapt(runs(small_cnn), schedule, TARGET, SOURCE)
    for run, expected in zip(runs(with_dropout), stacked, strict=True):
        (alone,) = adapt([run], schedule, TARGET, SOURCE)
        assert (alone.target, alone.source, alone.validation) == (expected.target, expected.source, expected.validation)
        assert alone.norm == pytest.approx(expected.norm)
        assert alone.best_step == expected.best_step


@pytest.mark.parametrize("optimizer", [MOMENTUM, Nesterov(), Adam(), RAdam()])
def test_what_a_run_goes_through_depends_on_no_neighbour(optimizer):
    # Adam makes full steps of the rounding errors that BatchNorm leaves of the gradients of biases before it
    kind = linear if isinstance(optimizer, Adam | RAdam) else small_cnn
    schedule = Schedule(13, BATCH, optimizer)
    group = runs(kind)
    together = adapt(group, schedule, TARGET, SOURCE)
    for i, own in enumerate(RATES):
        (run,) = runs(kind, [own])
        (alone,) = adapt([run], schedule, TARGET, SOURCE)
        assert alone.target == together[i].target
        assert alone.source == together[i].source
        assert alone.validation == together[i].validation
        assert alone.best_step == together[i].best_step
        assert_same_state(run.model.state_dict(), group[i].model.state_dict())
        assert_same_state(alone.best_state, together[i].best_state)


def test_the_same_runs_twice_are_the_same_bit_by_bit():
    target, source = problem(0, dtype=torch.float32), problem(1, 5, torch.float32)
    schedule = Schedule(13, BATCH, MOMENTUM)
    first, second = (adapt(runs(dtype=torch.float32), schedule, target, source) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert (a.target, a.source, a.validation, a.norm) == (b.target, b.source, b.validation, b.norm)
        assert_same_bits(a.best_state, b.best_state)


def mislabelled(task):
    """Let validation prefer what training drives out."""
    labels = task.labels.clone()
    labels[task.validation] = (labels[task.validation] + 1) % task.num_classes
    return replace(task, labels=labels)


def test_what_is_deployed_is_the_state_that_validated_best_not_the_last_nor_the_one_that_tests_best():
    clean = problem(0, noise=0.3)
    target = mislabelled(clean)
    schedule = Schedule(21, BATCH, MOMENTUM, every_step=True)
    for run in runs(rates=[(0.05, 0.01, 5), (0.02, 0.02, 6)]):
        start = copy.deepcopy(run.model)
        (history,) = adapt([run], schedule, target, SOURCE)
        assert accuracy(run.model, clean.test_images, clean.test_labels) > 0.9, "the last state tests best"
        best = max(history.validation)
        assert history.best_step == history.validation.index(best) < 5
        deployed = copy.deepcopy(start)
        deployed.load_state_dict(history.best_state)
        validated = target.images[target.validation], target.labels[target.validation]
        assert accuracy(deployed, *validated) == pytest.approx(best)
        late = [i for i, step in enumerate(schedule.checkpoints) if step >= history.best_step]
        tested = accuracy(deployed, target.test_images, target.test_labels)
        known = accuracy(with_source_head(deployed), SOURCE.test_images, SOURCE.test_labels)
        assert [history.target[i] for i in late] == pytest.approx([tested] * len(late))
        assert [history.source[i] for i in late] == pytest.approx([known] * len(late))
        assert tested < 0.9


def test_of_equally_good_states_the_first_is_kept():
    (run,) = runs(rates=[(0.0, 0.0, 5)])
    flat = replace(TARGET, validation=TARGET.validation[:1])
    before = copy.deepcopy(run.model.state_dict())
    (history,) = adapt([run], Schedule(2, BATCH, MOMENTUM), flat, SOURCE)
    assert len(set(history.validation)) == 1
    assert history.best_step == 0
    assert_same_bits(history.best_state, before)
    assert not torch.equal(run.model.state_dict()["extractor.1.running_mean"], before["extractor.1.running_mean"])


def test_validating_and_testing_change_nothing():
    (run,) = runs(rates=[(0.1, 0.1, 5)])
    before = copy.deepcopy(run.model.state_dict())
    (history,) = adapt([run], Schedule(0, BATCH, MOMENTUM), TARGET, SOURCE)
    assert (len(history.target), len(history.source), len(history.validation)) == (1, 1, 1)
    assert_same_bits(run.model.state_dict(), before)
    (again,) = runs(rates=[(0.1, 0.1, 5)])
    adapt([again], Schedule(5, BATCH, MOMENTUM), TARGET, SOURCE)
    assert again.model.state_dict()["extractor.1.num_batches_tracked"] == 5


def test_alpha_moves_the_classifier_alone_and_beta_the_extractor_alone():
    schedule = Schedule(3, BATCH, MOMENTUM)
    for rates, moving in (((0.1, 0.0, 5), "classifier"), ((0.0, 0.1, 5), "extractor")):
        (run,) = runs(rates=[rates])
        before = copy.deepcopy(run.model)
        adapt([run], schedule, TARGET, None)
        for name, value in run.model.named_parameters():
            assert torch.equal(value, before.get_parameter(name)) == (not name.startswith(moving)), name


def test_without_a_source_task_nothing_is_said_of_it():
    histories = adapt(runs(), Schedule(3, BATCH, MOMENTUM), TARGET, None)
    assert all(history.source == [] and len(history.target) == 4 for history in histories)


class Recorder:
    """An augmentation that changes nothing and writes down which images it saw, by their first pixel."""

    def __init__(self):
        self.seen = []

    def __call__(self, images, generator):
        self.seen.append(images[:, 0, 0, 0].round().long())
        return images


def test_a_run_trains_on_its_own_stratified_batches_of_training_images():
    images = TARGET.images.clone()
    images[:, 0, 0, 0] = torch.arange(len(images))
    recorded = {}
    for group in ((5, 6), (6,)):
        recorder = Recorder()
        target = replace(TARGET, images=images, augment=(recorder,))
        adapt(runs(linear, [(1e-6, 1e-6, seed) for seed in group]), Schedule(10, BATCH, MOMENTUM), target, None)
        for place, seed in enumerate(group):
            recorded[group, seed] = torch.stack(recorder.seen[place :: len(group)])
    for batches_of_run in recorded.values():
        assert batches_of_run.shape == (10, BATCH)
        assert all(TARGET.labels[batch].bincount().tolist() == [2, 2, 2] for batch in batches_of_run)
        assert set(batches_of_run.flatten().tolist()) == set(TARGET.train.tolist()), "each once before any comes again"
    assert torch.equal(recorded[(5, 6), 6], recorded[(6,), 6]), "a neighbour has no say"
    assert not torch.equal(recorded[(5, 6), 5], recorded[(5, 6), 6]), "two seeds, two orders"


def test_every_run_augments_with_its_own_random_numbers():
    drawn = {}
    for group in ((5, 6), (6,)):
        seen = []

        def noise(images, generator, seen=seen):
            seen.append(torch.rand(1, generator=generator).item())
            return images

        target = replace(TARGET, augment=(noise,))
        adapt(runs(linear, [(0.1, 0.1, seed) for seed in group]), Schedule(3, BATCH, MOMENTUM), target, None)
        for place, seed in enumerate(group):
            drawn[group, seed] = seen[place :: len(group)]
    assert drawn[(5, 6), 6] == drawn[(6,), 6] != drawn[(5, 6), 5]


@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 0.1), (0.1, 0.0)])
def test_from_a_zero_start_the_first_step_moves_the_classifier_alone(alpha, beta):
    (run,) = runs(rates=[(alpha, beta, 5)], start=Start("zero"))
    before = {name: value.detach().clone() for name, value in run.model.extractor.named_parameters()}
    (history,) = adapt([run], Schedule(1, BATCH, MOMENTUM), TARGET, SOURCE)
    assert history.norm[0] == 0.0 < history.norm[1]
    assert history.target[0] == pytest.approx(1 / CLASSES)
    assert_same_bits(dict(run.model.extractor.named_parameters()), before)


def test_a_history_has_a_number_for_every_checkpoint_and_every_validation():
    schedule = Schedule(34, BATCH, MOMENTUM)
    (history,) = adapt(runs(linear, RATES[:1]), schedule, TARGET, SOURCE)
    assert schedule.checkpoints == [0, 1, 2, 3, 5, 8, 13, 21, 34]
    assert schedule.validations == [0, 1, 3, 6, 10, 15, 21, 28]
    assert Schedule(3, BATCH, MOMENTUM, every_step=True).validations == [0, 1, 2, 3]
    assert len(history.target) == len(history.source) == len(history.norm) == 9
    assert len(history.validation) == 8
    assert history.seconds > 0.0


def test_batches_drawn_in_parts_are_the_batches_drawn_at_once(monkeypatch):
    schedule = Schedule(13, BATCH, MOMENTUM)
    (whole,) = adapt(runs(rates=RATES[:1]), schedule, TARGET, SOURCE)
    monkeypatch.setattr("papers.fast.anytime.DRAWN_AHEAD", 4)
    monkeypatch.setattr("papers.fast.anytime.TESTED_AT_ONCE", 7)
    (parts,) = adapt(runs(rates=RATES[:1]), schedule, TARGET, SOURCE)
    assert (parts.target, parts.source, parts.validation) == (whole.target, whole.source, whole.validation)
    assert_same_state(parts.best_state, whole.best_state)


def test_impossible_batches_are_refused():
    with pytest.raises(UsageError, match="a batch of 7 cannot hold equally many images of 3 classes"):
        adapt(runs(linear), Schedule(3, 7, MOMENTUM), TARGET, SOURCE)
    lacking = replace(TARGET, train=TARGET.train[TARGET.labels[TARGET.train] != 2])
    with pytest.raises(UsageError, match="class 2 has no image to train on"):
        adapt(runs(linear), Schedule(3, BATCH, MOMENTUM), lacking, SOURCE)


def test_networks_that_do_not_stack_are_no_program():
    with pytest.raises(ValueError, match="do not stack"):
        adapt(runs(with_dropout), Schedule(3, BATCH, MOMENTUM), TARGET, SOURCE)


def dropping():
    return nn.Sequential(small_cnn(), nn.Dropout(0.5))


def test_dropout_follows_from_the_seed_alone():
    schedule = Schedule(4, BATCH, MOMENTUM)
    first, other, second = (runs(dropping, RATES[i : i + 1]) for i in (1, 0, 1))
    before = torch.get_rng_state()
    (history,) = adapt(first, schedule, TARGET, None)
    adapt(other, schedule, TARGET, None)
    (again,) = adapt(second, schedule, TARGET, None)
    assert torch.equal(torch.get_rng_state(), before)
    assert_same_bits(again.best_state, history.best_state)


def test_dropout_draws_anew_at_every_step(monkeypatch):
    seen = []

    def drop(layer, features):
        if layer.training:
            seen.append(torch.rand(()).item())
        return features

    monkeypatch.setattr(nn.Dropout, "forward", drop)
    for run in (runs(dropping, RATES[i : i + 1]) for i in (0, 1)):
        adapt(run, Schedule(4, BATCH, MOMENTUM), TARGET, None)
    assert len(seen) == len(set(seen)) == 8


DEVICES = [
    "fake",
    pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("warm_up", ["none", "updating", "inference"])
def test_a_gpu_adapts_as_a_cpu_does(warm_up, device):
    schedule = Schedule(12, BATCH, MOMENTUM, warm_up != "none", warm_up)
    expected = adapt(runs(), schedule, TARGET, SOURCE)
    with FakeGpu() if device == "fake" else nullcontext():
        there = runs()
        for run in there:
            run.model.to("cuda")
            run.model.source.to("cuda")
        found = adapt(there, schedule, on_a_gpu(TARGET), on_a_gpu(SOURCE))
        states = [{name: value.cpu() for name, value in history.best_state.items()} for history in found]
    for mine, theirs, state in zip(found, expected, states, strict=True):
        assert mine.target == pytest.approx(theirs.target)
        assert mine.source == pytest.approx(theirs.source)
        assert mine.norm == pytest.approx(theirs.norm, rel=1e-6)
        assert (mine.best_step, mine.switched_at) == (theirs.best_step, theirs.switched_at)
        for name, value in theirs.best_state.items():
            torch.testing.assert_close(state[name], value, rtol=1e-6, atol=1e-7, msg=name)


def on_a_gpu(task):
    names = ("images", "labels", "test_images", "test_labels")
    return replace(task, **{name: getattr(task, name).to("cuda") for name in names})
