"""Optimizers over whole groups of runs, with masks that keep frozen weights bit-identical."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from common.train.checkpoint import State, copy_into


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with heavy-ball momentum and coupled weight decay."""

    momentum: float = 0.9
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Nesterov:
    """Stochastic gradient descent that looks ahead by one step of its momentum (Nesterov, 1983)."""

    momentum: float = 0.9


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015): the mean of the gradients over the root of the mean of their squares."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8


@dataclass(frozen=True)
class RAdam:
    """Rectified Adam (Liu et al., 2019): Adam, but momentum alone while its second moment has seen too few steps."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8


@dataclass(frozen=True)
class RMSprop:
    """RMSprop (Tieleman and Hinton, 2012): the gradient over the root of the moving mean of its squares."""

    decay: float = 0.99
    eps: float = 1e-8


Optimizer = SGD | Nesterov | Adam | RAdam | RMSprop

_REGISTER = 64  # bytes that the widest processors compute at once


class SGDUpdate:
    """The state of `SGD` for one list of parameters, and its step.

    With gradient G, weight W, buffer V and mask m (1 = trainable):

        V <- momentum V + m (G + weight_decay W)       frozen weights never move
        V <- momentum V + m G + weight_decay W         with `decay_frozen`: frozen weights shrink
        W <- W - learning_rate V

    Masking the sum, not the gradient alone, is what keeps decay and momentum from moving frozen weights.

    At the end of a tensor that does not fill a CPU's registers, the fused operator rounds in another way. Which numbers
    lie there depends on how many runs a stack holds, so such tensors are updated in padded copies.
    """

    def __init__(
        self,
        rule: SGD,
        parameters: Sequence[Tensor],
        frozen: Sequence[Tensor | None],
        decay_frozen: bool = False,
    ) -> None:
        """Start with zero buffers.

        `frozen[i]` is a bool tensor shaped like `parameters[i]`, True where the weight is frozen, or None
        where all of it trains.
        """
        self.rule = rule
        self.parameters = list(parameters)
        self.bits = [None if f is None else _bits(f, p) for f, p in zip(frozen, parameters, strict=True)]
        uneven = [i for i, p in enumerate(parameters) if p.device.type == "cpu" and p.nbytes % _REGISTER]
        self.padded = {i: _Padded(parameters[i]) for i in uneven}
        self.buffers = [
            self.padded[i].buffer if i in self.padded else torch.zeros_like(p) for i, p in enumerate(parameters)
        ]
        self.decay_before_mask = not decay_frozen and any(f is not None for f in frozen)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], learning_rate: float | Tensor) -> None:
        """Apply one update in place; `gradients` are overwritten. A rate without dimensions may lie on their device."""
        gradients = list(gradients)
        if isinstance(learning_rate, Tensor):
            on_cpu = learning_rate.device.type == "cpu"
            learning_rate = learning_rate.item() if on_cpu else learning_rate.float()
        decay = self.rule.weight_decay
        if self.decay_before_mask and decay:
            torch._foreach_add_(gradients, self.parameters, alpha=decay)
        for gradient, bits in zip(gradients, self.bits, strict=True):
            if bits is not None:
                gradient.view(bits.dtype).bitwise_and_(bits)
        parameters, buffers = list(self.parameters), list(self.buffers)
        for i, own in self.padded.items():
            own.parameter.copy_(parameters[i])
            own.gradient.copy_(gradients[i])
            parameters[i], gradients[i], buffers[i] = own.whole
        torch._fused_sgd_(
            parameters,
            gradients,
            buffers if self.rule.momentum else [],  # a GPU takes none where there is no momentum
            weight_decay=0.0 if self.decay_before_mask else decay,
            momentum=self.rule.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )
        for i, own in self.padded.items():
            self.parameters[i].copy_(own.parameter)

    def state_dict(self) -> State:
        """Return the buffers."""
        return {"buffers": self.buffers}

    def load_state_dict(self, saved: State) -> None:
        """Go on from saved buffers."""
        copy_into(self.buffers, saved["buffers"])


class _Padded:
    """Copies of a parameter and its gradient, and its buffer: `whole` registers of memory, and views shaped like it."""

    def __init__(self, like: Tensor) -> None:
        numbers = math.ceil(like.nbytes / _REGISTER) * _REGISTER // like.element_size()
        self.whole = tuple(like.new_zeros(numbers) for _ in range(3))
        self.parameter, self.gradient, self.buffer = (
            memory.as_strided(like.shape, like.stride()) for memory in self.whole
        )


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


def _bits(frozen: Tensor, like: Tensor) -> Tensor:
    """Return integers of the parameter's width that keep a number's bits where it trains and clear them elsewhere.

    Unlike a product with zero, this stops a diverged gradient too, and it is the fastest way on a CPU.
    """
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[like.element_size()]
    return torch.where(frozen, 0, -1).to(integer)
