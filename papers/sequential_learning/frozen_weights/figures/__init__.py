"""The plots of Mutually Frozen Weights."""

from common.report.figures import Plot
from papers.sequential_learning.frozen_weights.figures.losses import hyperparameters, what_goes_with_loss
from papers.sequential_learning.frozen_weights.figures.pairs import followed_pairs, growth
from papers.sequential_learning.frozen_weights.figures.tables import resets, sparse

PLOTS: tuple[Plot, ...] = (
    Plot("frozen_fig3", ("frozen_fig3",), growth, "test_loss"),
    Plot("frozen_fig4", ("frozen_fig4",), followed_pairs, "test_loss"),
    Plot("frozen_table1", ("frozen_table1",), sparse, "test_loss"),
    Plot("frozen_table2_3", ("frozen_table2", "frozen_table3"), resets, "test_loss"),
    Plot("frozen_fig5", ("frozen_fig5",), hyperparameters, "test_loss"),
    Plot("frozen_fig6", ("frozen_fig6",), what_goes_with_loss, "test_loss"),
)
