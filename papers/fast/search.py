"""The search that chose FAST's learning rates, and the equal budget that the baselines got (Section 6.6).

The paper's rates stood in legends that are lost. Both sides try equally many settings on one network and are ranked by
`validation_adp`, the validation accuracy averaged over the checkpoints; no test image has a say.
"""

from common.experiment import Experiment, Grid
from papers.fast.procedures import FINE_TUNING
from papers.fast.settings import RESNET, ROTATED, ZERO, Cell, Setting, baselines


def grid(
    setting: Setting, alphas: tuple[float, ...], betas: tuple[float, ...], rates: tuple[float, ...]
) -> tuple[Cell, ...]:
    """Return FAST at every pair of rates, and as many baselines."""
    pairs = tuple(Cell(setting, ZERO, alpha, beta) for alpha in alphas for beta in betas)
    return (*pairs, *baselines(setting, rates))


SEARCH = Experiment(
    name="search",
    source="Sec. 6.6 (rates lost with the legends)",
    procedure=FINE_TUNING,
    smoke=Grid(grid(ROTATED, (2e-2, 5e-2), (2e-3, 5e-3), (5e-2, 2e-2, 1e-2, 5e-3)), 5),
    full=Grid(grid(RESNET, (1e-2, 5e-2, 1e-1), (1e-3, 5e-3), (1e-1, 5e-2, 1e-2, 5e-3, 1e-3, 5e-4)), 5),
)
