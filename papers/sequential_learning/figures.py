"""The plots of both papers, from records: every run as a point, or means over seeds."""

from collections.abc import Iterator

from common.claims.results import Results
from common.report import figures
from common.report.figures import Drawing
from papers.sequential_learning.frozen_weights.figures import PLOTS as FROZEN
from papers.sequential_learning.negative_pretraining.figures import PLOTS as NEGATIVE

PLOTS = NEGATIVE + FROZEN


def drawings(results: Results) -> Iterator[Drawing]:
    """Yield every figure whose experiments have all their records."""
    return figures.drawings(PLOTS, results)
