import pytest
import torch
from torch import nn

from common.train.best import Best
from common.train.program import Program


def networks(count):
    return [nn.Sequential(nn.Flatten(-3), nn.Linear(4, 2)) for _ in range(count)]


def fill(models, value):
    """Write a number that says which epoch it is into every weight."""
    with torch.no_grad():
        for model in models:
            model[1].weight.fill_(value)


def stopped(losses, patience):
    """Follow validation losses [epochs][R]; return (who trains after each epoch, the best so far, networks)."""
    models = networks(len(losses[0]))
    stopping = Best(Program(models), patience)
    training = []
    for epoch, of_epoch in enumerate(losses, start=1):
        fill(models, epoch)
        stopping.see(-torch.tensor(of_epoch), epoch)
        training.append(stopping.training.tolist())
    return training, stopping, models


def test_a_run_stops_after_patience_epochs_without_improvement():
    training, stopping, _ = stopped([[3.0], [2.0], [2.5], [2.0], [1.0]], patience=2)
    assert training == [[True], [True], [True], [False], [False]]  # 2.0 again is no improvement; 1.0 comes too late
    assert stopping.moment.tolist() == [2]
    assert stopping.last.tolist() == [4]
    assert stopping.score.tolist() == [-2.0]


def test_runs_stop_on_their_own_and_each_gets_its_own_best_weights_back():
    losses = [[1.0, 5.0, 3.0], [2.0, 4.0, 4.0], [2.0, 3.0, 1.0], [2.0, 2.0, 2.0]]
    training, stopping, models = stopped(losses, patience=2)
    assert training[2] == [False, True, True]
    assert stopping.moment.tolist() == [1, 4, 3]
    assert stopping.last.tolist() == [3, 4, 4]
    stopping.restore()
    assert [model[1].weight.unique().tolist() for model in models] == [[1.0], [4.0], [3.0]]


def test_the_best_weights_come_back_not_the_last_for_a_network_alone():
    models = [nn.Sequential(nn.Conv2d(1, 40, 2), nn.BatchNorm2d(40), nn.Flatten(-3), nn.Linear(40, 2))]
    program = Program(models)
    assert not program.stacked
    stopping = Best(program, 5)
    for epoch, loss in enumerate((2.0, 1.0, 3.0), start=1):
        with torch.no_grad():
            models[0][1].running_mean.fill_(epoch)
            models[0][3].weight.fill_(epoch)
        stopping.see(torch.tensor([-loss]), epoch)
    stopping.restore()
    assert models[0][3].weight.unique().tolist() == [2.0]
    assert models[0][1].running_mean.unique().tolist() == [2.0]


def test_a_run_that_diverges_is_not_taken_back_to_weights_it_never_trained():
    _, stopping, models = stopped([[float("nan"), 1.0], [float("nan"), 2.0]], patience=3)
    assert stopping.moment.tolist() == [-1, 1]
    stopping.restore()
    assert [model[1].weight.unique().tolist() for model in models] == [[2.0], [1.0]]


def test_a_patience_of_no_epoch_is_refused():
    with pytest.raises(ValueError, match="patience of 0"):
        Best(Program(networks(1)), 0)


def test_without_patience_every_run_trains_on_and_keeps_its_first_best_state():
    training, best, models = stopped([[-3.0], [-5.0], [-5.0], [-1.0]], patience=None)
    assert training == [[True]] * 4
    assert (best.moment.tolist(), best.last.tolist()) == ([2], [4])
    assert best.state["1.weight"].unique().tolist() == [2.0]
    assert models[0][1].weight.unique().tolist() == [4.0]


def test_moment_0_may_be_the_best():
    best = Best(Program(networks(2)))
    best.see(torch.tensor([3, 0]), 0)
    best.see(torch.tensor([3, 1]), 5)
    assert best.moment.tolist() == [0, 5]


def test_what_is_saved_goes_on_as_if_nothing_had_happened():
    _, whole, _ = stopped([[3.0, 1.0], [2.0, 4.0], [2.5, 5.0]], patience=2)
    _, half, models = stopped([[3.0, 1.0], [2.0, 4.0]], patience=2)
    again = Best(Program(networks(2)), 2)
    again.load_state_dict(half.state_dict())
    fill(models, 3)
    again.see(-torch.tensor([2.5, 5.0]), 3)
    for name in ("score", "moment", "last", "training"):
        assert torch.equal(getattr(again, name), getattr(whole, name)), name
    assert torch.equal(again.state["1.weight"], whole.state["1.weight"])
