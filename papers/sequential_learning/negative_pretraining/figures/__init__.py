"""The plots of the Negative Pretraining Effect: the final test loss of every run."""

from common.report.figures import Plot
from papers.sequential_learning.negative_pretraining.figures.paths import by_path
from papers.sequential_learning.negative_pretraining.figures.swarms import by_count, by_rates, by_resets

PLOTS: tuple[Plot, ...] = (
    Plot("negative_fig3", ("negative_fig3",), by_rates, "test_loss"),
    Plot("negative_fig4", ("negative_fig4",), by_count, "test_loss"),
    Plot("negative_fig5", ("negative_fig5",), by_path, "test_loss"),
    Plot("negative_fig6", ("negative_fig6",), by_resets, "test_loss"),
)
