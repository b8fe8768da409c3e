import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from papers.fast.adoption import Adopted, Start
from papers.fast.algorithm import Rates, adapt, classifier_velocity, error, extractor_velocity

CLASSES, FEATURES = 5, 6


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def adopted(start, seed=0):
    torch.manual_seed(seed)
    extractor = nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, FEATURES))
    model = Adopted(extractor, nn.Linear(FEATURES, 3), start.draw(CLASSES, FEATURES, generator(seed)))
    return model.double()


def batches(count, size=10):
    rng = generator(1)
    labels = torch.arange(size) % CLASSES
    return [(torch.randn(size, 4, generator=rng, dtype=torch.float64), labels) for _ in range(count)]


def by_framework(model, rates, data):
    optimizer = torch.optim.SGD(
        [
            {"params": model.classifier.parameters(), "lr": rates.alpha},
            {"params": model.extractor.parameters(), "lr": rates.beta},
        ],
        momentum=rates.momentum,
    )
    for images, labels in data:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()


def difference(a, b):
    return max(float((p - q).detach().abs().max()) for p, q in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("start", [Start("zero"), Start("fan_in"), Start("normal", 1e-8)])
@pytest.mark.parametrize(
    "rates", [Rates(0.5, 0.5), Rates(0.5, 0.05), Rates(0.0, 0.5), Rates(0.5, 0.0), Rates(1.0, 1.0, 0.0)]
)
def test_the_pseudo_code_is_heavy_ball_at_one_minus_momentum_times_the_rates(start, rates):
    ours = adopted(start)
    theirs = copy.deepcopy(ours)
    adapt(ours, rates, batches(20))
    by_framework(theirs, rates.heavy_ball(), batches(20))
    assert difference(ours, theirs) < 1e-14


def test_at_equal_rates_the_two_forms_of_momentum_differ():
    ours = adopted(Start("fan_in"))
    theirs = copy.deepcopy(ours)
    adapt(ours, Rates(0.5, 0.5), batches(20))
    by_framework(theirs, Rates(0.5, 0.5), batches(20))
    assert difference(ours, theirs) > 1e-2


def test_from_zero_the_first_update_moves_the_classifier_and_leaves_the_extractor_alone():
    model = adopted(Start("zero"))
    before = copy.deepcopy(model)
    ((images, labels),) = batches(1)
    adapt(model, Rates(0.5, 0.5, 0.0), [(images, labels)])
    assert all(
        torch.equal(p, q) for p, q in zip(model.extractor.parameters(), before.extractor.parameters(), strict=True)
    )
    features = before.extractor(images)
    # Eq. 20: class sums of features, less a vector that all classes share
    one_hot = F.one_hot(labels, CLASSES).double()
    expected = 0.5 / 10 * one_hot.T @ features - 0.5 / (10 * CLASSES) * features.sum(0)
    torch.testing.assert_close(model.classifier.weight, expected, rtol=0, atol=1e-15)


def test_the_second_step_of_the_extractor_is_proportional_to_alpha_times_beta():
    def step(alpha, beta):
        model = adopted(Start("zero"))
        first, second = batches(2)
        adapt(model, Rates(alpha, beta, 0.0), [first])
        features = model.extractor(second[0])
        errors = error(model.classifier(features).detach(), second[1])
        return torch.cat([v.flatten() for v in extractor_velocity(errors, features, model, beta)])

    torch.testing.assert_close(step(1e-6, 0.3) * 2, step(1e-6, 0.6), rtol=1e-12, atol=0)
    torch.testing.assert_close(step(1e-6, 0.3) * 2, step(2e-6, 0.3), rtol=1e-5, atol=1e-15)
    assert not torch.allclose(step(1.0, 0.3) * 2, step(2.0, 0.3), rtol=1e-2)


def test_velocities_are_those_of_the_mean_loss():
    model = adopted(Start("fan_in"))
    ((images, labels),) = batches(1)
    features = model.extractor(images)
    logits = model.classifier(features)
    errors = error(logits.detach(), labels)
    loss = F.cross_entropy(logits, labels)
    gradient = torch.autograd.grad(loss, [model.classifier.weight, *model.extractor.parameters()], retain_graph=True)
    velocity = classifier_velocity(errors, features.detach(), 0.3)
    torch.testing.assert_close(velocity, -0.3 * gradient[0])
    for ours, theirs in zip(extractor_velocity(errors, features, model, 0.2), gradient[1:], strict=True):
        torch.testing.assert_close(ours, -0.2 * theirs)


def test_the_error_is_positive_at_the_true_class_only_and_at_zero_has_the_norm_of_its_number_of_classes():
    errors = error(torch.zeros(4, CLASSES, dtype=torch.float64), torch.tensor([0, 1, 2, 2]))
    assert errors[0].tolist() == pytest.approx([0.8, -0.2, -0.2, -0.2, -0.2])
    assert errors.norm(dim=1).square().tolist() == pytest.approx([1 - 1 / CLASSES] * 4)
    assert math.isclose(float(errors.sum()), 0.0, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("fields", "message"),
    [((-0.1, 0.1), "alpha = -0.1"), ((0.1, -1.0), "beta = -1.0"), ((0.1, 0.1, 1.0), "momentum = 1.0")],
)
def test_rates_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Rates(*fields)
