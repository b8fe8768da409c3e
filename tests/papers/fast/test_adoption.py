import pytest
import torch
from torch import nn

from common.train.evaluate import accuracy
from papers.fast.adoption import Adopted, Start, distance
from papers.fast.by_hand import with_source_head


def extractor():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU())


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("start", "classes", "features", "norm"),
    [
        (Start("fan_in"), 100, 512, 14.14),
        (Start("fan_in"), 256, 2048, 22.63),
        (Start("fan_out"), 100, 512, 32.00),
        (Start("fan_out"), 100, 4096, 90.51),
        (Start("normal", 1.0), 100, 512, 226.3),
        (Start("normal", 1e-8), 100, 512, 2.26e-6),
    ],
)
def test_the_norm_of_a_classifier_at_its_start(start, classes, features, norm):
    assert start.draw(classes, features, generator()).norm() == pytest.approx(norm, rel=0.02)


def test_fast_starts_at_exactly_zero():
    assert not Start("zero").draw(10, 64, generator()).any()


def test_starts_are_drawn_in_double_precision_so_that_platforms_agree_on_the_last_bit():
    normal = torch.randn(10, 64, generator=generator(), dtype=torch.float64)
    for start, deviation in ((Start("fan_in"), (2.0 / 64) ** 0.5), (Start("normal", 1e-8), 1e-8)):
        drawn = start.draw(10, 64, generator())
        assert drawn.dtype == torch.float32
        assert torch.equal(drawn, (deviation * normal).float())


def test_kaiming_by_hand():
    assert Start("fan_in").deviation(100, 512) == 0.0625
    assert Start("fan_out").deviation(10, 512) == pytest.approx(0.44721, abs=1e-5)


@pytest.mark.parametrize("start", [Start("xavier"), Start("normal"), Start("normal", -1.0), Start("zero", 0.1)])
def test_an_unknown_start_is_refused(start):
    with pytest.raises(ValueError, match="no start of a classifier"):
        start.draw(10, 64, generator())


def test_adoption_leaves_the_extractor_alone_bit_by_bit_and_keeps_the_source_task():
    pretrained, source = extractor(), nn.Linear(8, 3, bias=False)
    images = torch.randn(5, 1, 3, 4, generator=generator())
    before = {name: value.clone() for name, value in pretrained.state_dict().items()}
    known = source(pretrained.eval()(images))
    model = Adopted(pretrained, source, Start("fan_in").draw(10, 8, generator()))
    assert all(torch.equal(value, before[name]) for name, value in model.extractor.state_dict().items())
    assert model.source is source
    assert torch.equal(with_source_head(model)(images), known)
    assert model(images).shape == (5, 10)


def test_the_source_classifier_is_neither_trained_nor_saved_and_asking_it_changes_nothing():
    model = Adopted(extractor(), nn.Linear(8, 3, bias=False), Start("zero").draw(10, 8, generator()))
    assert {name.split(".")[0] for name in model.state_dict()} == {"extractor", "classifier"}
    assert [name for name, _ in model.named_parameters() if name.startswith("classifier")] == ["classifier.weight"]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    accuracy(with_source_head(model), torch.randn(5, 1, 3, 4, generator=generator()), torch.zeros(5, dtype=torch.long))
    assert model.extractor.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("shape", [(10, 7), (10,), (8, 10)])
def test_a_classifier_that_does_not_fit_is_refused_with_the_shape_it_needs(shape):
    with pytest.raises(ValueError, match=r"does not fit 8 features: it needs \[classes, 8\]"):
        Adopted(extractor(), nn.Linear(8, 3), torch.zeros(shape))


def test_a_network_that_learnt_nothing_has_no_source_classifier():
    assert Adopted(extractor(), None, torch.zeros(10, 8)).source is None
    with pytest.raises(ValueError, match="does not fit features"):
        Adopted(extractor(), None, torch.zeros(10))


def test_the_start_is_copied():
    weight = Start("fan_in").draw(10, 8, generator())
    model = Adopted(extractor(), None, weight)
    weight.zero_()
    assert model.classifier.weight.any()


def test_the_distance_counts_parameters_and_no_running_statistics():
    model = extractor()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    assert distance(before, model) == 0.0
    with torch.no_grad():
        model[1].bias[0] += 3.0
        model[2].weight[1] -= 4.0
        model[2].running_mean += 100.0
    assert float(distance(before, model)) == pytest.approx(5.0)
