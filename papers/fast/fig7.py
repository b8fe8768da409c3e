"""Figure 7: classifier warm-up, and what happens when it ends (Section 6.4)."""

from common.experiment import Experiment, Tier
from papers.fast.settings import (
    FAN_IN,
    FAN_OUT,
    NEARLY_ZERO,
    RESNET_WARM_UP,
    WARM_UP,
    WARM_UP_PLAIN,
    Cell,
    Setting,
)
from papers.fast.training import METRICS, train, work


def variants(setting: Setting, rate: float) -> tuple[Cell, ...]:
    """Return the four curves of the figure: orange, green, blue and red."""
    return (
        Cell(setting, FAN_OUT, rate, rate, warm_up="inference"),
        Cell(setting, FAN_IN, rate, rate, warm_up="inference"),
        Cell(setting, FAN_IN, rate, rate, warm_up="updating"),
        Cell(setting, NEARLY_ZERO, rate, rate, warm_up="updating"),
    )


def controls(setting: Setting, rate: float, slower: float) -> tuple[Cell, ...]:
    """Return the red curve with a classifier that learns less before the switch, and no warm-up at all."""
    return (
        Cell(setting, NEARLY_ZERO, slower, rate, warm_up="updating"),
        Cell(setting, NEARLY_ZERO, rate, rate),
    )


FIG7 = Experiment(
    name="fig7",
    source="Fig. 7",
    run=train,
    metrics=METRICS,
    cells={
        # the red curve again without BatchNorm, where nothing but the switch can cause a leap
        Tier.SMOKE: (
            *variants(WARM_UP, 0.05),
            variants(WARM_UP_PLAIN, 0.05)[-1],
            *controls(WARM_UP_PLAIN, 0.05, 0.005),
        ),
        Tier.FULL: (*variants(RESNET_WARM_UP, 0.01), *controls(RESNET_WARM_UP, 0.01, 0.001)),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 15},
    work=work,
)
