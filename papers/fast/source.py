"""Section 6.2.1: the source models that the small scenarios and Figures 3 to 5 start from."""

from common.experiment import Experiment, Tier
from papers.fast.settings import CIFAR_CIFAR, FAN_IN, OTHER_DIGITS, ROTATED_PLAIN, SAME, Cell
from papers.fast.sources import RATE
from papers.fast.training import measure_source, work_of_source

SOURCE = Experiment(
    name="sec6_2_source",
    source="Sec. 6.2.1",
    run=measure_source,
    metrics=("test_accuracy", "validation_accuracy", "best_step"),
    cells={
        Tier.SMOKE: tuple(Cell(setting, FAN_IN, RATE, RATE) for setting in (SAME, OTHER_DIGITS, ROTATED_PLAIN)),
        Tier.FULL: (Cell(CIFAR_CIFAR, FAN_IN, RATE, RATE),),
    },
    seeds={Tier.SMOKE: 5, Tier.FULL: 15},
    work=work_of_source,
)
