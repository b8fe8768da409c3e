"""How the arms of a plot are named, and which of them a column shows."""

from collections.abc import Sequence

from papers.fast.adoption import Start
from papers.fast.settings import Cell

STARTS = {"zero": "zero", "fan_in": "Kaiming fan-in", "fan_out": "Kaiming fan-out"}
ARMS = {"zero": "FAST", "fan_in": "f/i", "fan_out": "f/o"}
OPTIMIZERS = {"sgd": "SGD with momentum", "nesterov": "Nesterov", "adam": "Adam", "radam": "RAdam"}
WARM_UPS = {"none": "no warm-up", "inference": "inference mode", "updating": "statistics updated"}


def number(value: float) -> str:
    """Write a number as the paper does: 1e-8, not 1e-08."""
    return f"{value:g}".replace("e-0", "e-")


def of_start(start: Start) -> str:
    """Name the distribution of W(0)."""
    return STARTS[start.kind] if start.spread is None else f"N(0, {number(start.spread)})"


def of_rates(cell: Cell) -> str:
    """Name both learning rates."""
    if cell.alpha == cell.beta:
        return rf"$\alpha$ = $\beta$ = {number(cell.alpha)}"
    return rf"$\alpha$ = {number(cell.alpha)}, $\beta$ = {number(cell.beta)}"


def start(cell: Cell) -> str:
    """Name a series by W(0) (Section 6.2)."""
    return of_start(cell.start)


def frozen_or_free(cell: Cell) -> str:
    """Name a series by its rates and W(0) (Section 6.3)."""
    return f"{of_rates(cell)}, W(0) from {of_start(cell.start)}"


def warm_up(cell: Cell) -> str:
    """Name a series by W(0), the kind of warm-up, and its rates (Section 6.4)."""
    return f"{of_start(cell.start)}, {WARM_UPS[cell.warm_up]}, {of_rates(cell)}"


def arm(cell: Cell) -> str:
    """Name a series FAST with its rates, or a baseline by its start and its one rate (Section 6.6)."""
    rates = f"({of_rates(cell)})" if cell.start.kind == "zero" else number(cell.beta)
    return f"{ARMS[cell.start.kind]} {rates}"


def optimizer(cell: Cell) -> str:
    """Name a series by its optimizer and its rates (Figure 13)."""
    return f"{OPTIMIZERS[cell.optimizer]} ({of_rates(cell)})"


def every_arm(cells: Sequence[Cell]) -> list[Cell]:
    """Return all arms."""
    return list(cells)


def symmetric(cells: Sequence[Cell]) -> list[Cell]:
    """Return the arms whose rates are equal, the base among them (Figures 8a and 9a)."""
    return [cell for cell in cells if cell.alpha == cell.beta]


def asymmetric(cells: Sequence[Cell]) -> list[Cell]:
    """Return the base, which comes first, and the arms that differ from it in beta alone (Figures 8b and 9b)."""
    return [cell for cell in cells if cell.alpha == cells[0].alpha]
