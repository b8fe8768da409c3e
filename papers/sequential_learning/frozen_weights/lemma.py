"""Sections 3 and 4 on networks of a few units, in double precision: what freezes exactly, what does not, and Lemma 1.

A channel has a row (the weights into it), a scale, and a column (the weights out of it), as in Figure 2.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.functional import jacobian

from common.train.optimizers import SGD
from common.train.sgd import SGDUpdate

WIDTH = 6  # units of a layer
SLOPE = 0.5  # of the leaky ReLUs of Lemma 1, which switch no unit off, so that only the dead channel is dead
RIDGE = 1e-2  # weight decay of linear regression

Layers = tuple[Tensor, Tensor, Tensor]


def channel_gradients(zeroed: Collection[str], generator: torch.Generator) -> dict[str, float]:
    """Return the largest absolute gradient of one channel's row, scale and column where those of `zeroed` are zero.

    The network is piece-wise linear, V2 relu(V1 diag(scale) U x), so that row, scale and column only appear multiplied
    together (Definition 3). All three zero make a triple, row and column a double, one alone a mono-sparse channel.
    """
    u, v1, v2 = (_normal(WIDTH, WIDTH, generator=generator) for _ in range(3))
    scale, x, y = _normal(WIDTH, generator=generator), *_normal(2, 8, WIDTH, generator=generator)
    parts = {"row": u[0], "scale": scale[:1], "column": v1[:, 0]}
    for name in zeroed:
        parts[name].zero_()
    leaves = [tensor.requires_grad_() for tensor in (u, scale, v1)]
    output = ((x @ u.T) * scale @ v1.T).relu() @ v2.T
    of_u, of_scale, of_v1 = torch.autograd.grad(0.5 * (output - y).square().sum(1).mean(), leaves)
    return {"row": _largest(of_u[0]), "scale": _largest(of_scale[0]), "column": _largest(of_v1[:, 0])}


def linear_regression(steps: int, generator: torch.Generator) -> dict[str, float]:
    """Train f = theta^T x + b, of which every other weight begins at zero, by SGD with momentum and weight decay.

    No parameter multiplies another, so no zero is frozen (Example 1). Return the largest absolute gradient of the loss
    at theta = 0, and how far training ends from the solution of ridge regression, over that solution's largest weight.
    The data are 32 inputs with a full-rank second moment whose targets depend on them.
    """
    x, teacher, theta = (_normal(*shape, generator=generator) for shape in ((32, WIDTH), (WIDTH,), (WIDTH,)))
    b = float(_normal(generator=generator))
    target, moment = x @ teacher + b, x.T @ x / len(x)
    ridge = torch.linalg.solve(moment + RIDGE * torch.eye(WIDTH, dtype=x.dtype), x.T @ (target - b) / len(x))

    def gradient(at: Tensor) -> Tensor:
        found: Tensor = torch.autograd.grad(0.5 * (x @ at + b - target).square().mean(), at)[0]
        return found

    theta[::2] = 0.0
    theta.requires_grad_()
    update = SGDUpdate(SGD(momentum=0.9, weight_decay=RIDGE), [theta], [None])
    for _ in range(steps):
        update.step([gradient(theta)], learning_rate=0.1)
    zero = torch.zeros_like(theta, requires_grad=True)
    return {
        "gradient": _largest(gradient(zero)),
        "distance": _largest(theta.detach() - ridge) / _largest(ridge),
    }


def layers(dead: bool, generator: torch.Generator) -> Layers:
    """Return three orthogonal layers; the second's channel 0 is dead, its row and column zero, where that is asked."""
    first, second, third = (torch.linalg.qr(_normal(WIDTH, WIDTH, generator=generator)).Q for _ in range(3))
    if dead:
        second[0], third[:, 0] = 0.0, 0.0
    return first, second, third


def output(network: Layers, x: Tensor) -> Tensor:
    """Return f(x) [WIDTH] of three layers with leaky ReLUs between them."""
    return _after(network, network[0] @ x)


@dataclass(frozen=True)
class Connection:
    """What the directions of Lemma 1 do, each over what a random direction of the same length does.

    `plasticity` is (df/dtheta) dtheta, `invariance` (df/dh) dh; `own_parameter` and `own_input` are the same for the
    factors that the other derivative lacks, which the lemma takes to be non-zero.
    """

    plasticity: float
    own_parameter: float
    invariance: float
    own_input: float


def connection(network: Layers, x: Tensor, generator: torch.Generator) -> Connection:
    """Find the directions of Lemma 1 at input x for the first layer, phi_h(x) = x + h, and measure what they do.

    df/dW1 and df/dh share the factor df/df_1, with f_1 = W1 phi_h(x). Its right-singular vector v of the least singular
    value, which is zero where a later channel is dead, gives the parameter direction v x^T and the input direction dh
    with W1 dh = v (case 2 of the proof).
    """
    weight, *_ = network
    shared = _jacobian(lambda f1: _after(network, f1), weight @ x)
    v = torch.linalg.svd(shared).Vh[-1]
    of_parameter = _jacobian(lambda w: output((w, *network[1:]), x), weight).flatten(1)
    own_parameter = _jacobian(lambda w: w @ x, weight).flatten(1)
    of_input = _jacobian(lambda h: output(network, x + h), torch.zeros_like(x))
    own_input = _jacobian(lambda h: weight @ (x + h), torch.zeros_like(x))
    theta, h = torch.outer(v, x).flatten(), torch.linalg.solve(own_input, v)
    any_theta, any_h = _normal(len(theta), generator=generator), _normal(len(h), generator=generator)
    return Connection(
        plasticity=_size(of_parameter, theta) / _size(of_parameter, any_theta),
        own_parameter=_size(own_parameter, theta) / _size(own_parameter, any_theta),
        invariance=_size(of_input, h) / _size(of_input, any_h),
        own_input=_size(own_input, h) / _size(own_input, any_h),
    )


