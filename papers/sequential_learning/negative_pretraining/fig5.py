"""Figure 5: two nuisances removed in N tasks, one after the other or together (Section 5)."""

from papers.sequential_learning.negative_pretraining.fig4 import COUNTS, discretised
from papers.sequential_learning.negative_pretraining.procedures import experiment
from papers.sequential_learning.negative_pretraining.settings import (
    CIFAR,
    DIGITS,
    RATE,
    SHORT,
    SMALL_RATE,
    SMALL_SHORT,
)
from papers.sequential_learning.nuisances import PATHS

TWO = tuple(path for path, legs in PATHS.items() if len({nuisance for leg in legs for nuisance in leg}) == 2)

FIG5 = experiment(
    "negative_fig5",
    "Negative Pretraining Effect, Fig. 5",
    discretised(DIGITS, TWO, (2, 6), SMALL_RATE, SMALL_SHORT),
    discretised(CIFAR, TWO, COUNTS, RATE, SHORT),
    seeds=6,
    full_seeds=6,
)
