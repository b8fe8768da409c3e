"""Figures 8 and 9: both learning rates scaled alike, or only the extractor's (Section 6.5)."""

from common.experiment import Experiment, Grid
from papers.fast.fig10_13 import fast
from papers.fast.procedures import FINE_TUNING
from papers.fast.settings import NEARLY_ZERO, RESNET, ROTATED, ROTATED_PLAIN, VGG, Cell, Setting


def scaled(setting: Setting, c: float, others: tuple[float, ...]) -> tuple[Cell, ...]:
    """Return the base (c, c), and for every other rate the arm with both at it and the arm with beta alone at it."""
    cells = [Cell(setting, NEARLY_ZERO, c, c)]
    for other in others:
        cells += [Cell(setting, NEARLY_ZERO, alpha, other) for alpha in (other, c)]
    return tuple(cells)


def equal(setting: Setting, rates: tuple[float, ...]) -> tuple[Cell, ...]:
    """Return FAST, and arms that differ from it in nothing but their equal rates: W(0) is as good as zero."""
    return (fast(setting), *(Cell(setting, NEARLY_ZERO, rate, rate) for rate in rates))


FIG8 = Experiment(
    name="fig8",
    source="Fig. 8",
    procedure=FINE_TUNING,
    smoke=Grid(scaled(ROTATED, 0.1, (0.01,)), 5),
    full=Grid(scaled(RESNET, 0.01, (0.001, 0.05)), 15),
)

FIG9 = Experiment(
    name="fig9",
    source="Fig. 9",
    procedure=FINE_TUNING,
    smoke=Grid(scaled(ROTATED_PLAIN, 0.05, (0.005,)), 5),
    full=Grid(scaled(VGG, 0.05, (0.005, 0.25)), 15),
)

EQUAL_RATES = Experiment(
    name="equal_rates",
    source="Sec. 6.5.2",
    procedure=FINE_TUNING,
    smoke=Grid(equal(ROTATED, (0.1, 0.05, 0.01, 0.005)), 5),
    full=Grid(equal(RESNET, (0.1, 0.05, 0.01, 0.005, 0.001, 0.0005)), 15),
)
