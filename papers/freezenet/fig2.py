"""Figure 2: test accuracy over freezing rates on MNIST, LeNet-300-100 (left) and LeNet-5-Caffe (right)."""

from common.experiment import Experiment, Tier
from papers.freezenet.settings import (
    DIGITS,
    DIGITS_28,
    DIGITS_RATES,
    LENET_5,
    LENET_300_100,
    MNIST_RATES,
    arms,
)
from papers.freezenet.training import METRICS, train, work

LEFT = Experiment(
    name="fig2_left",
    source="Fig. 2 left",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: arms(DIGITS_28, ("baseline", "snip", "freezenet"), (0.9, 0.999)),
        Tier.FULL: arms(LENET_300_100, ("baseline", "snip", "freezenet"), MNIST_RATES),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 5},
    work=work,
)

RIGHT = Experiment(
    name="fig2_right",
    source="Fig. 2 right",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: arms(DIGITS, ("snip", "freezenet"), DIGITS_RATES),
        Tier.FULL: arms(LENET_5, ("snip", "freezenet"), tuple(r for r in MNIST_RATES if r >= 0.99)),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 5},
    work=work,
)
