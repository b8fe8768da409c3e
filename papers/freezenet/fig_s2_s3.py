"""Figures S2 and S3: reinitialisation after the mask is found (Algorithm S1, Section S1.4).

FreezeNet-A-B finds its mask under initialisation A and trains a fresh draw from B; X is Xavier-normal, K
Kaiming-uniform.
"""

from common.experiment import Experiment, Tier
from papers.freezenet.settings import DIGITS, LENET_5, MNIST_RATES, Cell, Setting, arms
from papers.freezenet.training import METRICS, train, work

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
        run=train,
        metrics=METRICS,
        cells={Tier.SMOKE: cells(DIGITS, DIGITS_REINIT_RATES), Tier.FULL: cells(LENET_5, MNIST_RATES)},
        seeds={Tier.SMOKE: 5, Tier.FULL: 5},
        work=work,
    )


S2_LEFT = _figure("fig_s2_left", "Fig. S2 left", True, ((X, None), (X, X), (K, X)))
S2_RIGHT = _figure("fig_s2_right", "Fig. S2 right", False, ((X, X), (K, K)))
S3_LEFT = _figure("fig_s3_left", "Fig. S3 left", True, ((K, None), (K, K), (X, K)))
S3_RIGHT = _figure("fig_s3_right", "Fig. S3 right", True, ((X, X), (X, K), *((X, other) for other in OTHERS)))
