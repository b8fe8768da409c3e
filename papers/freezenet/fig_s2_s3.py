"""Figures S2 and S3: reinitialisation after the mask is found (Algorithm S1, Section S1.4).

FreezeNet-A-B finds its mask under initialisation A and trains a fresh draw from B; X is Xavier-normal, K
Kaiming-uniform.
"""

from common.experiment import Experiment, Grid
from papers.freezenet.procedures import TRAINING
from papers.freezenet.settings import DIGITS, LENET_5, MNIST_RATES, Cell, Setting, arms

X, K = "xavier_normal", "kaiming_uniform"
OTHERS = ("pm_sigma", "ones", "constant_sigma", "normal")
DIGITS_REINIT_RATES = (0.95, 0.99)


def reinitialised(
    setting: Setting, rates: tuple[float, ...], pairs: tuple[tuple[str, str | None], ...]
) -> tuple[Cell, ...]:
    """Return FreezeNet cells for (initialisation, reinitialisation) pairs; None keeps the first draw."""
    return tuple(
        cell
        for first, second in pairs
        for cell in arms(setting, ("freezenet",), rates, initialisation=first, reinitialisation=second)
    )


def _figure(name: str, source: str, baseline: bool, pairs: tuple[tuple[str, str | None], ...]) -> Experiment:
    def cells(setting: Setting, rates: tuple[float, ...]) -> tuple[Cell, ...]:
        reference = arms(setting, ("baseline",), rates) if baseline else ()
        return reference + reinitialised(setting, rates, pairs)

    return Experiment(
        name=name,
        source=source,
        procedure=TRAINING,
        smoke=Grid(cells(DIGITS, DIGITS_REINIT_RATES), 5),
        full=Grid(cells(LENET_5, MNIST_RATES), 5),
    )


S2_LEFT = _figure("fig_s2_left", "Fig. S2 left", True, ((X, None), (X, X), (K, X)))
S2_RIGHT = _figure("fig_s2_right", "Fig. S2 right", False, ((X, X), (K, K)))
S3_LEFT = _figure("fig_s3_left", "Fig. S3 left", True, ((K, None), (K, K), (X, K)))
S3_RIGHT = _figure("fig_s3_right", "Fig. S3 right", True, ((X, X), (X, K), *((X, other) for other in OTHERS)))
