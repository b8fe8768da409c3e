"""Numbers per seed for what a check names: metrics of cells, and their relations."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.claims import statistics
from common.claims.claim import Check, Quantity
from common.claims.results import Array, Failed, Results
from common.claims.strict_yaml import Scalar

Point = Mapping[str, Scalar]


def too_few(check: Check, results: Results) -> tuple[int, int] | None:
    """Return how many seeds were asked for, and how many are declared, where these are more."""
    counts = [(len(results.seeds(name)), results.grid(name).seeds) for name in _experiments(check)]
    return next(((asked, declared) for asked, declared in counts if asked < declared), None)


def _experiments(check: Check) -> list[str]:
    return list(dict.fromkeys(q.experiment for q in check.quantities))


def require_paired(check: Check, results: Results) -> None:
    """Raise Failed where experiments have different numbers of seeds."""
    seeds = {name: len(results.seeds(name)) for name in _experiments(check)}
    if len(set(seeds.values())) > 1:
        counts = ", ".join(f"{name} has {count}" for name, count in sorted(seeds.items()))
        raise Failed(f"seeds cannot be paired: {counts}; declare the same number for each")


def points(check: Check) -> list[dict[str, Scalar]]:
    """Return the conditions of the points along which a check is made; one empty condition without them."""
    return [{check.along: point} for point in check.points] if check.along else [{}]


def where(quantity: Quantity, point: Point) -> dict[str, Scalar]:
    """Return a quantity's condition at a point; what the quantity says itself comes first."""
    return {**point, **quantity.cell}


def cells_of(quantity: Quantity, point: Point, results: Results) -> list[Any]:
    """Return the cells that a quantity reads at a point: one, or for a correlation all that fit.

    Raises Failed where the one is none or many.
    """
    condition = where(quantity, point)
    if quantity.against is not None:
        return results.cells(quantity.experiment, condition)
    return [results.cell(quantity.experiment, condition)]


def measured(quantity: Quantity | float | None, point: Point, results: Results, unit: str = "none") -> Array:
    """Return a quantity's numbers, [seeds]; a plain number gives an array of one.

    Raises Failed where a number is missing, not finite, divided by zero, or impossible in the unit, where what is
    computed from them is not finite, and where what is to be correlated is the same in all cells.
    """
    if quantity is None or isinstance(quantity, float):
        return np.array([quantity], dtype=np.float64)
    condition = where(quantity, point)
    if quantity.against is not None:
        return _correlated(quantity, condition, results)
    values = results.values(quantity.experiment, condition, quantity.metric)
    if quantity.divided_by is None:
        _require_unit(values, unit, quantity)
    if quantity.minus is not None:
        values = values - measured(quantity.minus, point, results, unit)
    if quantity.divided_by is not None:
        values = _ratio(values, measured(quantity.divided_by, point, results))
    if quantity.statistic == "best":
        values = values[[best_seed(quantity, point, results)]]
    if quantity.statistic == "band":
        if len(values) < 2:
            raise Failed("one seed has no confidence band")
        values = np.array([statistics.half_band(values)])
    if not np.isfinite(values).all():
        raise Failed(f"{quantity.metric} of {quantity.experiment}: what is computed from it is not finite")
    return values


def _correlated(quantity: Quantity, condition: Point, results: Results) -> Array:
    """Return each seed's rank correlation of two metrics over the cells that fit, [seeds]."""
    names = (quantity.metric, str(quantity.against))
    tables = [results.table(quantity.experiment, condition, name) for name in names]
    for name, table in zip(names, tables, strict=True):
        if (table == table[:, :1]).all(axis=1).any():
            raise Failed(f"{name} of {quantity.experiment} is the same in all cells: nothing correlates with it")
    return np.array([statistics.rank_correlation(*of_seed) for of_seed in zip(*tables, strict=True)])


def best_seed(quantity: Quantity, point: Point, results: Results) -> int:
    """Return the index of the seed with the highest `validation_accuracy`."""
    return int(results.values(quantity.experiment, where(quantity, point), "validation_accuracy").argmax())


def _ratio(values: Array, base: Array) -> Array:
    if (base == 0).any():
        raise Failed("a quantity is divided by zero")
    return values / base


def _require_unit(values: Array, unit: str, quantity: Quantity) -> None:
    """Raise Failed for numbers that cannot be in the claim's unit, such as 98.5 for a fraction."""
    if unit == "fraction" and ((values < 0) | (values > 1)).any():
        raise Failed(f"{quantity.metric} of {quantity.experiment} is no fraction: {values.min():g} to {values.max():g}")
    if unit == "count" and ((values < 0) | (values % 1 != 0)).any():
        raise Failed(f"{quantity.metric} of {quantity.experiment} is no count: {values.min():g} to {values.max():g}")
    if unit in ("kilobytes", "seconds") and (values < 0).any():
        raise Failed(f"{quantity.metric} of {quantity.experiment} is below zero: {values.min():g}")


def samples(check: Check, results: Results, unit: str) -> dict[str, Array]:
    """Return all numbers that a check reads, [seeds] each, by a name that says where they come from."""
    sides = {"": check.quantity, "above": check.above, "below": check.below}
    found: dict[str, Array] = {}
    for point in points(check):
        for side, quantity in sides.items():
            if isinstance(quantity, Quantity):
                name = ", ".join([*(f"{key} = {value}" for key, value in point.items()), *([side] if side else [])])
                found[name or "value"] = measured(quantity, point, results, unit)
    return found
