"""Section 4 and Appendix A: what the paper derives; Algorithm 1 and ADP as they are defined."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from common.experiment import Environment, Experiment, Job, Metrics, Tier
from common.models.operations import Work
from common.seeds import stream
from common.train.batches import StratifiedBatches
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
METRICS = (
    "grad_logits",
    "grad_features",
    "grad_classifier",
    "velocity_classifier",
    "uniform",
    "loss",
    "entropy",
    "small_start",
    "temperature",
    "error_norm",
    "error_norm_at_zero",
    "error_norm_above_zero",
    "error_at_zero",
    "lemma_1",
    "lemma_1_equality",
    "lemma_2",
    "first_move",
    "first_update",
    "prototype_agreement",
    "beta_scales",
    "alpha_scales",
    "random_feedback",
    "momentum_forms",
)


def derive(jobs: Sequence[Job], environment: Environment) -> Iterator[Metrics]:
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
        yield Metrics(scalars)


DERIVATIONS = Experiment(
    name="derivations",
    source="Secs. 3.2 and 4, App. A, Alg. 1",
    run=derive,
    metrics=METRICS,
    cells=dict.fromkeys(Tier, SHAPES),
    seeds=dict.fromkeys(Tier, 5),
    work=lambda shape: Work(1e7 * shape.classes, products=1e4),
)


def measure_adp(jobs: Sequence[Job], environment: Environment) -> Iterator[Metrics]:
    """Compare what the engine measures with the definition, step by step: FAST on the digits 5 to 9 (Section 6.1)."""
    source = source_of(OTHER_DIGITS, environment)
    target = task(OTHER_DIGITS.target, environment.data_dir, environment.device)
    assert source.task is not None
    for job in jobs:
        runs = [Run(adopt(source, target.num_classes, ZERO, job.seed), 0.05, 0.005, job.seed) for _ in range(2)]
        schedule = Schedule(ADP_STEPS, OTHER_DIGITS.batch_size, OPTIMIZERS["sgd"])
        drawn = StratifiedBatches(target.labels, target.train, target.num_classes, schedule.batch_size, job.seed)
        expected = by_hand.fine_tune(runs[0], schedule, drawn.draw(schedule.steps), target, source.task)
        (history,) = adapt(runs[1:], schedule, target, source.task)
        found = {"target": history.target, "source": history.source, "validation": history.validation}
        steps, gaps = schedule.checkpoints, pairwise(schedule.validations)
        yield Metrics(
            {
                "adp_off": max(_furthest(found[name], expected[name]) for name in found),
                "checkpoints_off": float(
                    (steps[:3] != [0, 1, 2])
                    + sum(a + b != c for a, b, c in zip(steps[1:], steps[2:], steps[3:], strict=False))
                ),
                "gaps_off": float(sum(b - a != min(i + 1, 10) for i, (a, b) in enumerate(gaps))),
            }
        )


def _furthest(found: Sequence[float], expected: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(found, expected, strict=True))


ADP = Experiment(
    name="adp",
    source="Sec. 6.1",
    run=measure_adp,
    metrics=("adp_off", "checkpoints_off", "gaps_off"),
    cells=dict.fromkeys(Tier, (Cell(OTHER_DIGITS, ZERO, 0.05, 0.005),)),
    seeds=dict.fromkeys(Tier, 1),
    work=lambda cell: Work(1e10, products=1e4),
)
