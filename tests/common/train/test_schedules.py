import pytest

from common.train.schedules import DropAtEpochs, DropEverySteps


def test_every_25_000_steps_over_250_epochs_of_540_steps():
    schedule = DropEverySteps(25_000)
    assert [schedule.factor(step, 540) for step in (0, 24_999)] == [1.0, 1.0]
    assert schedule.factor(25_000, 540) == pytest.approx(0.1)
    assert 0.1 * schedule.factor(134_999, 540) == pytest.approx(1e-6)


def test_after_epochs_30_60_80():
    schedule = DropAtEpochs((30, 60, 80))
    factors = [schedule.factor(epoch * 704 + step, 704) for epoch, step in ((29, 703), (30, 0), (60, 0), (99, 0))]
    assert factors == pytest.approx([1.0, 0.1, 0.01, 0.001])
