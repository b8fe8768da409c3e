"""Optimizers over whole groups of runs, with masks that keep frozen weights bit-identical."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with heavy-ball momentum and coupled weight decay."""

    momentum: float = 0.9
    weight_decay: float = 0.0


class SGDUpdate:
    """The state of `SGD` for one list of parameters, and its step.

    With gradient G, weight W, buffer V and mask m (1 = trainable):

        V <- momentum V + m (G + weight_decay W)       frozen weights never move
        V <- momentum V + m G + weight_decay W         with `decay_frozen`: frozen weights shrink
        W <- W - learning_rate V

    Masking the sum, not the gradient alone, is what keeps decay and momentum from moving frozen weights.
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
        self.buffers = [torch.zeros_like(p) for p in parameters]
        self.decay_before_mask = not decay_frozen and any(f is not None for f in frozen)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        """Apply one update in place; `gradients` are overwritten."""
        gradients = list(gradients)
        decay = self.rule.weight_decay
        if self.decay_before_mask and decay:
            torch._foreach_add_(gradients, self.parameters, alpha=decay)
        for gradient, bits in zip(gradients, self.bits, strict=True):
            if bits is not None:
                gradient.view(bits.dtype).bitwise_and_(bits)
        torch._fused_sgd_(
            self.parameters,
            gradients,
            self.buffers,
            weight_decay=0.0 if self.decay_before_mask else decay,
            momentum=self.rule.momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


def _bits(frozen: Tensor, like: Tensor) -> Tensor:
    """Return integers of the parameter's width that keep a number's bits where it trains and clear them elsewhere.

    Unlike a product with zero, this stops a diverged gradient too, and it is the fastest way on a CPU.
    """
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[like.element_size()]
    return torch.where(frozen, 0, -1).to(integer)
