"""Table 3 and Section 4.2: VGG16-D on CIFAR-10 and CIFAR-100, with weight decay on frozen weights as an arm."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import DIGITS_DECAY, TEXTURES_10, TEXTURES_40, VGG_CIFAR10, VGG_CIFAR100, arms

METHODS = ("baseline", "snip", "freezenet", "freezenet-wd")
RATES = (0.9, 0.95, 0.99, 0.995)

CIFAR10 = Experiment(
    name="table3_cifar10",
    source="Table 3, CIFAR-10",
    procedure=TRAINING,
    smoke=Grid(arms(TEXTURES_10, ("baseline", "snip", "freezenet"), (0.98,)), 5),
    full=Grid(arms(VGG_CIFAR10, METHODS, RATES), 5),
)

CIFAR100 = Experiment(
    name="table3_cifar100",
    source="Table 3, CIFAR-100",
    procedure=TRAINING,
    smoke=Grid(arms(TEXTURES_40, ("snip", "freezenet"), (0.98,), initialisation="kaiming_uniform"), 3),
    full=Grid(arms(VGG_CIFAR100, METHODS, RATES, initialisation="kaiming_uniform"), 5),
)

FROZEN_DECAY = Experiment(
    name="sec4_2_decay",
    source="Sec. 4.2",
    procedure=TRAINING,
    smoke=Grid(arms(DIGITS_DECAY, ("snip", "freezenet-wd"), (0.5,)), 5),
    full=Grid(arms(VGG_CIFAR10, ("snip",), (0.9, 0.95)) + arms(VGG_CIFAR10, ("freezenet-wd",), RATES), 8),
)
