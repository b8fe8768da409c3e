"""Table 2: accuracy, real freezing rate, size and compression of LeNet-5-Caffe on MNIST."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import DIGITS, DIGITS_RATES, LENET_5, arms

TABLE2 = Experiment(
    name="table2",
    source="Table 2",
    procedure=TRAINING,
    smoke=Grid(arms(DIGITS, ("baseline", "snip", "freezenet"), DIGITS_RATES), 5),
    full=Grid(arms(LENET_5, ("baseline", "snip", "freezenet"), (0.9, 0.99, 0.995, 0.999)), 20),
)
