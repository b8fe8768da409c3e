"""Section 6.2.1: the source models that the small scenarios and Figures 3 to 5 start from."""

from common.experiment import Experiment, Grid
from papers.fast.procedures import SOURCE_TEST
from papers.fast.settings import CIFAR_CIFAR, FAN_IN, OTHER_DIGITS, ROTATED_PLAIN, SAME, Cell
from papers.fast.sources import RATE

SOURCE = Experiment(
    name="sec6_2_source",
    source="Sec. 6.2.1",
    procedure=SOURCE_TEST,
    smoke=Grid(tuple(Cell(setting, FAN_IN, RATE, RATE) for setting in (SAME, OTHER_DIGITS, ROTATED_PLAIN)), 5),
    full=Grid((Cell(CIFAR_CIFAR, FAN_IN, RATE, RATE),), 15),
)
