"""The optimizers that papers name, by their hyperparameters."""

from dataclasses import dataclass


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
