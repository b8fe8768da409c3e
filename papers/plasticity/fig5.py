"""Figure 5: networks of other widths and depths (Section A.4)."""

from common.models.grouped import grouped_cnn, grouped_resnet
from papers.plasticity.settings import CIFAR, TEMPLATES, Cell, Setting, sized, warm
from papers.plasticity.warm_start import control, experiment


def both(settings: list[Setting]) -> tuple[Cell, ...]:
    """Return scratch and warm start for every network."""
    return tuple(cell for setting in settings for cell in (control(setting), warm(setting)))


FIG5 = experiment(
    "fig5",
    "Fig. 5",
    both([sized(TEMPLATES, grouped_cnn, width, depth) for width, depth in ((8, 1), (8, 3))]),
    both([sized(CIFAR, grouped_resnet, width, depth) for width in (32, 64, 128) for depth in (1, 2, 3, 4)]),
    seeds=5,
)
