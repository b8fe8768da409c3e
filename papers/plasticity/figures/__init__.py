"""The paper's plots, from records: mean over seeds with one standard deviation."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from common.claims.results import Results
from common.report import figures
from common.report.arms import Arms
from common.report.axes import one_panel
from common.report.figures import Drawing, Plot
from papers.plasticity.figures.accuracies import (
    by_bias,
    by_length,
    by_optimizer,
    by_rate,
    by_size,
    by_stages,
    by_subset,
)
from papers.plasticity.figures.learning_curves import by_epoch, by_kept_groups, keeping_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Paint = Callable[["Axes", Arms], None]


def alone(paint: Paint, figure: "Figure", arms: Arms) -> None:
    """Paint the one panel of a figure, which shows test accuracy."""
    axes = one_panel(figure)
    paint(axes, arms)
    axes.set_ylabel("test accuracy")


def _plot(name: str, paint: Paint) -> Plot:
    return Plot(name, (name,), partial(alone, paint), "test_accuracy")


PLOTS: tuple[Plot, ...] = (
    _plot("fig1", by_epoch),
    _plot("fig2", by_length),
    _plot("fig3", by_bias),
    _plot("fig4_left", by_stages),
    _plot("fig4_right", by_stages),
    _plot("fig5", by_size),
    _plot("fig6", by_subset),
    _plot("fig7", by_rate),
    _plot("fig8", by_length),
    _plot("fig9", by_length),
    _plot("fig10", by_length),
    _plot("optimizers", by_optimizer),
    Plot("fig11", ("fig6",), partial(alone, by_kept_groups), "test_accuracy", keeping_first),
)


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiment has all its records."""
    return figures.drawings(PLOTS, results)
