"""Table 3: from blurred to sharp, and from regular to shifted images, with and without BatchNorm's scales."""

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
    RETRAINED_PLAIN,
    WEIGHT_DECAY,
    FrozenSetting,
)
from papers.sequential_learning.frozen_weights.table2 import both

TRANSITIONS = (("blur", False), ("regular", True))


def transitions(setting: FrozenSetting, source_rate: float, source_weight_decay: float) -> tuple[Retrained, ...]:
    """Return both transitions, each without and with a reset."""
    return tuple(
        arm
        for source, shifted in TRANSITIONS
        for arm in both(
            Retrained(
                setting, source, source_rate=source_rate, source_weight_decay=source_weight_decay, shifted=shifted
            )
        )
    )


TABLE3 = experiment(
    "frozen_table3",
    "Mutually Frozen Weights, Table 3",
    tuple(arm for net in (RETRAINED, RETRAINED_PLAIN) for arm in transitions(net, GROWTH_RATE, 1e-2)),
    tuple(
        arm
        for net in (RESNET, RESNET_PLAIN, ALL_CNN, ALL_CNN_PLAIN, ALEXNET)
        for arm in transitions(net, RATE, WEIGHT_DECAY)
    ),
    seeds=6,
)
