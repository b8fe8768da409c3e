"""Figures 10 to 13: FAST and the baselines at several rates, with four optimizers (Section 6.6)."""

from common.experiment import Experiment, Grid
from papers.fast.procedures import FINE_TUNING
from papers.fast.settings import (
    DENSENET,
    FAN_IN,
    FAN_OUT,
    OTHER_DIGITS,
    ROTATED,
    VGG,
    ZERO,
    Cell,
    Setting,
    baselines,
)

FAST_RATES = {"sgd": (5e-2, 5e-3), "nesterov": (5e-2, 5e-3), "adam": (5e-3, 5e-4), "radam": (5e-3, 5e-4)}
MOMENTUM_RATES = (5e-2, 1e-2, 5e-3)  # those of the baselines in Table 1
ADAPTIVE_RATES = (1e-2, 1e-3, 1e-4)


def fast(setting: Setting, optimizer: str = "sgd") -> Cell:
    """Return FAST (Algorithm 2): W(0) = 0, and a learning rate for each part."""
    alpha, beta = FAST_RATES[optimizer]
    return Cell(setting, ZERO, alpha, beta, optimizer)


def compared(settings: tuple[Setting, ...], rates: tuple[float, ...], optimizer: str = "sgd") -> tuple[Cell, ...]:
    """Return FAST and the baselines at every rate with one optimizer."""
    return tuple(
        cell for setting in settings for cell in (fast(setting, optimizer), *baselines(setting, rates, optimizer))
    )


def experiment(
    name: str, source: str, smoke: tuple[Cell, ...], full: tuple[Cell, ...], smoke_seeds: int = 5
) -> Experiment:
    """Declare one figure."""
    return Experiment(name, source, FINE_TUNING, Grid(smoke, smoke_seeds), Grid(full, 15))


LARGE, SMALL = (VGG, DENSENET), (ROTATED, OTHER_DIGITS)
FIG10 = experiment("fig10", "Fig. 10", compared(SMALL, MOMENTUM_RATES), compared(LARGE, MOMENTUM_RATES))
FIG11 = experiment(
    "fig11", "Fig. 11", compared(SMALL, ADAPTIVE_RATES[:2], "adam"), compared(LARGE, ADAPTIVE_RATES, "adam")
)
FIG12 = experiment(
    "fig12", "Fig. 12", compared((OTHER_DIGITS,), ADAPTIVE_RATES[:2], "radam"), compared(LARGE, ADAPTIVE_RATES, "radam")
)
FIG13 = experiment(
    "fig13",
    "Fig. 13",
    tuple(fast(OTHER_DIGITS, optimizer) for optimizer in FAST_RATES),
    tuple(fast(setting, optimizer) for setting in LARGE for optimizer in FAST_RATES),
    smoke_seeds=8,  # a gap of nothing within 5 points of 180 images
)
NOTE20 = experiment(
    "note20",
    "Sec. 6.6, note 20",
    tuple(Cell(ROTATED, start, 0.01, 0.01) for start in (FAN_IN, FAN_OUT)),
    tuple(Cell(setting, start, 0.01, 0.01) for setting in LARGE for start in (FAN_IN, FAN_OUT)),
)
