"""Figure S7: moderate freezing rates on LeNet-5-Caffe. Figure S8: one training run at q = 0.99 (Section S1.6)."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import DIGITS, DIGITS_19_1, LENET_5, LENET_5_19_1, MNIST_RATES, arms

S7 = Experiment(
    name="fig_s7",
    source="Fig. S7",
    procedure=TRAINING,
    smoke=Grid(arms(DIGITS, ("baseline", "snip", "freezenet"), (0.5, 0.9)), 5),
    full=Grid(arms(LENET_5, ("baseline", "snip", "freezenet"), MNIST_RATES), 5),
)

S8 = Experiment(
    name="fig_s8",
    source="Fig. S8",
    procedure=TRAINING,
    smoke=Grid(arms(DIGITS_19_1, ("freezenet",), (0.98,)), 5),
    full=Grid(arms(LENET_5_19_1, ("freezenet",), (0.99,)), 5),
)
