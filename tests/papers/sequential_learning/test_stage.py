import copy
from dataclasses import replace

import pytest
import torch

from papers.sequential_learning import by_hand, stage
from papers.sequential_learning.follow import follow
from papers.sequential_learning.learner import Learner
from papers.sequential_learning.path import Process, Stage, Task
from papers.sequential_learning.presentation import Presentation
from papers.sequential_learning.stage import Measures, split
from tests.papers.sequential_learning.tiny import (
    AGAIN,
    BLUR,
    CALL,
    CLASSES,
    IMAGES,
    LONG,
    MLP,
    QUICK,
    SHARP,
    STOPPED,
    STOPPING,
    TESTS,
    UNHELD,
    Shake,
    learners,
    tiny,
    weights_of,
)

pytestmark = pytest.mark.usefixtures("tiny_data")


def test_the_target_task_has_the_same_split_order_and_draws_however_many_tasks_go_before(batches):
    target = Stage(replace(SHARP, shift=0.5, flip=True), LONG)
    before = Stage(BLUR, QUICK)
    longer = Stage(Task("other", contrast=0.5), replace(QUICK, epochs=1))
    paths = [(target,), (before, target), (longer, before, target), (replace(before, before=(Shake(),)), target)]
    last, splits = [], []
    for path in paths:
        batches.clear()
        list(follow(learners([path], seeds=[7]), MLP, CALL))
        last.append(batches[-1])
        splits += [stage[1:3] for stage in batches]
    for found in last[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found, last[0], strict=True))
    for own, held_out in splits:  # the split is that of the replicate, whatever the task
        assert torch.equal(own, splits[0][0])
        assert torch.equal(held_out, splits[0][1])
    assert sorted([*splits[0][0][0].tolist(), *splits[0][1][0].tolist()]) == list(range(IMAGES))
    assert len(splits[0][1][0]) == IMAGES // 5


def test_other_stages_and_other_seeds_have_an_order_of_their_own(batches):
    path = (Stage(SHARP, LONG),) * 3
    list(follow(learners([path], seeds=[7]), MLP, CALL))
    list(follow(learners([path], seeds=[8]), MLP, CALL))
    orders = [epochs.flatten().tolist() for epochs, *_ in batches]
    assert len(set(map(tuple, orders))) == 6
    assert not torch.equal(batches[0][1], batches[3][1])


def test_every_run_of_a_program_has_the_split_and_order_of_its_seed(batches):
    paths = [(Stage(SHARP, replace(LONG, rate=rate)),) for rate in (0.01, 0.02, 0.03)]
    list(follow(learners(paths, seeds=[7, 8, 7]), MLP, CALL))
    epochs, own, *_ = batches[0]
    assert torch.equal(epochs[:, :, 0], epochs[:, :, 2])
    assert torch.equal(own[0], own[2])
    assert not torch.equal(own[0], own[1])
    for run in range(3):
        assert set(epochs[:, :, run].flatten().tolist()) <= set(own[run].tolist())


@pytest.mark.parametrize(("share", "count"), [(1.0, 21), (0.5, 10), (0.2, 4)])
def test_a_share_of_the_training_images_is_used_and_the_same_ones_are_held_out(batches, share, count):
    list(follow(learners([(Stage(replace(SHARP, share=share), LONG),)], seeds=[3]), MLP, CALL))
    list(follow(learners([(Stage(SHARP, LONG),)], seeds=[3]), MLP, CALL))
    (epochs, own, held_out, *_), (_, everything, all_held_out, *_) = batches
    assert own.shape == (1, count)
    assert torch.equal(own, everything[:, :count])  # a part of what the whole task trains on
    assert torch.equal(held_out, all_held_out)
    assert set(epochs.flatten().tolist()) <= set(own.flatten().tolist())


def test_a_share_leaves_at_least_one_image():
    own, held_out = split(tiny("tiny"), replace(SHARP, share=0.001), "1/5", 0)
    assert (len(own), len(held_out)) == (1, 5)


def test_observations_are_made_before_training_after_every_epoch_and_at_both_ends():
    runs = learners(STOPPING)
    begun = [copy.deepcopy(run.model.state_dict()["1.weight"]) for run in runs]
    found = list(follow(runs, MLP, CALL, Measures(weights_of, weights_of)))
    for run, weight, (first, second) in zip(runs, begun, found, strict=True):
        for passage in (first, second):
            seen, ends = passage.seen["weight"], passage.ends["weight"]
            assert seen.shape == (1 + len(passage.loss), *weight.shape)
            assert ends.shape == (2, *weight.shape)
            assert torch.equal(ends[0], seen[0])
            assert torch.equal(ends[1], seen[passage.best_epoch])  # the weights handed on
        assert torch.equal(first.seen["weight"][0], weight)
        shaken = len(run.path[1].before)
        assert torch.equal(second.seen["weight"][0], first.ends["weight"][1]) is (not shaken)
        assert torch.equal(second.ends["weight"][1], run.model.state_dict()["1.weight"])


def test_training_shows_new_draws_and_evaluation_fixed_ones(monkeypatch):
    calls = []

    class Noted(Presentation):
        def in_training(self, index):
            calls.append("training")
            return super().in_training(index)

        def fixed(self, index):
            calls.append(("fixed", index.shape[1]))
            return super().fixed(index)

        def to_test(self, index):
            calls.append(("test", index.shape[1]))
            return super().to_test(index)

    monkeypatch.setattr(stage, "Presentation", Noted)
    list(follow(learners([(Stage(BLUR, replace(AGAIN, epochs=2)),)]), MLP, CALL))
    epoch = ["training"] * 5 + [("fixed", 5)]
    assert calls == [("fixed", 21), *epoch, *epoch, ("fixed", 21), ("test", TESTS)]


def test_a_run_that_diverges_keeps_its_last_weights_and_spares_its_neighbours():
    wild = replace(STOPPED, rate=1e30, patience=2)
    runs = learners([(Stage(SHARP, wild),), (Stage(SHARP, replace(STOPPED, patience=2)),)])
    alone = replace(runs[1], model=copy.deepcopy(runs[1].model))
    (diverged,), (sound,) = follow(runs, MLP, CALL)
    assert diverged.best_epoch <= 1
    (expected,) = by_hand.follow(alone, MLP, tiny)
    assert sound.loss == pytest.approx(expected.loss, rel=2e-6)
    assert sound.test_loss == pytest.approx(expected.test_loss)


def test_patience_without_images_to_validate_on_is_refused():
    with pytest.raises(ValueError, match="early stopping needs images to validate on"):
        next(follow(learners([(Stage(SHARP, STOPPED),)], UNHELD), UNHELD, CALL))
    next(follow(learners([(Stage(SHARP, LONG),)], UNHELD), UNHELD, CALL))


def with_dropout(seed):
    model = torch.nn.Sequential(torch.nn.Flatten(-3), torch.nn.Dropout(), torch.nn.Linear(48, CLASSES)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.01)
    return Learner(model, (Stage(Task("tiny"), Process(0.1, 2, 0.0)),), seed)


def test_dropout_depends_on_the_seed_alone():
    single, pair = [with_dropout(1)], [with_dropout(2), with_dropout(1)]
    before = torch.get_rng_state()
    (alone,) = follow(single, UNHELD, CALL)
    other, again = follow(pair, UNHELD, CALL)
    assert torch.equal(torch.get_rng_state(), before)
    assert again[0].loss == alone[0].loss
    assert other[0].loss != alone[0].loss
