"""Figure 3: capacity without weight decay (left); initialisations and a random mask (right)."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import (
    DIGITS,
    DIGITS_NO_DECAY,
    LENET_5,
    LENET_5_NO_DECAY,
    MNIST_RATES,
    arms,
)

LEFT = Experiment(
    name="fig3_left",
    source="Fig. 3 left",
    procedure=TRAINING,
    smoke=Grid(arms(DIGITS_NO_DECAY, ("snip", "freezenet"), (0.98, 0.99, 0.995)), 5),
    full=Grid(arms(LENET_5_NO_DECAY, ("snip", "freezenet"), tuple(r for r in MNIST_RATES if r >= 0.98)), 10),
)

RIGHT = Experiment(
    name="fig3_right",
    source="Fig. 3 right",
    procedure=TRAINING,
    smoke=Grid(
        arms(DIGITS, ("freezenet", "random"), (0.95, 0.99, 0.995))
        + arms(DIGITS, ("freezenet",), (0.95, 0.99), initialisation="kaiming_uniform")
        + arms(DIGITS, ("freezenet",), (0.95, 0.99), initialisation="pm_sigma"),
        5,
    ),
    full=Grid(
        arms(LENET_5, ("freezenet", "random"), MNIST_RATES)
        + arms(LENET_5, ("freezenet",), MNIST_RATES, initialisation="kaiming_uniform")
        + arms(LENET_5, ("freezenet",), MNIST_RATES, initialisation="pm_sigma"),
        15,
    ),
)
