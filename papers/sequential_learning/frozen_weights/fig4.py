"""Figure 4: a pair of row and column at every interface that begins as it is, at zero, or close to zero."""

from papers.sequential_learning.frozen_weights.arms import Scratch
from papers.sequential_learning.frozen_weights.interventions import PairStart
from papers.sequential_learning.frozen_weights.pairs import FACTORS
from papers.sequential_learning.frozen_weights.procedures import experiment
from papers.sequential_learning.frozen_weights.settings import ALL_CNN, FOLLOWED, RATE, WEIGHT_DECAYS, FrozenSetting


def followed(setting: FrozenSetting, weight_decays: tuple[float, ...]) -> tuple[Scratch, ...]:
    """Return one arm for every start and weight decay."""
    return tuple(
        Scratch(setting, RATE, weight_decay, start=PairStart(start))
        for start in FACTORS
        for weight_decay in weight_decays
    )


FIG4 = experiment(
    "frozen_fig4",
    "Mutually Frozen Weights, Fig. 4",
    followed(FOLLOWED, (0.0, 1e-3, 1e-2)),
    followed(ALL_CNN, WEIGHT_DECAYS),
    seeds=3,
    full_seeds=3,
)
