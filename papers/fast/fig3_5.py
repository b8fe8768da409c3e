"""Figures 3 to 5: how the spread of W(0) sets the speed of learning and of forgetting (Section 6.2)."""

from common.experiment import Experiment, Grid
from papers.fast.procedures import FINE_TUNING
from papers.fast.settings import (
    CIFAR_CIFAR,
    CIFAR_MNIST,
    FAN_IN,
    GRATINGS,
    ROTATED,
    SAME,
    ZERO,
    Cell,
    Setting,
    spread,
)

RATE = 0.01


def spreads(setting: Setting, deviations: tuple[float, ...]) -> tuple[Cell, ...]:
    """Return one arm a spread of W(0), and two for comparison: exactly zero, and Kaiming's fan-in."""
    starts = (*(spread(deviation) for deviation in deviations), ZERO, FAN_IN)
    return tuple(Cell(setting, start, RATE, RATE) for start in starts)


FULL = (1.0, 1e-1, 1e-2, 1e-4, 1e-8)

FIG3_4 = Experiment(
    name="fig3_fig4",
    source="Figs. 3 and 4",
    procedure=FINE_TUNING,
    smoke=Grid(spreads(SAME, (1.0, 1e-1, 1e-2, 1e-8)), 5),
    full=Grid(spreads(CIFAR_CIFAR, FULL), 15),
)

FIG5 = Experiment(
    name="fig5",
    source="Fig. 5",
    procedure=FINE_TUNING,
    smoke=Grid((*spreads(GRATINGS, (1.0, 1e-2)), *spreads(ROTATED, (1.0, 1e-2))), 5),
    full=Grid(spreads(CIFAR_MNIST, FULL), 15),
)
