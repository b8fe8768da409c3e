"""Sections 3 and 4: what the paper derives of mutually frozen weights, measured in double precision."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from common.experiment import Experiment, Grid, Job, Measured, Metric, Metrics, Procedure
from common.run.call import Call
from common.seeds import stream
from common.work import Work
from papers.sequential_learning.frozen_weights import dynamics, lemma
from papers.sequential_learning.frozen_weights.dynamics import Flow

NEAR_ZERO = 1e-4  # the size of weights that count as frozen
STEPS = 30
REGRESSION_STEPS = 3_000


@dataclass(frozen=True)
class Exact:
    """The setting of theory: a few units in double precision, no data."""

    name: str = "exact"


@dataclass(frozen=True)
class Theory:
    """The one cell; constants and weights come from the seed."""

    setting: Exact


def derive(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Measure every statement on constants and small networks drawn from the job's seed."""
    for job in jobs:
        generator = torch.Generator().manual_seed(stream(job.seed, "theory"))
        flow = draw_flow(job.seed)
        yield (
            job,
            Metrics(
                {
                    **of_the_gradients(generator),
                    **of_triples(flow, generator),
                    **of_doubles(flow, generator),
                    **of_the_lemma(generator),
                    **of_batchnorm(generator),
                }
            ),
        )


def draw_flow(seed: int) -> Flow:
    """Draw A, B, y, lambda and eta such that lambda is far below |g| and the triple's basin ends near lambda / |g|."""
    draw = random.Random(stream(seed, "constants"))
    b = draw.uniform(-1.0, 1.0)
    a, gap = (draw.choice((-1.0, 1.0)) * draw.uniform(0.75, 1.25) for _ in range(2))
    return Flow(a=a, b=b, y=b + gap, decay=draw.uniform(0.04, 0.06), rate=draw.uniform(0.1, 1.0))


def of_the_gradients(generator: torch.Generator) -> dict[str, float]:
    """Return the largest gradients of a triple at zero, of a lone zero row, and of linear regression (Section 4)."""
    regression = lemma.linear_regression(REGRESSION_STEPS, generator)
    return {
        "triple_gradient": max(lemma.channel_gradients(("row", "scale", "column"), generator).values()),
        "mono_gradient": lemma.channel_gradients(("row",), generator)["row"],
        "linear_regression_gradient": regression["gradient"],
        "linear_regression_distance": regression["distance"],
    }


def of_triples(flow: Flow, generator: torch.Generator) -> dict[str, float]:
    """Measure the flow of three weights (Section 4.1).

    The basin's ends are the largest weight that a start at 0.99 and at 1.05 lambda / |g| ends in, over the size of the
    equilibrium away from zero: 0 is frozen, 1 is trained.
    """
    edge = flow.decay / abs(flow.pull) * dynamics.escape_direction(flow, 3)
    weights = torch.randn(3, generator=generator, dtype=torch.float64)
    error = dynamics.velocity(flow, weights) - dynamics.printed_velocity(flow, weights)
    expected = torch.full((3,), -flow.rate * flow.decay, dtype=torch.float64)
    duration = 25.0 / (flow.rate * flow.decay)
    return {
        "velocity_error": float(error.abs().max()),
        "triple_eigenvalue_error": _eigenvalue_error(flow, expected),
        "triple_basin_inside": _end(flow, 0.99 * edge, duration),
        "triple_basin_outside": _end(flow, 1.05 * edge, duration),
    }


def of_doubles(flow: Flow, generator: torch.Generator) -> dict[str, float]:
    """Measure the flow of two weights: zero is a saddle for lambda < |g|, left along one diagonal, and stable else.

    Escape and decay start near zero along the two diagonals; the ends are over the size of the equilibrium. The stable
    one, with lambda = 1.5 |g|, starts at random; its end is over the start.
    """
    size, along = abs(flow.pull), dynamics.escape_direction(flow, 2)
    across = along * torch.tensor([1.0, -1.0])
    expected = -flow.rate * torch.tensor([flow.decay + size, flow.decay - size], dtype=torch.float64)
    decayed = replace(flow, decay=1.5 * size)
    start = torch.randn(2, generator=generator, dtype=torch.float64)
    end = dynamics.integrate(decayed, start, 20.0 / (flow.rate * (decayed.decay - size)))
    return {
        "double_eigenvalue_error": _eigenvalue_error(flow, expected),
        "double_escape": _end(flow, NEAR_ZERO * along, 40.0 / (flow.rate * (size - flow.decay))),
        "double_decay": _end(flow, NEAR_ZERO * across, 20.0 / (flow.rate * (size + flow.decay))),
        "double_stable": float(end.abs().max() / start.abs().max()),
    }


