"""Table 3: from blurred to sharp, and from regular to shifted images, with and without BatchNorm's scales."""

from dataclasses import replace

from papers.sequential_learning.frozen_weights.arms import Retrained
from papers.sequential_learning.frozen_weights.procedures import experiment
from papers.sequential_learning.frozen_weights.settings import (
    ALEXNET,
    ALL_CNN,
    ALL_CNN_PLAIN,
    GROWTH_RATE,
    RATE,
    RESNET,
    RESNET_PLAIN,
    RETRAINED,
    RETRAINED_BARE,
    RETRAINED_PLAIN,
    FrozenSetting,
)
from papers.sequential_learning.frozen_weights.table2 import both

TRANSITIONS = (("blur", False), ("regular", True))
ALEXNET_RATE = 0.01  # of the AlexNet that the paper names; without BatchNorm five times as much may stay at chance
SMALL_WEIGHT_DECAY = 5e-3


def transitions(arm: Retrained) -> tuple[Retrained, ...]:
    """Return both transitions of an arm, each without and with a reset."""
    return tuple(own for source, shifted in TRANSITIONS for own in both(replace(arm, source=source, shifted=shifted)))


def scratch(setting: FrozenSetting) -> Retrained:
    """Return the network that sees sharp images alone, against which harm by blurred ones is measured."""
    return Retrained(setting, "none")


SMALL = Retrained(RETRAINED, "blur", source_rate=GROWTH_RATE, source_weight_decay=SMALL_WEIGHT_DECAY)
NORMALISED = (RESNET, RESNET_PLAIN, ALL_CNN, ALL_CNN_PLAIN)

TABLE3 = experiment(
    "frozen_table3",
    "Mutually Frozen Weights, Table 3",
    (
        *(
            arm
            for net in (RETRAINED, RETRAINED_PLAIN)
            for arm in (scratch(net), *transitions(replace(SMALL, setting=net)))
        ),
        *both(replace(SMALL, setting=RETRAINED_BARE, source_rate=RATE)),
    ),
    (
        *(arm for net in NORMALISED for arm in (scratch(net), *transitions(Retrained(net, "blur")))),
        *transitions(Retrained(ALEXNET, "blur", source_rate=ALEXNET_RATE, rate=ALEXNET_RATE)),
    ),
    seeds=10,
    full_seeds=6,
)
