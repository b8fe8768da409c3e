"""Figures 3 to 5: how the spread of W(0) sets the speed of learning and of forgetting (Section 6.2)."""

from common.experiment import Experiment, Tier
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
from papers.fast.training import METRICS, train, work

RATE = 0.01


def spreads(setting: Setting, deviations: tuple[float, ...]) -> tuple[Cell, ...]:
    """Return one arm a spread of W(0), and two for comparison: exactly zero, and Kaiming's fan-in."""
    starts = (*(spread(deviation) for deviation in deviations), ZERO, FAN_IN)
    return tuple(Cell(setting, start, RATE, RATE) for start in starts)


FULL = (1.0, 1e-1, 1e-2, 1e-4, 1e-8)

FIG3_4 = Experiment(
    name="fig3_fig4",
    source="Figs. 3 and 4",
    run=train,
    metrics=METRICS,
    cells={Tier.SMOKE: spreads(SAME, (1.0, 1e-1, 1e-2, 1e-8)), Tier.FULL: spreads(CIFAR_CIFAR, FULL)},
    seeds={Tier.SMOKE: 5, Tier.FULL: 15},
    work=work,
)

FIG5 = Experiment(
    name="fig5",
    source="Fig. 5",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: (*spreads(GRATINGS, (1.0, 1e-2)), *spreads(ROTATED, (1.0, 1e-2))),
        Tier.FULL: spreads(CIFAR_MNIST, FULL),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 15},
    work=work,
)
