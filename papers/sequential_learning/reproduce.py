"""The Negative Pretraining Effect, and Mutually Frozen Weights: every experiment of both papers, in their order."""

import sys

from common.cli import main
from common.package import Package
from papers.sequential_learning.figures import drawings
from papers.sequential_learning.frozen_weights import derivations, fig5_6, table1, table2, table3
from papers.sequential_learning.frozen_weights import fig3 as frozen_fig3
from papers.sequential_learning.frozen_weights import fig4 as frozen_fig4
from papers.sequential_learning.negative_pretraining import fig3, fig4, fig5, fig6

EXPERIMENTS = (
    fig3.FIG3,
    fig4.FIG4,
    fig5.FIG5,
    fig6.FIG6,
    derivations.FROZEN_THEORY,
    frozen_fig3.FIG3,
    frozen_fig4.FIG4,
    table1.TABLE1,
    table2.TABLE2,
    table3.TABLE3,
    fig5_6.FIG5,
    fig5_6.FIG6,
)
PACKAGE = Package("sequential_learning", EXPERIMENTS, drawings)

if __name__ == "__main__":
    sys.exit(main(PACKAGE))
