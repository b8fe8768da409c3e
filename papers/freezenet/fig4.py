"""Figure 4: gradient flow of frozen and pruned networks, at initialisation (left) and in training (right)."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import GRADIENT_NORMS, TRACED_TRAINING
from papers.freezenet.settings import CIFAR_RATES, DIGITS_28, DIGITS_DECAY, VGG_CIFAR10, arms

LEFT = Experiment(
    name="fig4_left",
    source="Fig. 4 left",
    procedure=GRADIENT_NORMS,
    smoke=Grid(arms(DIGITS_28, ("baseline", "freezenet", "snip", "grasp"), (0.5, 0.95, 0.99, 0.999)), 5),
    full=Grid(arms(VGG_CIFAR10, ("baseline", "freezenet", "snip", "grasp"), (*CIFAR_RATES, 0.998, 0.999)), 10),
)

RIGHT = Experiment(
    name="fig4_right",
    source="Fig. 4 right",
    procedure=TRACED_TRAINING,
    smoke=Grid(arms(DIGITS_DECAY, ("freezenet", "freezenet-wd", "snip"), (0.995,)), 5),
    full=Grid(arms(VGG_CIFAR10, ("freezenet", "freezenet-wd", "snip"), (0.99,)), 1),
)
