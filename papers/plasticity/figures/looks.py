"""How arms look in all plots: scratch is black, scratch with equal updates grey, the warm start has a colour."""

from typing import Any

from common.report.arms import Arms
from common.report.axes import BLACK, DOT, GREY, LINE, look
from papers.plasticity.settings import Cell

SCRATCH: dict[str, Any] = {"label": "scratch", "color": BLACK, "linewidth": LINE}
EQUAL: dict[str, Any] = {"label": "scratch, equal updates", "color": GREY, "linestyle": "--", "linewidth": LINE}
WARM: dict[str, Any] = {"label": "warm start", **look(0)}
POINTS: dict[str, Any] = {"linestyle": "none", "markersize": DOT}


def control_of(arms: Arms) -> Cell:
    """Return the first scratch control."""
    control: Cell = next(cell for cell in arms if not cell.stages)
    return control


def pretrained(arms: Arms) -> list[Cell]:
    """Return the arms that are not trained from scratch."""
    return [cell for cell in arms if cell.stages]
