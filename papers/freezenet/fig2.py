"""Figure 2: test accuracy over freezing rates on MNIST, LeNet-300-100 (left) and LeNet-5-Caffe (right)."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import (
    DIGITS,
    DIGITS_28,
    DIGITS_RATES,
    LENET_5,
    LENET_300_100,
    MNIST_RATES,
    arms,
)

LEFT = Experiment(
    name="fig2_left",
    source="Fig. 2 left",
    procedure=TRAINING,
    smoke=Grid(arms(DIGITS_28, ("baseline", "snip", "freezenet"), (0.9, 0.999)), 5),
    full=Grid(arms(LENET_300_100, ("baseline", "snip", "freezenet"), MNIST_RATES), 10),
)

RIGHT = Experiment(
    name="fig2_right",
    source="Fig. 2 right",
    procedure=TRAINING,
    smoke=Grid(arms(DIGITS, ("snip", "freezenet"), DIGITS_RATES), 5),
    full=Grid(arms(LENET_5, ("snip", "freezenet"), tuple(r for r in MNIST_RATES if r >= 0.99)), 20),
)
