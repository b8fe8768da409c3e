"""Figure S1: ResNet34 on Tiny ImageNet (Section S1.2)."""

from common.experiment import Experiment, Tier
from papers.freezenet.settings import CIFAR_RATES, RESNET_TINY, TEXTURES_RESNET, arms
from papers.freezenet.training import METRICS, train, work

FIG_S1 = Experiment(
    name="fig_s1",
    source="Fig. S1",
    run=train,
    metrics=METRICS,
    cells={
        Tier.SMOKE: arms(TEXTURES_RESNET, ("baseline", "snip", "freezenet"), (0.98,), initialisation="kaiming_uniform"),
        Tier.FULL: arms(
            RESNET_TINY,
            ("baseline", "snip", "freezenet", "freezenet-wd"),
            CIFAR_RATES,
            initialisation="kaiming_uniform",
            learning_rate=0.01,
        ),
    },
    seeds={Tier.SMOKE: 3, Tier.FULL: 3},
    work=work,
)
