"""Section 4 and Appendix A: what the paper derives; Algorithm 1 and ADP as they are defined."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from common.experiment import Experiment, Grid, Job, Measured, Metric, Metrics, Procedure
from common.run.call import Call
from common.seeds import stream
from common.train.batches import StratifiedBatches
from common.work import Work
from papers.fast import by_hand, identities
from papers.fast.anytime import Run, Schedule, adapt
from papers.fast.settings import OPTIMIZERS, OTHER_DIGITS, ZERO, Cell
from papers.fast.sources import adopt, source_of
from papers.fast.tasks import task

ADP_STEPS = 89


@dataclass(frozen=True)
class Exact:
    """The setting of derivations: small networks in double precision, no data."""

    name: str = "exact"


@dataclass(frozen=True)
class Shape:
    """A number of classes N and of features D."""

    setting: Exact
    classes: int
    features: int


SHAPES = tuple(Shape(Exact(), classes, 64) for classes in (10, 100, 256))


def derive(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Measure how far every statement is from holding, on one small random network a job."""
    for job in jobs:
        shape: Shape = job.cell
        generator = torch.Generator().manual_seed(stream(job.seed, "derivations"))
        scalars = {
            **identities.of_the_gradients(shape.classes, shape.features, generator),
            **identities.of_the_start(shape.classes, shape.features, generator),
            **identities.of_the_lemmas(shape.classes, generator),
            **identities.of_the_steps(shape.classes, shape.features, generator),
            **identities.of_the_momentum(shape.classes, shape.features, generator),
        }
        yield job, Metrics(scalars)


DERIVED = {
    "grad_logits": Metric("none", "Largest distance of Eq. 4 from automatic differentiation."),
    "grad_features": Metric("none", "Largest distance of Eq. 5 from automatic differentiation."),
    "grad_classifier": Metric("none", "Largest distance of the classifier's gradient from automatic differentiation."),
    "velocity_classifier": Metric("none", "Largest distance of Eq. 8 from one step of plain gradient descent."),
    "uniform": Metric("none", "Largest distance of the probabilities at W = 0 from 1 / N."),
    "loss": Metric("none", "Distance of the loss at W = 0 from ln N."),
    "entropy": Metric("none", "Largest distance of the entropy at W = 0 from ln N."),
    "small_start": Metric("ratio", "Distance from uniform at a tiny W(0), over what its size allows."),
    "temperature": Metric("none", "Largest difference between dividing W and dividing logits by a temperature."),
    "error_norm": Metric("none", "Distance of the mean squared error norm from its closed form."),
    "error_norm_at_zero": Metric("none", "Distance of that norm at W = 0 from 1 - 1 / N."),
    "error_norm_above_zero": Metric("none", "How far that norm, over all labels, lies above 1 - 1 / N at another W."),
    "error_at_zero": Metric("none", "Largest distance of the error at W = 0 from one-hot less 1 / N."),
    "lemma_1": Metric("none", "Least squared norm of probabilities, less 1 / N."),
    "lemma_1_equality": Metric("none", "Distance of the squared norm of equal probabilities from 1 / N."),
    "lemma_2": Metric("none", "Least squared norm of vectors that sum to one, less 1 / N."),
    "first_move": Metric("none", "Largest change of the extractor in the first step from W = 0."),
    "first_update": Metric("none", "Largest distance of the first update of W from Eq. 20."),
    "prototype_agreement": Metric("fraction", "Share of examples on which that update decides as class means do."),
    "beta_scales": Metric("none", "Relative distance of the second step from twice that at half of beta."),
    "alpha_scales": Metric("none", "Relative distance of the second step from twice that at half of alpha."),
    "random_feedback": Metric("none", "Least cosine between the feedback and a fixed random one, at a large W(0)."),
    "momentum_forms": Metric("none", "Largest difference between averaged and heavy-ball momentum at equal rates."),
}


def work(shape: Shape) -> Work:
    """Estimate the work of one network."""
    return Work(1e7 * shape.classes, products=1e4)


DERIVATION = Procedure("derivation", derive, DERIVED, work)
DERIVATIONS = Experiment(
    "derivations", "Secs. 3.2 and 4, App. A, Alg. 1", DERIVATION, smoke=Grid(SHAPES, 5), full=Grid(SHAPES, 5)
)


def measure_adp(jobs: Sequence[Job], call: Call) -> Iterator[Measured]:
    """Compare what the engine measures with the definition, step by step: FAST on the digits 5 to 9 (Section 6.1)."""
    source = source_of(OTHER_DIGITS, call)
    target = task(OTHER_DIGITS.target, call.data_dir, call.device)
    assert source.task is not None
    for job in jobs:
        runs = [Run(adopt(source, target.num_classes, ZERO, job.seed), 0.05, 0.005, job.seed) for _ in range(2)]
        schedule = Schedule(ADP_STEPS, OTHER_DIGITS.batch_size, OPTIMIZERS["sgd"])
        drawn = StratifiedBatches(target.labels, target.train, target.num_classes, schedule.batch_size, job.seed)
        expected = by_hand.fine_tune(runs[0], schedule, drawn.draw(schedule.steps), target, source.task)
        (history,) = adapt(runs[1:], schedule, target, source.task)
        found = {"target": history.target, "source": history.source, "validation": history.validation}
        steps, gaps = schedule.checkpoints, pairwise(schedule.validations)
        yield (
            job,
            Metrics(
                {
                    "adp_off": max(_furthest(found[name], expected[name]) for name in found),
                    "checkpoints_off": float(
                        (steps[:3] != [0, 1, 2])
                        + sum(a + b != c for a, b, c in zip(steps[1:], steps[2:], steps[3:], strict=False))
                    ),
                    "gaps_off": float(sum(b - a != min(i + 1, 10) for i, (a, b) in enumerate(gaps))),
                }
            ),
        )


def _furthest(found: Sequence[float], expected: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(found, expected, strict=True))


def work_of_check(cell: Cell) -> Work:
    """Estimate the work of training a model twice, by the engine and by hand."""
    return Work(1e10, products=1e4)


ADP_CHECK = Procedure(
    "adp check",
    measure_adp,
    {
        "adp_off": Metric("none", "Largest distance of the engine's curves from those of the loop by hand."),
        "checkpoints_off": Metric("count", "Checkpoints that are not the Fibonacci numbers of Section 6.1."),
        "gaps_off": Metric("count", "Gaps between validations that are not those of Section 6.1."),
    },
    work_of_check,
)
_ADP_GRID = Grid((Cell(OTHER_DIGITS, ZERO, 0.05, 0.005),))
ADP = Experiment("adp", "Sec. 6.1", ADP_CHECK, smoke=_ADP_GRID, full=_ADP_GRID)
