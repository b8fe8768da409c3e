"""Figure 7: learning rates of pretraining and of tuning (Section 3)."""

from dataclasses import replace

from common.experiment import Experiment, Grid
from papers.plasticity.procedures import TRAINING
from papers.plasticity.settings import CIFAR, DIGITS, Cell, Setting, scratch, warm

BEST = 1.8e-3  # of the three rates of pretraining (caption)


def rates(setting: Setting, pretraining: tuple[float, ...], tuning: tuple[float, ...], extra: int) -> tuple[Cell, ...]:
    """Return a control for every tuning rate, and every pair of rates."""
    controls = tuple(scratch(setting, rate, extra=extra) for rate in tuning)
    pairs = tuple(replace(warm(setting, rate=before), rate=after) for before in pretraining for after in tuning)
    return controls + pairs


FIG7 = Experiment(
    name="fig7",
    source="Fig. 7",
    procedure=TRAINING,
    smoke=Grid(rates(DIGITS, (1e-3,), (1e-3, 3e-3, 1e-2), DIGITS.pretraining // 2), 12),
    full=Grid(rates(CIFAR, (5.6e-4, BEST, 5.6e-3), (5.6e-4, BEST, 5.6e-3, 1.8e-2), 0), 9),
)
