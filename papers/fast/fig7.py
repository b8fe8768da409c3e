"""Figure 7: classifier warm-up, and what happens when it ends (Section 6.4)."""

from common.experiment import Experiment, Grid
from papers.fast.procedures import FINE_TUNING
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
    procedure=FINE_TUNING,
    smoke=Grid(
        # the red curve again without BatchNorm, where nothing but the switch can cause a leap
        (
            *variants(WARM_UP, 0.05),
            variants(WARM_UP_PLAIN, 0.05)[-1],
            *controls(WARM_UP_PLAIN, 0.05, 0.005),
        ),
        seeds=5,
    ),
    full=Grid((*variants(RESNET_WARM_UP, 0.01), *controls(RESNET_WARM_UP, 0.01, 0.001)), seeds=15),
)
