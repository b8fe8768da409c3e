"""Scores against hand-computed numbers, finite differences and explicit derivatives."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from common.models import weight_tensors
from papers.freezenet.saliency import grasp_scores, linear_layers_redrawn, snip_scores


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(-3), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3))


def relu_conv() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 3, 2),
        nn.ReLU(),
        nn.MaxPool2d(1),
        nn.Flatten(-3),
        nn.Linear(3, 4),
        nn.ReLU(),
        nn.Linear(4, 3),
    )


def batch_norm() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 2, 2),
        nn.BatchNorm2d(2),
        nn.Softplus(),
        nn.Flatten(-3),
        nn.Linear(2, 3),
        nn.BatchNorm1d(3),
        nn.Tanh(),
        nn.Linear(3, 3),
    )


NETWORKS = [mlp, relu_conv, batch_norm]
Builder = Callable[[], nn.Sequential]


def drawn(build: Builder, seed: int = 0) -> tuple[nn.Sequential, Tensor, Tensor]:
    """Return a float64 network with every parameter drawn from N(0, 1), six images and their labels."""
    generator = torch.Generator().manual_seed(seed)
    model = build().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    inputs = torch.randn(6, 2, 2, 2, generator=generator, dtype=torch.float64)
    return model, inputs, torch.tensor([0, 1, 2, 0, 1, 2])


def loss_at(
    model: nn.Module, weights: dict[str, Tensor], inputs: Tensor, targets: Tensor, temperature: float = 1.0
) -> Tensor:
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train()
    return F.cross_entropy(functional_call(model, {**weights, **buffers}, (inputs,)) / temperature, targets)


def grasp(model: nn.Module, inputs: Tensor, targets: Tensor, temperature: float = 1.0) -> dict[str, Tensor]:
    """Return the GraSP scores of one batch."""
    return grasp_scores(model, [(inputs, targets)], temperature)


def two_outputs(*weights: float) -> nn.Linear:
    layer = nn.Linear(len(weights) // 2, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights).view(2, -1))
    return layer


def test_snip_by_hand() -> None:
    # Sample (1, 0) of class 1 has logits (ln 3, 0), so p = (3/4, 1/4) and dL/dlogits = (3/4, -3/4).
    # Sample (0, 1) of class 0 reaches only the second column, whose weights are 0. The loss is their mean.
    model = two_outputs(math.log(3), 0.0, 0.0, 0.0)
    scores = snip_scores(model, torch.eye(2), torch.tensor([1, 0]))
    expected = torch.tensor([[0.5 * 0.75 * math.log(3), 0.0], [0.0, 0.0]])
    torch.testing.assert_close(scores, {"weight": expected})


def test_snip_keeps_the_sign() -> None:
    scores = snip_scores(two_outputs(math.log(3), 0.0), torch.ones(1, 1), torch.tensor([0]))
    torch.testing.assert_close(scores["weight"], torch.tensor([[-0.25 * math.log(3)], [0.0]]))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_grasp_by_hand(temperature: float) -> None:
    # Logits / T = (ln 3, 0): g = (3/4, -3/4) / T, H = 3/16 [[1, -1], [-1, 1]] / T^2, so
    # H g = (9/32, -9/32) / T^3.
    model = two_outputs(temperature * math.log(3), -1e-30)
    scores = grasp(model, torch.ones(1, 1), torch.tensor([1]), temperature)
    first = temperature * math.log(3) * 9 / 32 / temperature**3
    torch.testing.assert_close(scores["weight"], torch.tensor([[first], [0.0]]))


@pytest.mark.parametrize("build", NETWORKS)
def test_snip_is_the_derivative_by_the_mask(build: Builder) -> None:
    model, inputs, targets = drawn(build)
    weights = {name: weight.detach() for name, weight in weight_tensors(model).items()}
    masks = {name: torch.ones_like(weight, requires_grad=True) for name, weight in weights.items()}
    loss = loss_at(model, {name: masks[name] * weights[name] for name in weights}, inputs, targets)
    expected = torch.autograd.grad(loss, list(masks.values()))
    scores = snip_scores(model, inputs, targets)
    assert list(scores) == list(weights)
    for score, derivative in zip(scores.values(), expected, strict=True):
        assert derivative.abs().max() > 1e-3
        torch.testing.assert_close(score, derivative, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("build", [mlp, batch_norm])
def test_snip_by_finite_differences_of_the_mask(build: Builder) -> None:
    model, inputs, targets = drawn(build, seed=1)
    weights = {name: weight.detach() for name, weight in weight_tensors(model).items()}
    step = 1e-5
    for name, scores in snip_scores(model, inputs, targets).items():
        for index in range(scores.numel()):
            change = torch.zeros(scores.numel(), dtype=torch.float64)
            change[index] = step
            up, down = (
                loss_at(
                    model,
                    {**weights, name: weights[name] * (1 + sign * change.view_as(scores))},
                    inputs,
                    targets,
                )
                for sign in (1, -1)
            )
            assert scores.flatten()[index].item() == pytest.approx((up - down).item() / (2 * step), abs=1e-8)


@pytest.mark.parametrize("temperature", [1.0, 3.5, 200.0])
@pytest.mark.parametrize("build", NETWORKS)
def test_grasp_against_the_dense_hessian(build: Builder, temperature: float) -> None:
    model, inputs, targets = drawn(build)
    weights = {name: weight.detach() for name, weight in weight_tensors(model).items()}
    sizes = [weight.numel() for weight in weights.values()]

    def loss(flat: Tensor) -> Tensor:
        parts = flat.split(sizes)
        shaped = {name: part.view_as(weights[name]) for name, part in zip(weights, parts, strict=True)}
        return loss_at(model, shaped, inputs, targets, temperature)

    flat = torch.cat([weight.flatten() for weight in weights.values()])
    hessian = torch.autograd.functional.hessian(loss, flat)
    gradient = torch.autograd.functional.jacobian(loss, flat)
    expected = flat * (hessian @ gradient)
    scores = grasp(model, inputs, targets, temperature)
    assert list(scores) == list(weights)
    actual = torch.cat([score.flatten() for score in scores.values()])
    torch.testing.assert_close(actual / expected.abs().max(), expected / expected.abs().max(), rtol=1e-9, atol=1e-12)
    blocks = torch.block_diag(
        *(block[:, part] for block, part in zip(hessian.split(sizes), slices(sizes), strict=True))
    )
    assert not torch.allclose(actual, flat * (blocks @ gradient)), "the blocks between layers must matter here"


def slices(sizes: list[int]) -> list[slice]:
    ends = torch.tensor(sizes).cumsum(0).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


@pytest.mark.parametrize("score", [snip_scores, grasp])
def test_scoring_leaves_no_trace(score: Callable[..., dict[str, Tensor]]) -> None:
    model, inputs, targets = drawn(batch_norm)
    model.train()
    model[1].eval()  # a mixed state, to be restored module by module
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    scores = score(model, inputs, targets)
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    assert [module.training for module in model.modules()] == modes
    assert all(bool((parameter.grad == 7.0).all()) for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(value.grad_fn is None and not value.requires_grad for value in scores.values())


@pytest.mark.parametrize("score", [snip_scores, grasp])
def test_mode_is_restored_after_an_error(score: Callable[..., dict[str, Tensor]]) -> None:
    model, inputs, _ = drawn(batch_norm)
    model.eval()
    with pytest.raises(ValueError, match="batch"):
        score(model, inputs, torch.zeros(1, dtype=torch.long))
    assert not any(module.training for module in model.modules())
    assert all(not tensor.any() for name, tensor in model.named_buffers() if name.endswith("num_batches_tracked"))


@pytest.mark.parametrize("score", [snip_scores, grasp])
def test_batch_statistics_are_used_in_either_mode(score: Callable[..., dict[str, Tensor]]) -> None:
    model, inputs, targets = drawn(batch_norm)
    training = score(model.train(), inputs, targets)
    inference = score(model.eval(), inputs, targets)
    torch.testing.assert_close(training, inference, rtol=0, atol=0)
    model[1].running_var.fill_(50.0)
    torch.testing.assert_close(score(model, inputs, targets), training, rtol=0, atol=0)


@pytest.mark.parametrize("score", [snip_scores, grasp])
def test_dropout_is_off(score: Callable[..., dict[str, Tensor]]) -> None:
    model, inputs, targets = drawn(mlp)
    with_dropout = nn.Sequential(*model[:3], nn.Dropout(0.9), model[3])
    expected = list(score(model, inputs, targets).values())
    torch.testing.assert_close(list(score(with_dropout, inputs, targets).values()), expected)
    assert with_dropout[3].training


@pytest.mark.parametrize("score", [snip_scores, grasp])
def test_a_weight_outside_the_graph_scores_zero(score: Callable[..., dict[str, Tensor]]) -> None:
    class WithSpare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used = two_outputs(1.0, 2.0)
            self.spare = nn.Linear(1, 1)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.used(inputs)

    with torch.no_grad():
        scores = score(WithSpare(), torch.ones(1, 1), torch.tensor([0]))
    assert scores["spare.weight"].item() == 0.0
    assert bool((scores["used.weight"] != 0).all())


@pytest.mark.parametrize("score", [snip_scores, grasp])
def test_parameters_that_require_no_gradient_are_scored(score: Callable[..., dict[str, Tensor]]) -> None:
    model, inputs, targets = drawn(batch_norm)
    expected = score(model, inputs, targets)
    torch.testing.assert_close(score(model.requires_grad_(False), inputs, targets), expected)
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        grasp(two_outputs(1.0, 0.0), torch.ones(1, 1), torch.tensor([0]), temperature)


@pytest.mark.parametrize("build", NETWORKS)
def test_grasp_of_two_batches_is_what_its_published_code_computes(build: Builder) -> None:
    """Both halves' gradients are summed and held; each half's product with them is differentiated and added up."""
    model, inputs, targets = drawn(build)
    halves = [(inputs[:3], targets[:3]), (inputs[3:], targets[3:])]
    weights = {name: weight.detach().requires_grad_() for name, weight in weight_tensors(model).items()}
    held = [torch.zeros_like(weight) for weight in weights.values()]
    for half in halves:
        own = torch.autograd.grad(loss_at(model, weights, *half, 200.0), list(weights.values()))
        held = [total + gradient for total, gradient in zip(held, own, strict=True)]
    for half in halves:
        own = torch.autograd.grad(loss_at(model, weights, *half, 200.0), list(weights.values()), create_graph=True)
        torch.autograd.backward(sum((g * h).sum() for g, h in zip(own, held, strict=True)))
    scores = grasp_scores(model, halves, 200.0)
    for name, weight in weights.items():
        assert weight.grad is not None
        expected = weight.detach() * weight.grad
        torch.testing.assert_close(scores[name] / expected.abs().max(), expected / expected.abs().max())


@pytest.mark.parametrize("build", [mlp, relu_conv])
def test_without_batch_norm_two_halves_rank_as_one_batch(build: Builder) -> None:
    model, inputs, targets = drawn(build)
    whole = grasp(model, inputs, targets)
    halves = grasp_scores(model, [(inputs[:3], targets[:3]), (inputs[3:], targets[3:])])
    torch.testing.assert_close(halves, {name: 4.0 * score for name, score in whole.items()})


def test_only_the_linear_layers_of_a_copy_are_redrawn() -> None:
    model = batch_norm()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    copies = [linear_layers_redrawn(model, seed) for seed in (0, 0, 1)]
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    for name, value in before.items():
        first, again, other = (copied.state_dict()[name] for copied in copies)
        linear = value.dim() == 2
        assert torch.equal(first, again), name
        assert torch.equal(first, value) == torch.equal(first, other) == (not linear), name


def test_linear_layers_are_redrawn_xavier_normal() -> None:
    weight = linear_layers_redrawn(nn.Sequential(nn.Linear(400, 300)), 0)[0].weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 700), rel=0.01)
    assert abs(weight.mean().item()) < 1e-3
