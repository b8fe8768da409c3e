"""FreezeNet: Full Performance by Reduced Storage Costs. Every experiment, in the paper's order."""

import sys

from common.cli import main
from common.package import Package
from papers.freezenet import (
    algorithm1,
    backflow,
    fig2,
    fig3,
    fig4,
    fig_s1,
    fig_s2_s3,
    fig_s4_s6,
    fig_s7_s8,
    sizes,
    table1,
    table2,
    table3,
    table4,
)
from papers.freezenet.figures import drawings

EXPERIMENTS = (
    algorithm1.ALGORITHM1,
    algorithm1.MASKS,
    backflow.BACKFLOW,
    table1.TABLE1,
    sizes.SIZES,
    fig2.LEFT,
    fig2.RIGHT,
    table2.TABLE2,
    fig3.LEFT,
    fig3.RIGHT,
    table3.CIFAR10,
    table3.CIFAR100,
    table3.FROZEN_DECAY,
    fig4.LEFT,
    fig4.RIGHT,
    table4.TABLE4,
    table4.GRASP_SEARCH,
    fig_s1.FIG_S1,
    fig_s2_s3.S2_LEFT,
    fig_s2_s3.S2_RIGHT,
    fig_s2_s3.S3_LEFT,
    fig_s2_s3.S3_RIGHT,
    fig_s4_s6.S4_LEFT,
    fig_s4_s6.S4_RIGHT,
    fig_s4_s6.S5_LEFT,
    fig_s4_s6.S5_RIGHT,
    fig_s4_s6.S6,
    fig_s7_s8.S7,
    fig_s7_s8.S8,
)
PACKAGE = Package("freezenet", EXPERIMENTS, drawings)

if __name__ == "__main__":
    sys.exit(main(PACKAGE))
