"""The engine trains what the plain loop trains, on real digits."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.experiment import Job
from common.models.architecture import build
from common.models.init import initialise
from common.run.call import Call
from common.seeds import stream
from common.train.batches import shuffled_epochs
from papers.plasticity.by_hand import averaged, warm_start
from papers.plasticity.data import data_of
from papers.plasticity.measures import Stage
from papers.plasticity.procedures import TRAINING
from papers.plasticity.settings import DIGITS, scratch, warm
from papers.plasticity.splits import stage_sets
from papers.plasticity.training import prepare, together
from tests.measured import measured

CALL = Call(torch.device("cpu"), Path("no data needed"))
DATA = data_of(DIGITS.dataset, CALL.data_dir, CALL.device)
SEED = 3
SETTING = replace(DIGITS, pretraining=4, epochs=5, averaged=2, required=0.0)
ARMS = {
    "warm start": warm(SETTING),
    "scratch": scratch(SETTING),
    "scratch, trained on": scratch(SETTING, extra=2),
    "reset": replace(warm(SETTING), reset="23"),
    "all reset": replace(warm(SETTING), reset="123"),
    "gradient descent": replace(warm(SETTING, rate=0.1, optimizer="sgd"), rate=0.2),
}


def plain(cell):
    """Draw what a replicate draws, and train it; return the network too."""
    split = torch.Generator().manual_seed(stream(SEED, "split"))
    sets = stage_sets(DATA.labels, 10, cell.stages, 1.0, split)
    lengths = [*[cell.pretraining] * cell.stages, SETTING.epochs + cell.extra]
    orders = []
    for stage, (own, length) in enumerate(zip(sets, lengths, strict=True)):
        name = f"order of stage {stage if stage < cell.stages else -1}"
        epochs = shuffled_epochs(own[None], length, SETTING.batch_size, [stream(SEED, name)])
        orders.append([[batch for (batch,) in epoch] for epoch in epochs])
    model, fresh = build(SETTING.model), build(SETTING.model)
    initialise(model, "kaiming_uniform", stream(SEED, "initialisation"))
    initialise(fresh, "kaiming_uniform", stream(SEED, "reset"))
    (once,) = shuffled_epochs(sets[-1][None], 1, SETTING.batch_size, [stream(SEED, "gradient noise")])
    return warm_start(model, fresh, cell, sets, orders, [batch for (batch,) in once], DATA), model


@pytest.fixture(scope="module")
def expected():
    return {arm: plain(cell) for arm, cell in ARMS.items()}


@pytest.mark.parametrize("arm", ARMS)
def test_weights_are_those_of_the_plain_loop(arm, expected):
    runs = [prepare(ARMS[arm], seed, DATA) for seed in (SEED, SEED + 1)]
    list(together(runs, DATA))
    for name, value in expected[arm][1].state_dict().items():
        torch.testing.assert_close(runs[0].model.state_dict()[name], value, rtol=1e-5, atol=2e-6)
        assert not torch.allclose(runs[1].model.state_dict()[name], value, rtol=1e-2)


def test_what_is_measured_is_what_the_plain_loop_comes_to(expected):
    metrics = measured(TRAINING, [Job(TRAINING, cell, SEED) for cell in ARMS.values()], CALL)
    for (arm, cell), own in zip(ARMS.items(), metrics, strict=True):
        *before, tuning = expected[arm][0]
        assert own.scalars["test_accuracy"] == pytest.approx(averaged(tuning, cell), rel=1e-5)
        assert own.curves["test_accuracy"] == pytest.approx(tuning.test, rel=1e-5)
        assert own.curves["training_loss"] == pytest.approx(tuning.loss, rel=1e-5)
        assert own.curves["training_accuracy"] == pytest.approx(tuning.train)
        assert own.curves["gradient_noise"] == pytest.approx(tuning.noise, rel=1e-3)
        assert own.scalars["training_accuracy"] == pytest.approx(max(tuning.train[:2]))
        assert own.scalars.get("pretraining_accuracy") == (pytest.approx(max(before[0].train)) if before else None)
    assert len({own.scalars["training_loss"] for own in metrics}) == len(ARMS)


def test_what_counts_is_the_mean_over_the_last_epochs_of_tuning():
    tuning = Stage([], [0.1, 0.2, 0.3, 0.5, 0.9, 1.0, 1.0], [1.0])
    assert averaged(tuning, scratch(SETTING, extra=2)) == pytest.approx(0.7)
