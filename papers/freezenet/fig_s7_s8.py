"""Figure S7: moderate freezing rates on LeNet-5-Caffe. Figure S8: one training run at q = 0.99 (Section S1.6)."""

from common.experiment import Experiment, Tier
from papers.freezenet.settings import DIGITS, DIGITS_19_1, LENET_5, LENET_5_19_1, MNIST_RATES, arms
from papers.freezenet.training import METRICS, train, work

S7 = Experiment(
    name="fig_s7",
    source="Fig. S7",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: arms(DIGITS, ("baseline", "snip", "freezenet"), (0.5, 0.9)),
        Tier.FULL: arms(LENET_5, ("baseline", "snip", "freezenet"), MNIST_RATES),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 5},
    work=work,
)

S8 = Experiment(
    name="fig_s8",
    source="Fig. S8",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: arms(DIGITS_19_1, ("freezenet",), (0.98,)),
        Tier.FULL: arms(LENET_5_19_1, ("freezenet",), (0.99,)),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 5},
    work=work,
)
