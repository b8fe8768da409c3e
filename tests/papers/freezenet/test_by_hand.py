"""The engine trains what the plain loop trains, on real digits, all arms as one program."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from common.datasets.splits import train_validation_split
from common.experiment import Job
from common.models.architecture import build
from common.models.init import initialise
from common.models.weights import weight_tensors
from common.run.call import Call
from common.seeds import stream
from common.train.batches import shuffled_epochs
from common.train.evaluate import accuracy
from common.train.fit import fit
from common.train.schedules import DropAtEpochs
from papers.freezenet.by_hand import freezenet
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import DIGITS, Cell
from papers.freezenet.training import images_of, prepare
from tests.measured import measured

CALL = Call(torch.device("cpu"), Path("no data needed"))
DATA = images_of(DIGITS.dataset, CALL.data_dir, CALL.device)
SEED, EPOCHS = 3, 4
SETTING = replace(DIGITS, recipe=replace(DIGITS.recipe, epochs=EPOCHS, schedule=DropAtEpochs((2,))))
CELLS = [
    Cell(SETTING, "baseline", 0.0),
    Cell(SETTING, "freezenet", 0.9),
    Cell(SETTING, "snip", 0.9),
    Cell(SETTING, "freezenet", 0.98),
]


def by_hand(cell):
    """Draw what a replicate draws, and train it; return the network too, as it began and as it ended."""
    split = torch.Generator().manual_seed(stream(SEED, "split"))
    train, validation = train_validation_split(len(DATA.images), Fraction("1/10"), split)
    model, first = build(SETTING.model), build(SETTING.model)
    for network in (model, first):
        initialise(network, "xavier_normal", stream(SEED, "initialisation"))
    scoring = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(stream(SEED, "mask")))][:100]
    orders = shuffled_epochs(train[None], EPOCHS, 100, [stream(SEED, "order")], ragged=True)
    epochs = ([batch for (batch,) in epoch] for epoch in orders)
    return freezenet(model, cell, scoring, epochs, validation, DATA), first, model


@pytest.fixture(scope="module")
def plain():
    return [by_hand(cell) for cell in CELLS]


def test_weights_masks_and_early_stopping_are_those_of_the_plain_loop(plain):
    runs = [prepare(cell, SEED, DATA).run for cell in CELLS]
    histories = fit(runs, SETTING.recipe, DATA.images, DATA.labels)
    for run, history, (found, _, model) in zip(runs, histories, plain, strict=True):
        assert all(torch.equal(mask, found.mask[name]) for name, mask in run.mask.items())
        assert history.validation_accuracy == pytest.approx(found.validation)
        assert history.best_epoch == found.best_epoch
        for state, network in ((run.model.state_dict(), model), (history.best_state, found.best)):
            for name, value in network.state_dict().items():
                torch.testing.assert_close(state[name], value, rtol=1e-5, atol=2e-6)


def test_what_is_measured_is_what_the_plain_loop_comes_to(plain):
    metrics = measured(TRAINING, [Job(TRAINING, cell, SEED) for cell in CELLS], CALL)
    for own, (found, _, model) in zip(metrics, plain, strict=True):
        test = [accuracy(network, DATA.test_images, DATA.test_labels) for network in (found.best, model)]
        assert [own.scalars["test_accuracy"], own.scalars["final_test_accuracy"]] == pytest.approx(test)
        assert own.scalars["validation_accuracy"] == pytest.approx(max(found.validation))
        assert max(found.validation) > 0.8
        assert own.scalars["trainable_weights"] == sum(int(mask.sum()) for mask in found.mask.values())


def test_only_what_trains_moves(plain):
    for cell, (found, first, model) in zip(CELLS, plain, strict=True):
        for name, weight in weight_tensors(model).items():
            mask, start = found.mask[name], weight_tensors(first)[name]
            left = torch.zeros_like(start) if cell.method == "snip" else start
            assert torch.equal(weight[~mask], left[~mask])
            assert not torch.equal(weight[mask], start[mask])
        assert (cell.method == "baseline") == all(bool(mask.all()) for mask in found.mask.values())
