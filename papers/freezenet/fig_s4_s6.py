"""Figures S4, S5 and S6: learning rates 0.1 * 2^n against freezing rates (Section S1.5)."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import (
    CIFAR_RATES,
    DIGITS,
    LENET_5,
    MNIST_RATES,
    TEXTURES_10,
    VGG_CIFAR10,
    Cell,
    Setting,
    arms,
)

RATES = tuple(0.1 * 2.0**n for n in range(-4, 5))
DIGITS_RATES = (0.00625, 0.025, 0.1, 0.8)


def swept(setting: Setting, freezing_rates: tuple[float, ...], rates: tuple[float, ...]) -> tuple[Cell, ...]:
    """Return FreezeNet cells for every learning rate and freezing rate."""
    return tuple(cell for rate in rates for cell in arms(setting, ("freezenet",), freezing_rates, learning_rate=rate))


def _lenet(name: str, source: str, keep: tuple[float, ...]) -> Experiment:
    small = tuple(rate for rate in DIGITS_RATES if rate in keep)
    return Experiment(
        name=name,
        source=source,
        procedure=TRAINING,
        smoke=Grid(swept(DIGITS, (0.5, 0.98, 0.99), small), 5),
        full=Grid(swept(LENET_5, MNIST_RATES, keep), 5),
    )


S4_LEFT = _lenet("fig_s4_left", "Fig. S4 left", RATES)
S4_RIGHT = _lenet("fig_s4_right", "Fig. S4 right", tuple(r for r in RATES if r >= 0.1))
S5_LEFT = _lenet("fig_s5_left", "Fig. S5 left", tuple(r for r in RATES if r <= 0.1))
S5_RIGHT = _lenet("fig_s5_right", "Fig. S5 right", tuple(r for r in RATES if r >= 0.1))

S6 = Experiment(
    name="fig_s6",
    source="Fig. S6",
    procedure=TRAINING,
    smoke=Grid(swept(TEXTURES_10, (0.98,), (0.1, 0.2)), 3),
    full=Grid(swept(VGG_CIFAR10, CIFAR_RATES, (0.05, 0.1, 0.2)), 5),
)
