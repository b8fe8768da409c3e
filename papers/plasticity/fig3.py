"""Figure 3: one stage in which the data change smoothly from half to all (Section A.2)."""

from papers.plasticity.settings import CIFAR, DIGITS, Cell, Setting
from papers.plasticity.warm_start import experiment


def gammas(setting: Setting, values: tuple[float, ...]) -> tuple[Cell, ...]:
    """Return one arm a gamma; 0 is the control, which draws from all images."""
    return tuple(Cell(setting, stages=0, gamma=gamma) for gamma in (0.0, *values))


FIG3 = experiment(
    "fig3", "Fig. 3", gammas(DIGITS, (0.5, 0.9)), gammas(CIFAR, (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)), 8, 10
)
