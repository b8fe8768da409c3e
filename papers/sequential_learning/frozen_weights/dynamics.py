"""Gradient flow with weight decay of weights that only appear multiplied together (Section 4.1), in double precision.

The paper treats three weights. Two follow the same way (n = 2): the Jacobian at zero is then
-eta [[lambda, g], [g, lambda]], so that zero is stable only where |g| < lambda.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor
from torch.autograd.functional import hessian


@dataclass(frozen=True)
class Flow:
    """A network f = A t_1 ... t_n + B that is to give y: weight decay lambda, learning rate eta, loss (f - y)^2 / 2."""

    a: float
    b: float
    y: float
    decay: float
    rate: float

    @property
    def pull(self) -> float:
        """Return g = A (B - y), what the loss pulls the product of the weights with at zero."""
        return self.a * (self.b - self.y)


def loss(flow: Flow, weights: Tensor) -> Tensor:
    """Return the quadratic loss at weights [n] with the penalty of weight decay, lambda / 2 |t|^2."""
    output = flow.a * weights.prod() + flow.b
    return 0.5 * (output - flow.y).square() + 0.5 * flow.decay * weights.square().sum()


def velocity(flow: Flow, weights: Tensor) -> Tensor:
    """Return dt/dt [n] at weights [n]: minus eta times the gradient of the loss, by automatic differentiation."""
    weights = weights.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(flow, weights), weights)
    return -flow.rate * gradient


def printed_velocity(flow: Flow, weights: Tensor) -> Tensor:
    """Return dt/dt [n] at weights [n] as Section 4.1 writes it: -eta (A^2 p_i^2 t_i + (B - y) A p_i + lambda t_i).

    p_i is the product of the other weights.
    """
    others = torch.stack([torch.cat([weights[:i], weights[i + 1 :]]).prod() for i in range(len(weights))])
    pulled = flow.a**2 * others.square() * weights + (flow.b - flow.y) * flow.a * others
    return -flow.rate * (pulled + flow.decay * weights)


def eigenvalues(flow: Flow, weights: Tensor) -> Tensor:
    """Return the eigenvalues [n], ascending, of the flow's Jacobian at weights [n]: -eta times the loss's Hessian."""
    of_loss = hessian(lambda at: loss(flow, at), weights)  # type: ignore[no-untyped-call]
    values: Tensor = torch.linalg.eigvalsh(-flow.rate * of_loss)
    return values


def escape_direction(flow: Flow, n: int) -> Tensor:
    """Return signs [n] along which weights of one size lower the loss: the diagonal for g < 0, one sign turned else."""
    signs = torch.ones(n, dtype=torch.float64)
    signs[0] = math.copysign(1.0, -flow.pull)
    return signs


def equilibrium(flow: Flow, n: int) -> float:
    """Return the size s > 0 at which n weights of one size come to rest away from zero, the largest.

    It solves A^2 s^(2n-2) - |g| s^(n-2) + lambda = 0. Raises ValueError where zero is the only resting point.
    """
    coefficients = np.zeros(2 * n - 1)  # of the highest power first
    coefficients[0] = flow.a**2
    coefficients[n] -= abs(flow.pull)
    coefficients[-1] += flow.decay
    roots = np.roots(coefficients)
    real = roots.real[np.abs(roots.imag) < 1e-9]
    if not (real > 0.0).any():
        raise ValueError(f"{n} weights rest nowhere but at zero when lambda = {flow.decay} and g = {flow.pull}")
    return float(real.max())


def integrate(flow: Flow, start: Sequence[float] | Tensor, duration: float) -> Tensor:
    """Follow the flow from weights [n] for a time and return where it ends [n]. Raises ValueError if it fails."""

    def rate(_: float, weights: np.ndarray) -> np.ndarray:
        return velocity(flow, torch.from_numpy(weights)).numpy()

    begin = torch.as_tensor(start, dtype=torch.float64).numpy()
    found = solve_ivp(rate, (0.0, duration), begin, method="DOP853", rtol=1e-9, atol=1e-15)
    if not found.success:
        raise ValueError(f"the flow could not be followed from {begin.tolist()}: {found.message}")
    return torch.from_numpy(found.y[:, -1].copy())
