"""Stochastic gradient descent of many runs with one rate, with masks that keep frozen weights bit-identical."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from common.train.optimizers import SGD
from common.train.states import State, copy_into

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

    def count_step(self) -> None:
        """Begin a step: nothing follows from the number of steps."""

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


def _bits(frozen: Tensor, like: Tensor) -> Tensor:
    """Return integers of the parameter's width that keep a number's bits where it trains and clear them elsewhere.

    Unlike a product with zero, this stops a diverged gradient too, and it is the fastest way on a CPU.
    """
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[like.element_size()]
    return torch.where(frozen, 0, -1).to(integer)
