"""Figure 6: a classifier that stays as it was drawn (alpha = 0) against one that learns (Section 6.3)."""

from common.experiment import Experiment, Grid
from papers.fast.procedures import FINE_TUNING
from papers.fast.settings import RESNET, ROTATED, SAME, Cell, Setting, spread

BETA = 0.01


def frozen_and_free(setting: Setting, deviation: float) -> tuple[Cell, ...]:
    """Return both arms, from the same W(0)."""
    return tuple(Cell(setting, spread(deviation), alpha, BETA) for alpha in (0.0, BETA))


FIG6 = Experiment(
    name="fig6",
    source="Fig. 6",
    procedure=FINE_TUNING,
    smoke=Grid(
        # with a spread of 1 the classifier hardly moves anyway: the arms should come together
        (*frozen_and_free(ROTATED, 1e-2), *frozen_and_free(SAME, 1e-2), *frozen_and_free(SAME, 1.0)),
        seeds=5,
    ),
    full=Grid(frozen_and_free(RESNET, 1e-2), seeds=15),
)
