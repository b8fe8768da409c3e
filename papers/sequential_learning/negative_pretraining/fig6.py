"""Figure 6 and Section 6: biases are reset before the blurred task, before the sharp one, or before both."""

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
from papers.sequential_learning.setting import Setting


def resets(setting: Setting, rate: float, length: tuple[int, int]) -> tuple[Arm, ...]:
    """Return the baseline and the four arms, without any reset first."""
    arms = tuple(pretrained(setting, "blur", 2, (rate, rate), length, reset) for reset in ("", "2", "1", "12"))
    return (baseline(setting, rate, length), *arms)


FIG6 = experiment(
    "negative_fig6",
    "Negative Pretraining Effect, Fig. 6 and Sec. 6",
    resets(DIGITS, SMALL_RATE, SMALL_LONG),
    tuple(arm for setting in (CIFAR, FASHION, SVHN) for arm in resets(setting, RATE, LONG)),
    seeds=16,
    full_seeds=10,
)
