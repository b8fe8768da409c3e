"""Table 4 and Section S1.3: FreezeNet beside pruning methods on MNIST, with the search behind GraSP's entry."""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import DIGITS, DIGITS_19_1, LENET_5, LENET_5_3_1, LENET_5_19_1, arms

LEARNING_RATES = tuple(0.1 * 2.0**n for n in range(-4, 5))

TABLE4 = Experiment(
    name="table4",
    source="Table 4",
    procedure=TRAINING,
    smoke=Grid(arms(DIGITS, ("baseline", "snip", "grasp", "freezenet"), (0.98,)), 5),
    full=Grid(
        arms(LENET_5, ("baseline", "snip"), (0.99,))  # quoted from a paper that splits 9/1
        + arms(LENET_5_19_1, ("grasp", "freezenet"), (0.99,)),
        10,
    ),
)

GRASP_SEARCH = Experiment(
    name="grasp_search",
    source="Sec. S1.3",
    procedure=TRAINING,
    smoke=Grid(
        tuple(
            cell
            for setting, rate in ((DIGITS, 0.1), (DIGITS_19_1, 0.025), (DIGITS_19_1, 0.1))
            for cell in arms(setting, ("grasp",), (0.98,), learning_rate=rate)
        ),
        5,
    ),
    full=Grid(
        tuple(
            cell
            for setting in (LENET_5, LENET_5_19_1, LENET_5_3_1)
            for rate in LEARNING_RATES
            for cell in arms(setting, ("grasp",), (0.99,), learning_rate=rate)
        ),
        5,
    ),
)
