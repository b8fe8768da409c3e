"""Figure 3: mutually frozen weights as training goes on, by weight decay."""

from papers.sequential_learning.frozen_weights.arms import Scratch
from papers.sequential_learning.frozen_weights.procedures import experiment
from papers.sequential_learning.frozen_weights.settings import (
    ALL_CNN,
    GROWTH,
    GROWTH_CNN,
    GROWTH_RATE,
    RESNET,
    WEIGHT_DECAYS,
)

SMALL_WEIGHT_DECAYS = (0.0, 1e-3, 5e-3, 1e-2)
LOW_RATE = 0.01

FIG3 = experiment(
    "frozen_fig3",
    "Mutually Frozen Weights, Fig. 3",
    (
        *(Scratch(GROWTH, GROWTH_RATE, weight_decay) for weight_decay in SMALL_WEIGHT_DECAYS),
        Scratch(GROWTH, LOW_RATE, SMALL_WEIGHT_DECAYS[-1]),
        *(Scratch(GROWTH_CNN, GROWTH_RATE, weight_decay) for weight_decay in (1e-3, 2e-2)),
    ),
    (
        *(Scratch(net, GROWTH_RATE, weight_decay) for net in (RESNET, ALL_CNN) for weight_decay in WEIGHT_DECAYS),
        *(Scratch(net, LOW_RATE, WEIGHT_DECAYS[-1]) for net in (RESNET, ALL_CNN)),
    ),
    seeds=6,
    full_seeds=6,
)
