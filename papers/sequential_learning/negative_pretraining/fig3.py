"""Figure 3: learning rates of the blurred and of the sharp task (Section 4)."""

from papers.sequential_learning.negative_pretraining.arms import Arm
from papers.sequential_learning.negative_pretraining.procedures import experiment
from papers.sequential_learning.negative_pretraining.settings import (
    CIFAR,
    DIGITS,
    FASHION,
    LONG,
    RATE,
    SMALL_LONG,
    SMALL_RATE,
    SVHN,
    baseline,
    pretrained,
)
from papers.sequential_learning.nuisances import ALIASED
from papers.sequential_learning.setting import Setting


def pairs(setting: Setting, rate: float, length: tuple[int, int]) -> tuple[Arm, ...]:
    """Return baselines at the rate and at twice the rate, the five pairs of rates, and one after an aliased blur."""
    half, double = rate / 2, 2 * rate
    rates = ((half, half), (rate, half), (rate, rate), (rate, double), (double, double))
    baselines = tuple(baseline(setting, own, length) for own in (rate, double))
    blurred = tuple(pretrained(setting, "blur", 2, pair, length) for pair in rates)
    return (*baselines, *blurred, pretrained(setting, ALIASED, 2, (rate, rate), length))


def longer(length: tuple[int, int]) -> tuple[int, int]:
    """Return the length of one task that takes as many epochs as two."""
    return 2 * length[0], 2 * length[1]


FIG3 = experiment(
    "negative_fig3",
    "Negative Pretraining Effect, Fig. 3",
    (*pairs(DIGITS, SMALL_RATE, SMALL_LONG), baseline(DIGITS, SMALL_RATE, longer(SMALL_LONG))),
    tuple(arm for setting in (CIFAR, FASHION, SVHN) for arm in pairs(setting, RATE, LONG)),
    seeds=16,
    full_seeds=10,
)
