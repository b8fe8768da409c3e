"""Algorithms 1 and 2 as the paper writes them, beside its equations.

Traditional fine-tuning (Algorithm 1) and FAST (Algorithm 2) share one loop. They differ in where the classifier starts,
at random or at zero, and in the learning rates of classifier and extractor, equal or each its own (Section 4).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from papers.fast.adoption import Adopted


@dataclass(frozen=True)
class Rates:
    """Learning rates of the classifier (alpha) and of the extractor (beta), and the momentum of both.

    Raises ValueError for a rate below zero.
    """

    alpha: float
    beta: float
    momentum: float = 0.9

    def __post_init__(self) -> None:
        for name, rate in (("alpha", self.alpha), ("beta", self.beta)):
            if rate < 0.0:
                raise ValueError(f"{name} = {rate}: a learning rate is zero or more")
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(f"momentum = {self.momentum}: it lies in [0, 1)")

    def heavy_ball(self) -> "Rates":
        """Return the rates at which heavy-ball momentum, nu <- Mom nu + V, takes the very same steps.

        The pseudo-code averages, nu <- Mom nu + (1 - Mom) V, so its steps are 1 - Mom times as long.
        """
        return Rates(self.alpha * (1.0 - self.momentum), self.beta * (1.0 - self.momentum), self.momentum)


def error(logits: Tensor, labels: Tensor) -> Tensor:
    """Return Delta = Y - Yhat [M, N], positive at the true class only (Section 2.2)."""
    return F.one_hot(labels, logits.shape[1]).to(logits.dtype) - logits.softmax(1)


def classifier_velocity(errors: Tensor, features: Tensor, alpha: float) -> Tensor:
    """Return V_W = (alpha / M) Delta^T A [N, D] (Eq. 8), from errors [M, N] and features [M, D]."""
    return alpha / len(features) * errors.T @ features


def extractor_velocity(errors: Tensor, features: Tensor, model: Adopted, beta: float) -> list[Tensor]:
    """Return V_theta = (beta / M) (Delta W)^T dA/dtheta (Eq. 12), one tensor a parameter.

    The paper's mean loss brings one factor 1 / M; its Eqs. 11 to 13 print it twice.
    """
    towards = errors @ model.classifier.weight.detach() / len(features)
    gradients = torch.autograd.grad(features, list(model.extractor.parameters()), towards)
    return [beta * gradient for gradient in gradients]


def adapt(model: Adopted, rates: Rates, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Adapt a model to the target task in place, one update for each batch of images [M, ...] and labels [M].

    Momentum is the moving average of the pseudo-code; theta's buffer takes V_theta (the paper prints V_W, a slip).
    """
    weight, theta = model.classifier.weight, list(model.extractor.parameters())
    nu_weight = torch.zeros_like(weight)
    nu_theta = [torch.zeros_like(parameter) for parameter in theta]
    for images, labels in batches:
        features = model.extractor(images)
        errors = error(features.detach() @ weight.detach().T, labels)
        velocity = classifier_velocity(errors, features.detach(), rates.alpha)
        velocities = extractor_velocity(errors, features, model, rates.beta)
        _move([weight], [nu_weight], [velocity], rates.momentum)
        _move(theta, nu_theta, velocities, rates.momentum)


@torch.no_grad()
def _move(
    parameters: Sequence[Tensor], buffers: Sequence[Tensor], velocities: Sequence[Tensor], momentum: float
) -> None:
    for parameter, buffer, velocity in zip(parameters, buffers, velocities, strict=True):
        buffer.mul_(momentum).add_(velocity, alpha=1.0 - momentum)
        parameter.add_(buffer)
