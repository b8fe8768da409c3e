"""Any optimizer for many runs at once, each with a rate and a weight decay of its own."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from common.train.optimizers import SGD, Adam, Nesterov, Optimizer, RAdam, RMSprop
from common.train.states import State, copy_into


class PerRunUpdate:
    """The state of any optimizer for one list of parameters whose runs have rates and weight decays of their own.

    No masks: `SGDUpdate` has those, with one rate for all.
    """

    def __init__(self, rule: Optimizer, parameters: Sequence[Tensor], decays: Sequence[Tensor] | None = None) -> None:
        """Start with zero buffers.

        `decays[i]`, like a rate of `step`, is the weight decay that joins the gradient of `parameters[i]`.
        Raises ValueError for a rule that brings one weight decay for all.
        """
        if isinstance(rule, SGD) and rule.weight_decay:
            raise ValueError("the weight decays of the runs are given beside the rule, or one for all to SGDUpdate")
        self.rule = rule
        self.parameters = list(parameters)
        self.decays = decays
        self.first = [torch.zeros_like(p) for p in parameters]
        squares = isinstance(rule, Adam | RAdam | RMSprop)
        self.second = [torch.zeros_like(p) for p in parameters] if squares else []
        self.steps = 0
        self.corrections = [parameters[0].new_zeros(()) for _ in _corrections(rule, 1)]

    def count_step(self) -> None:
        """Begin a step: bring what follows from the number of steps to the device. It comes before every `apply`."""
        self.steps += 1
        for correction, value in zip(self.corrections, _corrections(self.rule, self.steps), strict=True):
            correction.fill_(value)

    @torch.no_grad()
    def apply(self, gradients: Sequence[Tensor], rates: Sequence[Tensor]) -> None:
        """Update in place, with the same operators in every step; with weight decay, `gradients` are overwritten.

        `rates[i]` broadcasts against `parameters[i]`: [R, 1, ...] for a stack of R runs, [1, ...] for one network.
        """
        if self.decays is not None:
            for gradient, parameter, decay in zip(gradients, self.parameters, self.decays, strict=True):
                gradient.addcmul_(parameter, decay)
        directions = self._directions(gradients)
        for parameter, direction, rate in zip(self.parameters, directions, rates, strict=True):
            parameter.addcmul_(direction, rate, value=-1.0)

    @property
    def buffers(self) -> list[Tensor]:
        """All tensors that a step changes beside the parameters."""
        return [*self.first, *self.second]

    def state_dict(self) -> State:
        """Return the buffers and the number of steps."""
        return {"first": self.first, "second": self.second, "steps": self.steps}

    def load_state_dict(self, saved: State) -> None:
        """Go on from saved buffers."""
        copy_into(self.first, saved["first"])
        copy_into(self.second, saved["second"])
        self.steps = saved["steps"]

    def _directions(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        if isinstance(self.rule, SGD | Nesterov):
            return self._momentum(gradients)
        if isinstance(self.rule, RMSprop):
            return self._root_mean_square(gradients)
        return self._moving_average(gradients)

    def _root_mean_square(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """V <- decay V + (1 - decay) G^2; G over the root of V."""
        assert isinstance(self.rule, RMSprop)
        torch._foreach_mul_(self.second, self.rule.decay)
        torch._foreach_addcmul_(self.second, list(gradients), list(gradients), value=1.0 - self.rule.decay)
        floors = torch._foreach_sqrt(self.second)
        torch._foreach_add_(floors, self.rule.eps)
        return torch._foreach_div(list(gradients), floors)

    def _momentum(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """V <- momentum V + G, and V itself or, with Nesterov, G + momentum V."""
        assert isinstance(self.rule, SGD | Nesterov)
        torch._foreach_mul_(self.first, self.rule.momentum)
        torch._foreach_add_(self.first, list(gradients))
        if isinstance(self.rule, SGD):
            return self.first
        return torch._foreach_add(list(gradients), self.first, alpha=self.rule.momentum)

    def _moving_average(self, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """M <- b1 M + (1 - b1) G and V <- b2 V + (1 - b2) G^2, unbiased; M over the root of V, rectified for RAdam."""
        assert isinstance(self.rule, Adam | RAdam)
        b1, b2 = self.rule.betas
        torch._foreach_lerp_(self.first, list(gradients), 1.0 - b1)
        torch._foreach_mul_(self.second, b2)
        torch._foreach_addcmul_(self.second, list(gradients), list(gradients), value=1.0 - b2)
        floors, count = torch._foreach_sqrt(self.second), len(self.second)
        if isinstance(self.rule, RAdam):
            factor, trusted, distrusted = self.corrections
            torch._foreach_add_(floors, self.rule.eps)
            torch._foreach_mul_(floors, [trusted] * count)  # a floor of 1 while the second moment is too young
            torch._foreach_add_(floors, [distrusted] * count)
        else:
            factor, eps = self.corrections
            torch._foreach_add_(floors, [eps] * count)
        directions = torch._foreach_div(self.first, floors)
        torch._foreach_mul_(directions, [factor] * count)
        return directions


def _corrections(rule: Optimizer, step: int) -> tuple[float, ...]:
    """Return what a step takes from its number, counted from 1: what undoes the bias of moments that began at zero.

    Adam: the factor on M over the root of V, and eps before it (Kingma and Ba, Section 2). RAdam: the factor, then 1, 0
    where the second moment is to be trusted, else 0, 1 (Liu et al., Algorithm 2). Others: nothing.
    """
    if not isinstance(rule, Adam | RAdam):
        return ()
    b1, b2 = rule.betas
    unbiased, root = 1.0 / (1.0 - b1**step), math.sqrt(1.0 - b2**step)
    if isinstance(rule, Adam):
        return unbiased * root, rule.eps * root
    longest = 2.0 / (1.0 - b2) - 1.0
    length = longest - 2.0 * step * b2**step / (1.0 - b2**step)
    if length <= 5.0:
        return unbiased, 0.0, 1.0
    ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
    return unbiased * (root * math.sqrt(ratio)), 1.0, 0.0