def of_the_lemma(generator: torch.Generator) -> dict[str, float]:
    """Measure the directions of Lemma 1 in a network with a dead channel, and what one without leaves (Section 4.2).

    The directions of its proof follow from the network's shared factors; `lemma_response` looks for one by moving the
    input alone.
    """
    x = torch.randn(lemma.WIDTH, generator=generator, dtype=torch.float64)
    dead = lemma.layers(True, generator)
    found = lemma.connection(dead, x, generator)
    return {
        "lemma_plasticity": found.plasticity,
        "lemma_own_parameter": found.own_parameter,
        "lemma_input_direction": found.invariance,
        "lemma_own_factors": found.own_input,
        "lemma_response": lemma.least_response(dead, x),
        "lemma_control": lemma.least_response(lemma.layers(False, generator), x),
    }


def of_batchnorm(generator: torch.Generator) -> dict[str, float]:
    """Measure channels with zero row and column around a BatchNorm with shift 0, below 0, and above 0."""
    scale = float(torch.randn((), generator=generator))
    frozen = [lemma.normalised_gradients(of, shift, generator) for of in (0.0, 1.0, scale) for shift in (0.0, -0.3)]
    moved = [lemma.largest_after_steps(scale, shift, STEPS, generator) for shift in (0.0, -0.3)]
    return {
        "batchnorm_frozen_gradient": max(max(gradients.values()) for gradients in frozen),
        "batchnorm_positive_shift_gradient": lemma.normalised_gradients(scale, 0.3, generator)["column"],
        "batchnorm_frozen_after_steps": max(moved),
    }


def _eigenvalue_error(flow: Flow, expected: Tensor) -> float:
    found = dynamics.eigenvalues(flow, torch.zeros_like(expected))
    return float((found - expected.sort().values).abs().max())


def _end(flow: Flow, start: Tensor, duration: float) -> float:
    return float(dynamics.integrate(flow, start, duration).abs().max()) / dynamics.equilibrium(flow, len(start))


DERIVED = {
    "triple_gradient": Metric("none", "Largest gradient of a channel whose row, scale and column are zero."),
    "mono_gradient": Metric("none", "Gradient of a zero row alone."),
    "velocity_error": Metric("none", "Largest distance of the printed velocity of a triple from gradient descent's."),
    "triple_eigenvalue_error": Metric("none", "Largest distance of the triple's eigenvalues at zero from the printed."),
    "triple_basin_inside": Metric("ratio", "Largest weight that a start just inside the basin ends in, over trained."),
    "triple_basin_outside": Metric("ratio", "Largest weight that a start just outside ends in, over trained."),
    "double_eigenvalue_error": Metric("none", "Largest distance of the double's eigenvalues at zero from the printed."),
    "double_escape": Metric("none", "Largest weight that a start near zero along the escape ends in, over trained."),
    "double_decay": Metric("ratio", "Largest weight that a start near zero across it ends in, over trained."),
    "double_stable": Metric("ratio", "Largest weight that a strongly decayed double ends in, over its start."),
    "linear_regression_gradient": Metric("none", "Largest gradient of linear regression at zero weights."),
    "linear_regression_distance": Metric("ratio", "Distance of where it ends from ridge regression, over that."),
    "lemma_plasticity": Metric("none", "Plasticity along the direction of Lemma 1."),
    "lemma_own_parameter": Metric("none", "Change of the output with the parameter of Lemma 1."),
    "lemma_input_direction": Metric("none", "Invariance along the input direction of Lemma 1."),
    "lemma_own_factors": Metric("none", "Invariance along the direction built from the lemma's own factors."),
    "lemma_response": Metric("ratio", "Response of the output to the input it sees least, over that it sees best."),
    "lemma_control": Metric("ratio", "The same of a network without a dead channel."),
    "batchnorm_frozen_gradient": Metric("none", "Largest gradient of a frozen channel around a BatchNorm."),
    "batchnorm_positive_shift_gradient": Metric("none", "Gradient of its column where the shift is above zero."),
    "batchnorm_frozen_after_steps": Metric("none", "Largest weight of such a channel after training steps."),
}


def work(cell: Theory) -> Work:
    """Estimate the work of one set of constants and small networks."""
    return Work(1e7, products=1e4)


DERIVATION = Procedure("derivation", derive, DERIVED, work)
_GRID = Grid((Theory(Exact()),), seeds=3)
FROZEN_THEORY = Experiment("frozen_theory", "Sec. 3 and 4", DERIVATION, smoke=_GRID, full=_GRID)
