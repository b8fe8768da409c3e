"""Learn Faster and Forget Slower via Fast and Stable Task Adaptation. Every experiment, in the paper's order."""

import sys

from common.cli import main
from common.package import Package
from papers.fast import derivations, fig3_5, fig6, fig7, fig8_9, fig10_13, search, sec6_2, table1
from papers.fast.figures import drawings

EXPERIMENTS = (
    derivations.DERIVATIONS,
    derivations.ADP,
    sec6_2.SOURCE,
    fig3_5.FIG3_4,
    fig3_5.FIG5,
    fig6.FIG6,
    fig7.FIG7,
    fig8_9.FIG8,
    fig8_9.FIG9,
    fig8_9.EQUAL_RATES,
    search.SEARCH,
    fig10_13.FIG10,
    fig10_13.FIG11,
    fig10_13.FIG12,
    fig10_13.FIG13,
    fig10_13.NOTE20,
    table1.CIFAR100,
    table1.CALTECH256,
)
PACKAGE = Package("fast", EXPERIMENTS, drawings)

if __name__ == "__main__":
    sys.exit(main(PACKAGE))
