"""Figure S1: ResNet34 on Tiny ImageNet (Section S1.2)."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import CIFAR_RATES, RESNET_TINY, TEXTURES_RESNET, arms

FIG_S1 = Experiment(
    name="fig_s1",
    source="Fig. S1",
    procedure=TRAINING,
    smoke=Grid(arms(TEXTURES_RESNET, ("baseline", "snip", "freezenet"), (0.98,), initialisation="kaiming_uniform"), 5),
    full=Grid(
        arms(
            RESNET_TINY,
            ("baseline", "snip", "freezenet", "freezenet-wd"),
            CIFAR_RATES,
            initialisation="kaiming_uniform",
            learning_rate=0.01,
        ),
        5,
    ),
)
