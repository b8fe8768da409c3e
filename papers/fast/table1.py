"""Table 1 and Figures 14 and 15: error and distance travelled after long fine-tuning (Section 6.7)."""

from common.experiment import Experiment, Grid
from papers.fast.fig10_13 import MOMENTUM_RATES, compared
from papers.fast.procedures import FINE_TUNING
from papers.fast.settings import OTHER_DIGITS, RESNEXT_CALTECH, RESNEXT_CIFAR, ROTATED

CIFAR100 = Experiment(
    name="table1_cifar100",
    source="Table 1 and Fig. 14, CIFAR-100",
    procedure=FINE_TUNING,
    smoke=Grid(compared((ROTATED,), MOMENTUM_RATES), 5),
    full=Grid(compared((RESNEXT_CIFAR,), MOMENTUM_RATES), 15),
)

CALTECH256 = Experiment(
    name="table1_caltech256",
    source="Table 1 and Fig. 15, Caltech-256",
    procedure=FINE_TUNING,
    smoke=Grid(compared((OTHER_DIGITS,), MOMENTUM_RATES), 8),
    full=Grid(compared((RESNEXT_CALTECH,), MOMENTUM_RATES), 15),
)
