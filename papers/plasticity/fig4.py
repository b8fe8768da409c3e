"""Figure 4: several pretraining stages (left), with more or less imbalance of classes (right; Section A.3)."""

from papers.plasticity.settings import CIFAR, DIGITS, Cell, Setting, scratch
from papers.plasticity.warm_start import experiment

SMALL_EPOCHS = 40  # of every pretraining stage of the digits


def in_stages(setting: Setting, epochs: int, stages: tuple[int, ...], uniform: float = 1.0) -> tuple[Cell, ...]:
    """Return one arm a number of pretraining stages."""
    return tuple(Cell(setting, count, epochs, uniform=uniform) for count in stages)


def extra(epochs: int, stages: int) -> int:
    """Return the epochs that make a control's updates those of so many uniform stages: half of each, on average."""
    return epochs * stages // 2


LEFT = experiment(
    "fig4_left",
    "Fig. 4 left",
    (
        scratch(DIGITS, extra=extra(SMALL_EPOCHS, 9)),
        *in_stages(DIGITS, SMALL_EPOCHS, (1, 4, 9)),
    ),
    (scratch(CIFAR, extra=CIFAR.pretraining // 2), *in_stages(CIFAR, CIFAR.pretraining, (1, 2, 4, 9))),
    smoke_seeds=12,
)
RIGHT = experiment(
    "fig4_right",
    "Fig. 4 right",
    (
        scratch(DIGITS, extra=extra(SMALL_EPOCHS, 4)),
        *(cell for uniform in (0.0, 1.0) for cell in in_stages(DIGITS, SMALL_EPOCHS, (4,), uniform)),
    ),
    (
        scratch(CIFAR, extra=CIFAR.pretraining // 2),
        *(
            cell
            for uniform in (0.0, 0.25, 0.5, 0.75, 1.0)
            for cell in in_stages(CIFAR, CIFAR.pretraining, (1, 2, 4, 9), uniform)
        ),
    ),
    smoke_seeds=8,
)
