"""Figure 4: gradient flow of frozen and pruned networks, at initialisation (left) and in training (right)."""

from common.experiment import Experiment, Tier
from papers.freezenet.gradient_flow import NORMS, TRACED_METRICS, along_training, at_initialisation, traced_work, work
from papers.freezenet.settings import CIFAR_RATES, DIGITS_28, DIGITS_DECAY, VGG_CIFAR10, arms

LEFT = Experiment(
    name="fig4_left",
    source="Fig. 4 left",
    run=at_initialisation,
    metrics=NORMS,
    cells={
        Tier.SMOKE: arms(DIGITS_28, ("baseline", "freezenet", "snip", "grasp"), (0.5, 0.95, 0.99, 0.999)),
        Tier.FULL: arms(VGG_CIFAR10, ("baseline", "freezenet", "snip", "grasp"), (*CIFAR_RATES, 0.998, 0.999)),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 10},
    work=work,
)

RIGHT = Experiment(
    name="fig4_right",
    source="Fig. 4 right",
    run=along_training,
    metrics=TRACED_METRICS,
    cells={
        Tier.SMOKE: arms(DIGITS_DECAY, ("freezenet", "freezenet-wd", "snip"), (0.995,)),
        Tier.FULL: arms(VGG_CIFAR10, ("freezenet", "freezenet-wd", "snip"), (0.99,)),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 1},
    work=traced_work,
)
