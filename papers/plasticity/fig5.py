"""Figure 5: networks of other widths and depths (Section A.4)."""

from common.models.grouped import grouped_cnn, grouped_resnet
from papers.plasticity.settings import CIFAR, TEMPLATES, Cell, Setting, sized, warm
from papers.plasticity.warm_start import control, experiment


def both(settings: list[Setting]) -> tuple[Cell, ...]:
    """Return scratch and warm start for every network."""
    return tuple(cell for setting in settings for cell in (control(setting), warm(setting)))


BASE = (64, 2)  # ResNet-18 as it is, which Figure 1 trains already
SIZES = tuple((width, depth) for width in (32, 64, 128) for depth in (1, 2, 3, 4))

FIG5 = experiment(
    "fig5",
    "Fig. 5",
    both([TEMPLATES, sized(TEMPLATES, grouped_cnn, 8, 1)]),
    both([CIFAR if size == BASE else sized(CIFAR, grouped_resnet, *size) for size in SIZES]),
    seeds=3,
)
