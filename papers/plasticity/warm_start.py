"""Figures 1, 2 and 8 to 10: warm start against scratch, by length of pretraining and by optimizer (Sections 2, A.1)."""

from dataclasses import replace

from common.experiment import Experiment, Grid
from papers.plasticity.procedures import TRAINING
from papers.plasticity.settings import CIFAR, DIGITS, TEMPLATES, Cell, Setting, scratch, warm

RATES = {"adam": 1e-3, "rmsprop": 1e-3, "sgd": 0.1, "momentum": 0.01}
SMALL_RATES = {"adam": 1e-3, "rmsprop": 1e-3, "sgd": 0.2, "momentum": 0.02}
LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 350)
SMALL_LENGTHS = (2, 20, 80)


def control(setting: Setting, rate: float = 1e-3, optimizer: str = "adam") -> Cell:
    """Return the scratch control, trained on until it has made the updates of a warm start of full length."""
    return scratch(setting, rate, optimizer, extra=setting.pretraining // 2)


def longer(setting: Setting) -> Cell:
    """Return the warm start, tuned on for as many epochs as its control is trained on."""
    return replace(warm(setting), extra=setting.pretraining // 2)


def sweep(setting: Setting, optimizer: str, rate: float, lengths: tuple[int, ...]) -> tuple[Cell, ...]:
    """Return the control, and warm starts after every length of pretraining."""
    return (
        control(setting, rate, optimizer),
        *(warm(setting, length, rate, optimizer) for length in lengths),
    )


def experiment(
    name: str, source: str, smoke: tuple[Cell, ...], full: tuple[Cell, ...], smoke_seeds: int, full_seeds: int = 5
) -> Experiment:
    """Declare one figure."""
    return Experiment(name, source, TRAINING, Grid(smoke, smoke_seeds), Grid(full, full_seeds))


def by_length(name: str, source: str, optimizer: str, smoke_seeds: int, full_seeds: int = 5) -> Experiment:
    """Declare the figure of one optimizer."""
    lengths = SMALL_LENGTHS if optimizer == "adam" else SMALL_LENGTHS[-1:]
    return experiment(
        name,
        source,
        sweep(DIGITS, optimizer, SMALL_RATES[optimizer], lengths),
        sweep(CIFAR, optimizer, RATES[optimizer], LENGTHS),
        smoke_seeds,
        full_seeds,
    )


def by_optimizer(setting: Setting, rates: dict[str, float]) -> tuple[Cell, ...]:
    """Return scratch and the warm start of full length with every optimizer."""
    return tuple(
        cell for name, rate in rates.items() for cell in sweep(setting, name, rate, lengths=(setting.pretraining,))
    )


FIG1 = experiment("fig1", "Fig. 1", (control(TEMPLATES), longer(TEMPLATES)), (control(CIFAR), longer(CIFAR)), 16)
FIG2 = by_length("fig2", "Fig. 2", "adam", 18, 10)
FIG8 = by_length("fig8", "Fig. 8", "rmsprop", 16)
FIG9 = by_length("fig9", "Fig. 9", "sgd", 12)
FIG10 = by_length("fig10", "Fig. 10", "momentum", 12)
OPTIMIZERS = experiment(
    "optimizers", "Figs. 2, 8, 9 and 10", by_optimizer(DIGITS, SMALL_RATES), by_optimizer(CIFAR, RATES), 12
)
