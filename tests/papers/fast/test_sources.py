import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from common.datasets.cifar import CIFAR100
from common.datasets.digits import DIGITS
from common.models.init import initialise
from common.models.pretrained import ImageNetInput
from common.models.small_cnn import small_cnn
from common.run.call import Call
from common.train.evaluate import accuracy
from common.train.optimizers import SGD
from papers.fast import settings, sources
from papers.fast.anytime import Schedule
from papers.fast.by_hand import with_source_head
from papers.fast.settings import (
    CIFAR_CIFAR,
    FAN_IN,
    FAN_OUT,
    RESNET,
    RESNEXT_CALTECH,
    ZERO,
    spread,
)
from papers.fast.sources import Source, adopt, source_of
from papers.fast.tasks import task

SAME, ROTATED, ROTATED_PLAIN, OTHER_DIGITS, GRATINGS = (
    replace(setting, source_steps=8)  # the last validation is after 6: no best state is the last
    for setting in (settings.SAME, settings.ROTATED, settings.ROTATED_PLAIN, settings.OTHER_DIGITS, settings.GRATINGS)
)
CALL = Call(torch.device("cpu"), Path("no data needed"))


@pytest.fixture(autouse=True)
def _own_source():
    sources._source.cache_clear()
    yield
    sources._source.cache_clear()


def toy_source():
    torch.manual_seed(0)
    extractor = nn.Sequential(nn.Flatten(-3), nn.Linear(64, 8), nn.ReLU())
    return Source(extractor, nn.Linear(8, 3, bias=False), 8, None)


def test_fast_adopts_with_a_classifier_of_exact_zeros():
    weight = adopt(toy_source(), 10, ZERO, 0).classifier.weight
    assert weight.shape == (10, 8)
    assert (weight == 0.0).all()


def test_the_seed_draws_the_classifier_and_all_starts_from_the_same_numbers():
    source = toy_source()
    drawn = {start: adopt(source, 10, start, 3).classifier.weight for start in (FAN_IN, FAN_OUT, spread(1.0))}
    for start, weight in drawn.items():
        torch.testing.assert_close(weight, drawn[spread(1.0)] * start.deviation(10, 8))
    assert torch.equal(adopt(source, 10, FAN_IN, 3).classifier.weight, drawn[FAN_IN])
    assert not torch.equal(adopt(source, 10, FAN_IN, 4).classifier.weight, drawn[FAN_IN])


def test_an_adopted_extractor_is_a_copy_and_the_source_classifier_is_kept():
    source = toy_source()
    model = adopt(source, 10, FAN_IN, 0)
    before = source.extractor[1].weight.detach().clone()
    assert torch.equal(model.extractor[1].weight, before)
    assert model.source is source.head
    with torch.no_grad():
        model.extractor[1].weight.add_(1.0)
    assert torch.equal(source.extractor[1].weight, before)


def test_a_source_model_is_the_state_that_validated_best_on_its_own_task():
    source = source_of(SAME, CALL)
    history = source.history
    assert len(history.target) == 6, "checkpoints 0, 1, 2, 3, 5 and 8"
    assert max(history.validation) > history.validation[0], "it learnt"
    own = task(DIGITS, CALL.data_dir, CALL.device)
    assert source.task is own
    whole = nn.Sequential(source.extractor, source.head)
    validated = own.images[own.validation], own.labels[own.validation]
    assert accuracy(whole, *validated) == pytest.approx(max(history.validation))
    for name, value in history.best_state.items():
        part, _, rest = name.partition(".")
        assert torch.equal({"extractor": source.extractor, "classifier": source.head}[part].state_dict()[rest], value)


def test_a_source_model_is_trained_as_section_6_2_1_says(monkeypatch):
    """From Kaiming's starts, all of it at 0.01 with heavy-ball momentum 0.9, in batches of 100 for 120 epochs."""
    assert CIFAR_CIFAR.source_steps == 120 * (CIFAR100.train * 95 // 100) // sources.BATCH
    seen = []

    def adapt(runs, schedule, *rest):
        seen.append((*(copy.deepcopy(run) for run in runs), schedule, *rest))
        return fine_tuned(runs, schedule, *rest)

    fine_tuned = sources.adapt
    monkeypatch.setattr(sources, "adapt", adapt)
    source_of(SAME, CALL)
    ((run, schedule, target, before, _),) = seen
    assert (run.alpha, run.beta, run.seed) == (0.01, 0.01, sources.ORDER)
    assert schedule == Schedule(8, 100, SGD(0.9, weight_decay=0.0))
    assert target is task(DIGITS, CALL.data_dir, CALL.device)
    assert before is None
    extractor = small_cnn()
    initialise(extractor, "kaiming_uniform", sources.EXTRACTOR)
    for name, value in extractor.state_dict().items():
        assert torch.equal(run.model.extractor.state_dict()[name], value), name
    drawn = torch.Generator().manual_seed(sources.CLASSIFIER)
    assert torch.equal(run.model.classifier.weight, FAN_IN.draw(10, 64, drawn))


def test_what_is_adopted_still_knows_the_source_task():
    source = source_of(OTHER_DIGITS, CALL)
    assert source.task.num_classes == 5
    model = adopt(source, 5, ZERO, 0)
    known = accuracy(with_source_head(model), source.task.test_images, source.task.test_labels)
    assert known == pytest.approx(
        accuracy(nn.Sequential(source.extractor, source.head), source.task.test_images, source.task.test_labels)
    )


def test_settings_of_one_source_task_share_one_source_model_and_it_is_the_same_when_made_again():
    first = source_of(SAME, CALL)
    assert source_of(GRATINGS, CALL) is source_of(ROTATED, CALL) is first
    assert source_of(OTHER_DIGITS, CALL) is not first
    sources._source.cache_clear()
    again = source_of(SAME, CALL)
    assert again is not first
    assert all(
        torch.equal(a, b) for a, b in zip(first.extractor.parameters(), again.extractor.parameters(), strict=True)
    )


def test_the_plain_network_has_no_batch_norm():
    plain, normed = source_of(ROTATED_PLAIN, CALL), source_of(ROTATED, CALL)
    assert [any(isinstance(m, nn.BatchNorm2d) for m in s.extractor.modules()) for s in (plain, normed)] == [False, True]


def test_a_network_that_knows_nothing_has_no_source_task():
    blank = source_of(replace(SAME, source=None, source_steps=0), CALL)
    assert (blank.head, blank.task, blank.history, blank.features) == (None, None, None, 64)


@pytest.mark.parametrize("folder", [Path("weights"), Path("elsewhere")])
@pytest.mark.parametrize(("setting", "side"), [(RESNET, 128), (RESNEXT_CALTECH, None)])
def test_a_pretrained_network_keeps_its_own_classifier_and_sees_resized_images(monkeypatch, setting, side, folder):
    asked = []

    def backbone(*arguments):
        asked.append(arguments)
        return nn.Flatten(), nn.Linear(7, 1000)

    monkeypatch.setattr(sources, "backbone", backbone)
    source = source_of(setting, replace(CALL, weights=folder))
    assert asked == [(setting.network, folder)]
    assert isinstance(source.extractor[0], ImageNetInput)
    assert source.extractor[0].side == side
    assert (source.head.out_features, source.features, source.task) == (1000, 7, None)
