"""Table 1: sparse starts of which the weights are mutually frozen, or are not."""

from papers.sequential_learning.frozen_weights.arms import Scratch
from papers.sequential_learning.frozen_weights.interventions import SparseStart
from papers.sequential_learning.frozen_weights.procedures import experiment
from papers.sequential_learning.frozen_weights.settings import ALL_CNN, RATE, SPARSE, WEIGHT_DECAY, FrozenSetting
from papers.sequential_learning.frozen_weights.sparse import KINDS, UNITS

SPARSITIES = (0.5, 0.8, 0.92, 0.98)
DENSE = SparseStart("double", 0.0)


def starts(setting: FrozenSetting, augmented: bool) -> tuple[Scratch, ...]:
    """Return every kind and sparsity after the dense network, of which no weight is zeroed.

    Triples follow both rules; the sparsest doubles come in kernels and in filters as well.
    """
    kinds = tuple(SparseStart(kind, sparsity) for kind in KINDS for sparsity in SPARSITIES)
    denser = tuple(SparseStart("triple", sparsity, "equal") for sparsity in SPARSITIES)
    readings = tuple(SparseStart("double", SPARSITIES[-1], unit=unit) for unit in UNITS[1:])
    every = (DENSE, *kinds, *readings, *denser)
    return tuple(Scratch(setting, RATE, WEIGHT_DECAY, augmented, start) for start in every)


TABLE1 = experiment(
    "frozen_table1",
    "Mutually Frozen Weights, Table 1",
    starts(SPARSE, augmented=False),
    starts(ALL_CNN, augmented=True) + starts(ALL_CNN, augmented=False),
    seeds=6,
    full_seeds=6,
)
