"""Cells: the entries of a table, frozen dataclasses of plain values with the named setting that they run on.

Cells with equal settings may be trained together, so a setting holds what they must share: data set, model, recipe.
"""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any


def problems_of(cell: Any) -> Iterator[str]:
    """Yield what is wrong with a kind of cell, given one of them."""
    if not is_dataclass(cell) or not getattr(type(cell), "__dataclass_params__").frozen:  # noqa: B009  # not typed
        yield "must be frozen dataclasses"
    elif not hasattr(cell, "setting"):
        yield "need a 'setting': what those share that may train together"
    else:
        try:
            hash(cell)
        except TypeError as error:
            yield f"must have hashable fields: {error}"


def plain(cell: Any) -> dict[str, Any]:
    """Return a cell's fields as JSON values, nested dataclasses as nested mappings without their names.

    What has something `plain` of its own, as a data set has its name, is that.
    """
    found: dict[str, Any] = json.loads(json.dumps(cell, default=_plain))
    return found


def _plain(value: Any) -> Any:
    """Return what stands in JSON for a value that it does not know."""
    if hasattr(value, "plain"):
        return value.plain
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(value)


def describe(cell: Any) -> str:
    """Return the cell's own fields in one line, its setting by name."""
    parts = [f"{name}={getattr(value, 'name', value)}" for name, value in vars(cell).items() if value is not None]
    return ", ".join(parts)
