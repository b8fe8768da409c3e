"""Table 2: accuracy, real freezing rate, size and compression of LeNet-5-Caffe on MNIST."""

from common.experiment import Experiment, Tier
from papers.freezenet.settings import DIGITS, DIGITS_RATES, LENET_5, arms
from papers.freezenet.training import METRICS, train, work

TABLE2 = Experiment(
    name="table2",
    source="Table 2",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: arms(DIGITS, ("baseline", "snip", "freezenet"), DIGITS_RATES),
        Tier.FULL: arms(LENET_5, ("baseline", "snip", "freezenet"), (0.9, 0.99, 0.995, 0.999)),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 5},
    work=work,
)
