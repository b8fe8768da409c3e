"""Figure 3: capacity without weight decay (left); initialisations and a random mask (right)."""

from common.experiment import Experiment, Tier
from papers.freezenet.settings import (
    DIGITS,
    DIGITS_NO_DECAY,
    LENET_5,
    LENET_5_NO_DECAY,
    MNIST_RATES,
    arms,
)
from papers.freezenet.training import METRICS, train, work

LEFT = Experiment(
    name="fig3_left",
    source="Fig. 3 left",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: arms(DIGITS_NO_DECAY, ("snip", "freezenet"), (0.98, 0.99, 0.995)),
        Tier.FULL: arms(LENET_5_NO_DECAY, ("snip", "freezenet"), tuple(r for r in MNIST_RATES if r >= 0.98)),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 5},
    work=work,
)

RIGHT = Experiment(
    name="fig3_right",
    source="Fig. 3 right",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: arms(DIGITS, ("freezenet", "random"), (0.95, 0.99, 0.995))
        + arms(DIGITS, ("freezenet",), (0.95, 0.99), initialisation="kaiming_uniform")
        + arms(DIGITS, ("freezenet",), (0.95, 0.99), initialisation="pm_sigma"),
        Tier.FULL: arms(LENET_5, ("freezenet", "random"), MNIST_RATES)
        + arms(LENET_5, ("freezenet",), MNIST_RATES, initialisation="kaiming_uniform")
        + arms(LENET_5, ("freezenet",), MNIST_RATES, initialisation="pm_sigma"),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 5},
    work=work,
)
