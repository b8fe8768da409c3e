"""Figure 5: networks of other widths and depths (Section A.4)."""

from common.models.grouped import grouped_cnn, grouped_resnet
from papers.plasticity.settings import CIFAR, TEMPLATES, Cell, Setting, sized, warm
from papers.plasticity.warm_start import FIG1, control, experiment


def both(setting: Setting) -> tuple[Cell, ...]:
    """Return scratch and warm start of a network."""
    return control(setting), warm(setting)


BASE = (64, 2)  # ResNet-18 as it is: the cells of Figure 1, which are trained already
SIZES = tuple((width, depth) for width in (32, 64, 128) for depth in (1, 2, 3, 4))

FIG5 = experiment(
    "fig5",
    "Fig. 5",
    (*FIG1.smoke.cells, *both(sized(TEMPLATES, grouped_cnn, 8, 1))),
    tuple(
        cell
        for size in SIZES
        for cell in (FIG1.full.cells if size == BASE else both(sized(CIFAR, grouped_resnet, *size)))
    ),
    smoke_seeds=3,
)
