"""Figure 4: one nuisance removed in N tasks (Section 5)."""

from papers.sequential_learning.negative_pretraining.arms import Arm
from papers.sequential_learning.negative_pretraining.procedures import experiment
from papers.sequential_learning.negative_pretraining.settings import (
    CIFAR,
    DIGITS,
    FASHION,
    MNIST,
    RATE,
    SHORT,
    SMALL_RATE,
    SMALL_SHORT,
    baseline,
    pretrained,
)
from papers.sequential_learning.setting import Setting

NUISANCES = ("blur", "contrast", "shift")
COUNTS = (2, 4, 6, 8, 10)
SMALL_COUNTS = (2, 4, 6)


def discretised(
    setting: Setting, paths: tuple[str, ...], counts: tuple[int, ...], rate: float, length: tuple[int, int]
) -> tuple[Arm, ...]:
    """Return one arm for every path and every number of tasks along it."""
    return tuple(pretrained(setting, path, count, (rate, rate), length) for path in paths for count in counts)


FIG4 = experiment(
    "negative_fig4",
    "Negative Pretraining Effect, Fig. 4",
    (
        baseline(DIGITS, SMALL_RATE, SMALL_SHORT),
        *discretised(DIGITS, NUISANCES, SMALL_COUNTS, SMALL_RATE, SMALL_SHORT),
    ),
    tuple(
        arm
        for setting in (CIFAR, FASHION, MNIST)
        for arm in (baseline(setting, RATE, SHORT), *discretised(setting, NUISANCES, COUNTS, RATE, SHORT))
    ),
    seeds=8,
    full_seeds=6,
)
