import pytest

from common.train.schedules import DropAtEpochs, DropEverySteps, shortened


def test_every_25_000_steps_over_250_epochs_of_540_steps():
    schedule = DropEverySteps(25_000)
    assert [schedule.factor(step, 540) for step in (0, 24_999)] == [1.0, 1.0]
    assert schedule.factor(25_000, 540) == pytest.approx(0.1)
    assert 0.1 * schedule.factor(134_999, 540) == pytest.approx(1e-6)


def test_after_epochs_30_60_80():
    schedule = DropAtEpochs((30, 60, 80))
    factors = [schedule.factor(epoch * 704 + step, 704) for epoch, step in ((29, 703), (30, 0), (60, 0), (99, 0))]
    assert factors == pytest.approx([1.0, 0.1, 0.01, 0.001])


def test_a_length_is_shortened_to_something_of_what_there_was():
    assert [shortened(length, 0.1) for length in (0, 1, 20, 100, 350)] == [0, 1, 2, 10, 35]
    assert [shortened(length, 1.0) for length in (0, 1, 350)] == [0, 1, 350]


def test_schedules_are_shortened_with_their_training():
    assert DropEverySteps(25_000).shortened(0.1) == DropEverySteps(2_500)
    assert DropEverySteps(3).shortened(0.1) == DropEverySteps(1)
    assert DropAtEpochs((30, 60, 80)).shortened(0.1) == DropAtEpochs((3, 6, 8))
    assert DropAtEpochs((30, 60, 80)).shortened(0.01) == DropAtEpochs((1, 1, 1)), "the first epoch has the first rate"
