from contextlib import nullcontext

import pytest
import torch

from common.train.optimizers import SGD, Adam, Nesterov, RAdam, RMSprop
from common.train.per_run import PerRunUpdate
from common.train.sgd import SGDUpdate
from tests.fake_gpu import FakeGpu


def steps(rule, frozen, decay_frozen, count=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 4, generator=generator, dtype=dtype)
    gradients = torch.randn(count, 5, 4, generator=generator, dtype=dtype)
    update = SGDUpdate(rule, [weight], [frozen], decay_frozen)
    for i in range(count):
        update.step([gradients[i].clone()], 0.1 * 0.5**i)
    return weight, gradients, torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_without_a_mask_it_is_the_reference_sgd():
    weight, gradients, start = steps(SGD(0.9, 0.01), None, False)
    reference = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([reference], lr=0.1, momentum=0.9, weight_decay=0.01)
    for i, gradient in enumerate(gradients):
        optimizer.param_groups[0]["lr"] = 0.1 * 0.5**i
        reference.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(weight, reference.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_frozen_weights_stay_bit_identical_and_the_others_do_not_notice(decay):
    frozen = torch.rand(5, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    weight, _, start = steps(SGD(0.9, decay), frozen, False)
    whole, _, _ = steps(SGD(0.9, decay), None, False)
    assert torch.equal(weight[frozen], start[frozen])
    torch.testing.assert_close(weight[~frozen], whole[~frozen], rtol=1e-12, atol=0)


def test_frozen_weights_follow_pure_decay_where_asked():
    frozen = torch.rand(5, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    weight, _, start = steps(SGD(0.9, 0.3), frozen, True)
    expected, velocity = start.clone(), torch.zeros_like(start)
    for i in range(7):
        velocity = 0.9 * velocity + 0.3 * expected
        expected = expected - 0.1 * 0.5**i * velocity
    torch.testing.assert_close(weight[frozen], expected[frozen], rtol=1e-12, atol=0)


def test_decay_of_frozen_weights_reaches_its_steady_factor():
    """Coupled decay with momentum shrinks by exp(-lr wd / (1 - momentum)) a step once the buffer is full."""
    weight = torch.ones(1, 1, dtype=torch.float64)
    update = SGDUpdate(SGD(0.9, 5e-4), [weight], [torch.ones(1, 1, dtype=torch.bool)], decay_frozen=True)
    for _ in range(9210):
        update.step([torch.ones(1, 1, dtype=torch.float64)], 0.1)
    assert weight.item() == pytest.approx(0.01, rel=0.03)


def test_a_diverged_gradient_does_not_reach_frozen_weights():
    frozen = torch.tensor([[True, False]])
    weight = torch.tensor([[1.5, 2.0]])
    update = SGDUpdate(SGD(0.9, 5e-4), [weight], [frozen])
    update.step([torch.tensor([[float("nan"), float("inf")]])], 0.1)
    assert weight[0, 0].item() == 1.5
    assert not weight[0, 1].isfinite()


REFERENCES = {
    SGD(0.9): lambda p, rate: torch.optim.SGD([p], lr=rate, momentum=0.9),
    Nesterov(0.9): lambda p, rate: torch.optim.SGD([p], lr=rate, momentum=0.9, nesterov=True),
    Adam(): lambda p, rate: torch.optim.Adam([p], lr=rate),
    RAdam(): lambda p, rate: torch.optim.RAdam([p], lr=rate),
    RMSprop(): lambda p, rate: torch.optim.RMSprop([p], lr=rate),
}


@pytest.mark.parametrize("rule", REFERENCES, ids=lambda rule: type(rule).__name__)
def test_runs_with_their_own_rates_follow_the_reference_optimizers(rule):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    rates = torch.tensor([0.1, 0.0, 0.02], dtype=torch.float64)
    references = [torch.nn.Parameter(weight.clone()) for weight in weights]
    optimizers = [REFERENCES[rule](p, float(rate)) for p, rate in zip(references, rates, strict=True)]
    start, update = weights.clone(), PerRunUpdate(rule, [weights])
    for _ in range(12):  # RAdam rectifies from its sixth step on
        gradients = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
        update.count_step()
        update.apply([gradients], [rates.view(3, 1, 1)])
        for reference, optimizer, gradient in zip(references, optimizers, gradients, strict=True):
            reference.grad = gradient.clone()
            optimizer.step()
    for weight, reference in zip(weights, references, strict=True):
        torch.testing.assert_close(weight, reference.detach(), rtol=1e-12, atol=1e-12)
    assert torch.equal(weights[1], start[1])


@pytest.mark.parametrize("rule", [SGD(0.9), Adam()], ids=lambda rule: type(rule).__name__)
def test_runs_with_their_own_weight_decays_follow_the_reference_optimizers(rule):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    decays = (0.0, 0.05, 0.3)
    references = [torch.nn.Parameter(weight.clone()) for weight in weights]
    optimizers = [REFERENCES[rule](p, 0.1) for p in references]
    shaped = torch.tensor(decays, dtype=torch.float64).view(3, 1, 1)
    update = PerRunUpdate(rule, [weights], [shaped])
    for _ in range(12):
        gradients = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
        for reference, optimizer, gradient, decay in zip(references, optimizers, gradients, decays, strict=True):
            optimizer.param_groups[0]["weight_decay"] = decay
            reference.grad = gradient.clone()
            optimizer.step()
        update.count_step()
        update.apply([gradients], [torch.full((3, 1, 1), 0.1, dtype=torch.float64)])
    for weight, reference in zip(weights, references, strict=True):
        torch.testing.assert_close(weight, reference.detach(), rtol=1e-12, atol=1e-12)


def test_one_weight_decay_for_all_does_not_go_with_per_run_rates():
    with pytest.raises(ValueError, match="weight decays"):
        PerRunUpdate(SGD(0.9, 0.1), [torch.zeros(1)])


@pytest.mark.parametrize("there", [False, True], ids=["on a CPU", "on a fake GPU"])
def test_without_momentum_there_is_no_buffer(there):
    with FakeGpu() if there else nullcontext():
        weight = torch.tensor([1.0, 2.0]).to("cuda" if there else "cpu")
        SGDUpdate(SGD(0.0, 0.1), [weight], [None]).step([torch.ones_like(weight)], 0.5)
        assert weight.tolist() == pytest.approx([1.0 - 0.5 * 1.1, 2.0 - 0.5 * 1.2])
