from dataclasses import replace

import pytest
import torch

from common.models.architecture import architecture
from common.models.grouped import grouped_resnet
from papers.sequential_learning.follow import follow, shape
from papers.sequential_learning.negative_pretraining.bias_reset import BiasReset
from papers.sequential_learning.path import Stage, Task
from papers.sequential_learning.stage import Measures
from tests.papers.sequential_learning.tiny import (
    AGAIN,
    BLUR,
    CALL,
    CLASSES,
    LONG,
    MLP,
    PLAIN,
    QUICK,
    SHARP,
    STOPPED,
    STOPPING,
    Shake,
    learners,
    require_by_hand,
    two,
    weights_of,
)

pytestmark = pytest.mark.usefixtures("tiny_data")


def test_results_come_in_the_order_of_the_runs_whatever_the_shapes_of_their_paths(programs):
    paths = [
        PLAIN[0],
        (Stage(SHARP, LONG),),
        STOPPING[0],
        PLAIN[1],
        (*two(), Stage(Task("other"), QUICK)),
        (Stage(SHARP, replace(LONG, rate=0.3)),),
        (Stage(replace(SHARP, share=0.5), LONG),),
        (Stage(SHARP, replace(LONG, momentum=0.0)),),
    ]
    found = require_by_hand(learners(paths), MLP)
    assert [len(passages) for passages in found] == [2, 1, 2, 2, 3, 1, 1, 1]
    assert sorted(programs) == [1] * 2 + [1] * 3 + [1] + [1] + [2] + [2] * 2


def test_what_a_run_computes_does_not_depend_on_its_neighbours():
    for paths in (PLAIN, STOPPING):
        together = list(follow(learners(paths), MLP, CALL))
        for seed, path in enumerate(paths):
            (alone,) = follow(learners([path], seeds=[seed]), MLP, CALL)
            for passage, expected in zip(together[seed], alone, strict=True):
                assert passage.loss == pytest.approx(expected.loss)
                assert passage.validation_loss == pytest.approx(expected.validation_loss)
                assert passage.best_epoch == expected.best_epoch
                assert passage.test_loss == pytest.approx(expected.test_loss)


def test_the_same_runs_are_the_same_to_the_last_bit():
    paths = [*PLAIN, *STOPPING]
    first, second = (list(follow(learners(paths), MLP, CALL)) for _ in range(2))
    for passages, again in zip(first, second, strict=True):
        for passage, other in zip(passages, again, strict=True):
            assert {**vars(passage), "seconds": 0} == {**vars(other), "seconds": 0}


def arms_of_a_replicate(first):
    """Return paths of one seed that begin alike and part at some task, among them one that is another's beginning."""
    reset = Stage(SHARP, replace(AGAIN, epochs=5), (BiasReset(),))
    last = replace(reset, before=())
    return [
        (first, last),
        (first, reset),
        (first, replace(last, before=(Shake(),))),
        (first,),  # the last task of its path, in another order
        (first, last),  # the same once more
        (replace(first, before=(Shake(),)), last),
        (first, last, reset),
        (first, last, replace(reset, process=replace(AGAIN, epochs=5, rate=0.01))),
        (first, reset, reset),
    ]


@pytest.mark.parametrize("first", [Stage(SHARP, QUICK), Stage(BLUR, STOPPED), Stage(replace(BLUR, shift=0.25), QUICK)])
def test_arms_of_a_replicate_that_begin_alike_are_runs_of_their_own(first):
    paths = arms_of_a_replicate(first)
    found = require_by_hand(learners(paths, seeds=[3] * len(paths)), MLP)
    assert found[0][1].loss == found[4][1].loss
    assert found[0][0].loss == found[1][0].loss
    assert found[0][1].test_loss != found[1][1].test_loss


def test_what_arms_of_a_replicate_have_in_common_is_trained_once(programs):
    first = Stage(BLUR, QUICK)
    paths = arms_of_a_replicate(first)
    list(follow(learners(paths * 2, seeds=[3] * len(paths) + [4] * len(paths)), MLP, CALL))
    # of each seed two beginnings and four ends of two tasks, one task alone, then one, two and three of three tasks
    assert programs == [2 * 2, 2 * 4, 2 * 1, 2 * 1, 2 * 2, 2 * 3]


def test_shared_training_is_counted_once_and_its_runs_go_their_own_ways():
    paths = [(Stage(SHARP, QUICK), Stage(SHARP, LONG, before)) for before in ((), (BiasReset(),), ())]
    runs = learners(paths, seeds=[3] * 3)
    found = list(follow(runs, MLP, CALL, Measures(weights_of, weights_of)))
    assert [passages[0].seconds > 0 for passages in found] == [True, False, False]
    assert [passages[1].seconds > 0 for passages in found] == [True, True, False]
    for name in ("seen", "ends"):
        firsts = [getattr(passages[0], name)["weight"] for passages in found]
        assert torch.equal(firsts[0], firsts[1])
    states = [run.model.state_dict() for run in runs]
    assert all(torch.equal(value, states[2][name]) for name, value in states[0].items())
    assert not torch.equal(states[0]["1.weight"], states[1]["1.weight"])
    with torch.no_grad():
        states[0]["1.weight"].zero_()
    assert not (states[2]["1.weight"] == 0).any()  # networks of their own


def test_networks_on_their_own_share_their_beginning_too(programs):
    model = architecture(grouped_resnet, num_classes=CLASSES, width=5, depth=1)
    setting = replace(MLP, model=model, batch_size=7)
    quick = replace(QUICK, rate=0.01)
    paths = [(Stage(BLUR, quick), Stage(SHARP, quick, before)) for before in ((), (BiasReset(),))]
    require_by_hand(learners(paths, setting, seeds=[3, 3]), setting)
    assert programs == [1, 1, 1]


def test_a_program_shares_what_its_paths_have_in_common():
    def alike(first, second):
        return shape((first,)) == shape((second,))

    stage = Stage(SHARP, STOPPED)
    for same in (
        Stage(BLUR, STOPPED),
        Stage(replace(SHARP, shift=0.5, flip=True), STOPPED),
        Stage(SHARP, replace(STOPPED, rate=1.0, weight_decay=0.5, decay=0.5)),
        Stage(SHARP, STOPPED, (BiasReset(),)),
    ):
        assert alike(stage, same)
    for other in (
        Stage(Task("other"), STOPPED),
        Stage(replace(SHARP, share=0.5), STOPPED),
        Stage(SHARP, replace(STOPPED, epochs=1)),
        Stage(SHARP, replace(STOPPED, patience=5)),
        Stage(SHARP, replace(STOPPED, patience=None)),
        Stage(SHARP, replace(STOPPED, momentum=0.5)),
    ):
        assert not alike(stage, other)
