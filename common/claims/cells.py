"""Which cells of an experiment fit a condition, and in plain words why none does, or several do."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common.cell import plain
from common.claims.strict_yaml import Scalar

Index = dict[tuple[Scalar, ...], list[Any]]
Fields = Mapping[str, Scalar]


def index(cells: Sequence[Any], names: Sequence[str]) -> Index:
    """Return the cells by the values of some fields; `setting.name` reaches into a cell's setting."""
    found: Index = {}
    for cell in cells:
        fields = fields_of(cell)
        if all(name in fields for name in names):
            found.setdefault(tuple(fields[name] for name in names), []).append(cell)
    return found


def fields_of(cell: Any) -> dict[str, Scalar]:
    """Return a cell's single values by name, its own before those of its parts, such as `setting.name`."""
    todo: list[tuple[str, dict[str, Any]]] = [("", plain(cell))]
    found: dict[str, Scalar] = {}
    while todo:
        prefix, fields = todo.pop(0)
        found |= {prefix + name: value for name, value in fields.items() if isinstance(value, Scalar)}
        todo += [(f"{prefix}{name}.", value) for name, value in fields.items() if isinstance(value, dict)]
    return found


def misfit(cells: Sequence[Any], where: Mapping[str, Scalar]) -> str:
    """Return why no cell fits: a field or a value that there is not, with those that there are, or a combination."""
    left: list[Fields] = [fields_of(cell) for cell in cells]
    names = list(dict.fromkeys(name for fields in left for name in fields))
    for name, value in where.items():
        if name not in names:
            return f"there is no field '{name}'; there are {', '.join(names)}"
        if value not in _values(left, name):
            return f"{name} is never {said(value)}; it is {_listed(left, name)}"
    given: dict[str, Scalar] = {}
    for name, value in where.items():
        if value not in _values(left, name):
            return f"with {conditions(given)}, {name} is {_listed(left, name) or 'no field'}"
        left = [fields for fields in left if name in fields and fields[name] == value]
        given[name] = value
    raise ValueError(f"{len(left)} cells fit {conditions(where)}")


def told_apart(cells: Sequence[Any]) -> str:
    """Return in which fields some cells differ, with the values there."""
    every = [fields_of(cell) for cell in cells]
    names = dict.fromkeys(name for fields in every for name in fields)
    apart = [f"{name} ({_listed(every, name)})" for name in names if not _shared(every, name)]
    return f"they differ in {', '.join(apart)}" if apart else "they differ in no single value"


def conditions(where: Mapping[str, Scalar]) -> str:
    """Return a condition in words."""
    return ", ".join(f"{name} = {said(value)}" for name, value in where.items()) or "no condition"


def said(value: Scalar) -> str:
    """Return a value as it stands in YAML: text that could be taken for a number or the like in quotes."""
    if not isinstance(value, str):
        return json.dumps(value)
    return value if value[:1].isalpha() and value not in ("true", "false", "null") else f"'{value}'"


def _shared(every: Sequence[Fields], name: str) -> bool:
    return all(name in fields for fields in every) and len(_values(every, name)) == 1


def _values(every: Sequence[Fields], name: str) -> list[Scalar]:
    return list(dict.fromkeys(fields[name] for fields in every if name in fields))


def _listed(every: Sequence[Fields], name: str) -> str:
    return ", ".join(map(said, _values(every, name)))
