"""Table 1 and Figures 14 and 15: error and distance travelled after long fine-tuning (Section 6.7)."""

from common.experiment import Experiment, Tier
from papers.fast.fig10_13 import MOMENTUM_RATES, compared
from papers.fast.settings import OTHER_DIGITS, RESNEXT_CALTECH, RESNEXT_CIFAR, ROTATED
from papers.fast.training import METRICS, train, work

CIFAR100 = Experiment(
    name="table1_cifar100",
    source="Table 1 and Fig. 14, CIFAR-100",
    run=train,
    metrics=METRICS,
    cells={Tier.SMOKE: compared((ROTATED,), MOMENTUM_RATES), Tier.FULL: compared((RESNEXT_CIFAR,), MOMENTUM_RATES)},
    seeds={Tier.SMOKE: 5, Tier.FULL: 15},
    work=work,
)

CALTECH256 = Experiment(
    name="table1_caltech256",
    source="Table 1 and Fig. 15, Caltech-256",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: compared((OTHER_DIGITS,), MOMENTUM_RATES),
        Tier.FULL: compared((RESNEXT_CALTECH,), MOMENTUM_RATES),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 15},
    work=work,
)
