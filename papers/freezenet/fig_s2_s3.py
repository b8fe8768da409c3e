"""Figures S2 and S3: reinitialisation after the mask is found (Algorithm S1, Section S1.4).

FreezeNet-A-B finds its mask under initialisation A and trains a fresh draw from B; X is Xavier-normal, K
Kaiming-uniform.
"""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import DIGITS, DIGITS_28, LENET_5, MNIST_RATES, Cell, Setting, arms

X, K = "xavier_normal", "kaiming_uniform"
ALIKE = ((X, X), (X, K), (X, "pm_sigma"))
CONSTANT = ((X, "ones"), (X, "constant_sigma"))
UNSCALED = ((X, "normal"),)
DIGITS_REINIT_RATES = (0.95, 0.99)

Pairs = tuple[tuple[str, str | None], ...]
"""(initialisation, reinitialisation) pairs; None keeps the first draw."""


def reinitialised(setting: Setting, rates: tuple[float, ...], pairs: Pairs) -> tuple[Cell, ...]:
    """Return FreezeNet cells for every pair."""
    return tuple(
        cell
        for first, second in pairs
        for cell in arms(setting, ("freezenet",), rates, initialisation=first, reinitialisation=second)
    )


def _figure(name: str, source: str, baseline: bool, pairs: Pairs, seeds: int = 5) -> Experiment:
    def cells(setting: Setting, rates: tuple[float, ...]) -> tuple[Cell, ...]:
        reference = arms(setting, ("baseline",), rates) if baseline else ()
        return reference + reinitialised(setting, rates, pairs)

    return Experiment(
        name=name,
        source=source,
        procedure=TRAINING,
        smoke=Grid(cells(DIGITS, DIGITS_REINIT_RATES), 5),
        full=Grid(cells(LENET_5, MNIST_RATES), seeds),
    )


S2_LEFT = _figure("fig_s2_left", "Fig. S2 left", True, ((X, None), (X, X), (K, X)))
S2_RIGHT = _figure("fig_s2_right", "Fig. S2 right", False, ((X, X), (K, K)), seeds=15)
S3_LEFT = _figure("fig_s3_left", "Fig. S3 left", True, ((K, None), (K, K), (X, K)))
S3_RIGHT = Experiment(
    name="fig_s3_right",
    source="Fig. S3 right",
    procedure=TRAINING,
    smoke=Grid(
        arms(DIGITS, ("baseline",), DIGITS_REINIT_RATES)
        + reinitialised(DIGITS, DIGITS_REINIT_RATES, ALIKE + CONSTANT)
        + reinitialised(DIGITS_28, (0.95,), UNSCALED),  # 64 inputs still train when drawn from N(0, 1)
        5,
    ),
    full=Grid(
        arms(LENET_5, ("baseline",), MNIST_RATES) + reinitialised(LENET_5, MNIST_RATES, ALIKE + CONSTANT + UNSCALED),
        5,
    ),
)
