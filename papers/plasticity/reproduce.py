"""A study on the plasticity of neural networks. Every experiment, in the paper's order."""

import sys

from common.cli import main
from common.package import Package
from papers.plasticity import fig3, fig4, fig5, fig6_11, fig7, warm_start
from papers.plasticity.figures import drawings

EXPERIMENTS = (
    warm_start.FIG1,
    warm_start.FIG2,
    fig3.FIG3,
    fig4.LEFT,
    fig4.RIGHT,
    fig5.FIG5,
    fig6_11.FIG6,
    fig7.FIG7,
    warm_start.FIG8,
    warm_start.FIG9,
    warm_start.FIG10,
    warm_start.OPTIMIZERS,
)
PACKAGE = Package("plasticity", EXPERIMENTS, drawings)

if __name__ == "__main__":
    sys.exit(main(PACKAGE))