def least_response(network: Layers, x: Tensor, step: float = 1e-6) -> float:
    """Return by how much the output moves with the input in the direction that it sees least, over that it sees best.

    Outputs are compared at inputs a `step` apart, without derivatives: zero where some input direction is invariant.
    Orthogonal layers of full rank leave at least SLOPE^2.
    """
    moves = step * torch.eye(len(x), dtype=x.dtype)
    seen = [(output(network, x + move) - output(network, x - move)) / (2.0 * step) for move in moves]
    values = torch.linalg.svdvals(torch.stack(seen, 1))
    return float(values[-1] / values[0])


def normalised_gradients(scale: float, shift: float, generator: torch.Generator) -> dict[str, float]:
    """Return the largest absolute gradient of row, scale, shift and column of the channels of `normalised_network`."""
    network = normalised_network(scale, shift, generator)
    loss = _cross_entropy(network, generator)
    gradients = torch.autograd.grad(loss, list(network.values()))
    found = channels(dict(zip(network, gradients, strict=True)))
    return {part: _largest(*values) for part, values in found.items()}


def largest_after_steps(scale: float, shift: float, steps: int, generator: torch.Generator) -> float:
    """Train `normalised_network` by SGD with momentum and weight decay.

    Return the largest absolute weight of its channels' rows and columns, which started at zero.
    """
    network = normalised_network(scale, shift, generator)
    parameters = list(network.values())
    update = SGDUpdate(SGD(momentum=0.9, weight_decay=1e-2), parameters, [None] * len(parameters))
    for _ in range(steps):
        update.step(torch.autograd.grad(_cross_entropy(network, generator), parameters), learning_rate=0.1)
    trained = channels({name: value.detach() for name, value in network.items()})
    return _largest(*trained["row"], *trained["column"])


def normalised_network(scale: float, shift: float, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the parameters of two blocks of convolution, BatchNorm and ReLU before an average and a linear layer.

    Channel 0 of either block has a zero row, a zero column and this scale and shift of BatchNorm.
    """
    network = {
        "conv1": 0.5 * _normal(4, 2, 3, 3, generator=generator),
        "conv2": 0.5 * _normal(4, 4, 3, 3, generator=generator),
        "linear": _normal(3, 4, generator=generator),
        **{name: 1.0 + 0.1 * _normal(4, generator=generator) for name in ("scale1", "scale2")},
        **{name: 0.1 * _normal(4, generator=generator) for name in ("shift1", "shift2")},
    }
    values = {"row": 0.0, "scale": scale, "shift": shift, "column": 0.0}
    for part, tensors in channels(network).items():
        for tensor in tensors:
            tensor.fill_(values[part])
    return {name: tensor.requires_grad_() for name, tensor in network.items()}


def channels(tensors: dict[str, Tensor]) -> dict[str, list[Tensor]]:
    """Return what belongs to channel 0 of the first and of the second block: views of parameters or of gradients."""
    return {
        "row": [tensors["conv1"][0], tensors["conv2"][0]],
        "scale": [tensors["scale1"][0], tensors["scale2"][0]],
        "shift": [tensors["shift1"][0], tensors["shift2"][0]],
        "column": [tensors["conv2"][:, 0], tensors["linear"][:, 0]],
    }


def _cross_entropy(network: dict[str, Tensor], generator: torch.Generator) -> Tensor:
    """Return the loss on a new batch of images [16, 2, 5, 5] drawn from N(0, 1), in training mode."""
    x = _normal(16, 2, 5, 5, generator=generator)
    for block in ("1", "2"):
        x = F.conv2d(x, network[f"conv{block}"], padding=1)
        x = F.batch_norm(x, None, None, network[f"scale{block}"], network[f"shift{block}"], training=True).relu()
    labels = torch.randint(3, (16,), generator=generator)
    return F.cross_entropy(x.mean((2, 3)) @ network["linear"].T, labels)


def _after(network: Layers, f1: Tensor) -> Tensor:
    """Return f from the first layer's output, before its leaky ReLU."""
    _, second, third = network
    return third @ F.leaky_relu(second @ F.leaky_relu(f1, SLOPE), SLOPE)


def _jacobian(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    found: Tensor = jacobian(function, at)  # type: ignore[no-untyped-call]
    return found


def _size(matrix: Tensor, direction: Tensor) -> float:
    return float((matrix @ direction).norm() / direction.norm())


def _largest(*tensors: Tensor) -> float:
    return max(float(tensor.abs().max()) for tensor in tensors)


def _normal(*shape: int, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)
