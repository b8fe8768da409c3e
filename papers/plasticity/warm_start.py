"""Figures 1, 2 and 8 to 10: warm start against scratch, by length of pretraining and by optimizer (Sections 2, A.1)."""

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


def sweep(setting: Setting, optimizer: str, rate: float, lengths: tuple[int, ...]) -> tuple[Cell, ...]:
    """Return the control, and warm starts after every length of pretraining."""
    return (
        control(setting, rate, optimizer),
        *(warm(setting, length, rate, optimizer) for length in lengths),
    )


def experiment(name: str, source: str, smoke: tuple[Cell, ...], full: tuple[Cell, ...], seeds: int = 6) -> Experiment:
    """Declare one figure."""
    return Experiment(name, source, TRAINING, Grid(smoke, seeds), Grid(full, 5))


def by_length(name: str, source: str, optimizer: str, seeds: int) -> Experiment:
    """Declare the figure of one optimizer."""
    lengths = SMALL_LENGTHS if optimizer == "adam" else SMALL_LENGTHS[-1:]
    return experiment(
        name,
        source,
        sweep(DIGITS, optimizer, SMALL_RATES[optimizer], lengths),
        sweep(CIFAR, optimizer, RATES[optimizer], LENGTHS),
        seeds,
    )


FIG1 = experiment("fig1", "Fig. 1", (control(TEMPLATES), warm(TEMPLATES)), (control(CIFAR), warm(CIFAR)), seeds=16)
FIG2 = by_length("fig2", "Fig. 2", "adam", 16)
FIG8 = by_length("fig8", "Fig. 8", "rmsprop", 16)
FIG9 = by_length("fig9", "Fig. 9", "sgd", 6)
FIG10 = by_length("fig10", "Fig. 10", "momentum", 6)
