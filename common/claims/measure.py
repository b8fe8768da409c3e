"""From results to the numbers of a check: metrics of cells, curves, and their relations."""

from typing import Any, cast

import numpy as np

from common.claims import statistics
from common.claims.claim import INDEX, Check, Quantity
from common.claims.reading import At, Numbers, Point, Reading
from common.claims.results import Array, Failed, Results


def asked(check: Check, results: Results) -> bool:
    """Tell whether all experiments that a check reads were asked for."""
    return all(quantity.experiment in results.experiments for quantity in check.quantities)


def reading_of(check: Check, unit: str, results: Results) -> Reading:
    """Return the numbers of a check whose claim has this unit; nothing where its experiments were not asked for."""
    if not asked(check, results):
        return Reading()
    found: list[At] = []
    failures: list[str] = []
    try:
        require_paired(check, results)
    except Failed as failure:
        return Reading(failed=str(failure))
    for point in check.conditions:
        try:
            sides = {name: numbers_of(side, point, results, unit) for name, side in check.sides.items()}
        except Failed as failure:
            failures.append(str(failure))
        else:
            found.append(At(point, sides))
    return Reading(found, failures[0] if failures else "")


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


def where(quantity: Quantity, point: Point) -> Point:
    """Return the condition of a quantity's cells at a point; what the quantity says itself comes first."""
    return {**{name: value for name, value in point.items() if name != INDEX}, **quantity.cell}


def cells_of(quantity: Quantity, point: Point, results: Results) -> list[Any]:
    """Return the cells that a quantity reads at a point: one, or for a correlation all that fit.

    Raises Failed where the one is none or many.
    """
    condition = where(quantity, point)
    if quantity.against is not None:
        return results.cells(quantity.experiment, condition)
    return [results.cell(quantity.experiment, condition)]


def numbers_of(quantity: Quantity, point: Point, results: Results, unit: str = "none") -> Numbers:
    """Return a quantity's numbers at a point.

    Raises Failed where a number is missing, not finite, divided by zero, or impossible in the unit, where what is
    computed from them is not finite, and where what is to be correlated is the same in all cells.
    """
    if quantity.against is not None:
        return Numbers(_correlated(quantity, where(quantity, point), results))
    values, parts = _measured(quantity, point, results), None
    if quantity.divided_by is None:
        _require_unit(values, unit, quantity)
    if quantity.minus is not None:
        parts = values, numbers_of(quantity.minus, point, results, unit).values
        values = parts[0] - parts[1]
    if quantity.divided_by is not None:
        values = _ratio(values, numbers_of(quantity.divided_by, point, results).values)
    if quantity.statistic == "band":
        if len(values) < 2:
            raise Failed("one seed has no confidence band")
        values = np.array([statistics.half_band(values)])
    if not np.isfinite(values).all():
        raise Failed(f"{quantity.metric} of {quantity.experiment}: what is computed from it is not finite")
    chosen = best_seed(quantity, point, results) if quantity.statistic == "best" else None
    return Numbers(values, chosen, parts)


def _measured(quantity: Quantity, point: Point, results: Results) -> Array:
    """Return the numbers of the quantity's own cell, [seeds]."""
    condition = where(quantity, point)
    if quantity.curve:
        return results.on_curve(quantity.experiment, condition, quantity.metric, cast(int, point[INDEX]))
    return results.values(quantity.experiment, condition, quantity.metric)


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
