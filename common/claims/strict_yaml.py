"""YAML read strictly: every value knows its line and column, and nothing is guessed.

Refused, because readers of YAML disagree about them or because they hide mistakes: duplicate keys, anchors,
tags, directives, unquoted `yes/no/on/off`, numbers such as `1e-3` (some readers take them for text), `12:30`, `0o17`,
dates, `=`, `<<`, `.nan`, `.inf`, numbers too large for a float, and characters that nobody sees or that only some
readers take for a line break.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from common import atomic
from common.errors import UsageError

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_DECIMAL = re.compile(r"[-+]?[0-9]+\.[0-9]*(e[-+][0-9]+)?\Z")
_AMBIGUOUS = re.compile(
    r"([yY]|[nN]|yes|no|on|off|true|false|null|~|\.nan|[-+]?\.inf"
    r"|[-+]?[0-9][0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9]+(:[0-9]{1,2})+(\.[0-9]*)?|[-+]?0[xob]?[0-9a-fA-F_]+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]+)[0-9]{1,2}:.*)?)\Z",
    re.IGNORECASE,
)
_TEXT = "tag:yaml.org,2002:str"  # what YAML 1.1 makes of a scalar that is no number, date, "=", "<<" and so on

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser where PyYAML was built with it

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Node:
    """A parsed value and where it stands; `data` is a scalar, a list of Values or a dict of Values."""

    data: "Scalar | list[Node] | dict[str, Node]"
    file: str
    line: int
    column: int

    def error(self, message: str) -> UsageError:
        """Return the error to raise about this value."""
        return UsageError(f"{self.file}:{self.line}:{self.column}: {message}")

    def mapping(self) -> "dict[str, Node]":
        """Return the keys and values, or raise UsageError."""
        if not isinstance(self.data, dict):
            raise self.error(f"expected a mapping, found {_kind(self.data)}")
        return self.data

    def items(self) -> "list[Node]":
        """Return the list's values, or raise UsageError."""
        if not isinstance(self.data, list):
            raise self.error(f"expected a list, found {_kind(self.data)}")
        return self.data

    def text(self) -> str:
        """Return a non-empty text, or raise UsageError."""
        if not isinstance(self.data, str) or not self.data.strip():
            raise self.error(f"expected text, found {_kind(self.data)}")
        return self.data

    def number(self) -> float:
        """Return a finite number, or raise UsageError."""
        if isinstance(self.data, bool) or not isinstance(self.data, int | float):
            raise self.error(f"expected a number, found {_kind(self.data)}")
        return float(self.data)

    def integer(self) -> int:
        """Return a whole number, or raise UsageError."""
        if isinstance(self.data, bool) or not isinstance(self.data, int):
            raise self.error(f"expected a whole number, found {_kind(self.data)}")
        return self.data

    def truth(self) -> bool:
        """Return true or false, or raise UsageError."""
        if not isinstance(self.data, bool):
            raise self.error(f"expected true or false, found {_kind(self.data)}")
        return self.data

    def scalar(self) -> Scalar:
        """Return a text, number, truth value or null, or raise UsageError."""
        if isinstance(self.data, dict | list):
            raise self.error(f"expected a single value, found {_kind(self.data)}")
        return self.data

    def choice(self, *options: str) -> str:
        """Return one of the options, or raise UsageError that lists them."""
        if self.data not in options:
            raise self.error(f"expected one of {', '.join(options)}; found {self.data!r}")
        return str(self.data)

    def fields(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> "dict[str, Node]":
        """Return a mapping with all required and no unknown fields, or raise UsageError."""
        found = self.mapping()
        for name, value in found.items():
            if name not in required + optional:
                allowed = ", ".join(required + optional)
                raise value.error(f"unknown field {name!r}; allowed here: {allowed}")
        for name in required:
            if name not in found:
                raise self.error(f"field '{name}' is missing")
        return found


def load(path: Path, name: str | None = None) -> Node:
    """Read a YAML file; raise UsageError with file, line and column where it is not plain, strict YAML."""
    shown = name or str(path)
    try:
        text = atomic.read(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{shown}: cannot be read: {error}") from None
    _refuse_unseen(text, shown)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            _refuse_indirection(event, shown)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise UsageError(f"{shown}{place}: not valid YAML: {error.problem}") from None
    if node is None:
        raise UsageError(f"{shown}:1:1: the file is empty")
    return _convert(node, shown)


def _refuse_unseen(text: str, file: str) -> None:
    """Raise UsageError for a character that nobody sees, or that only some readers take for a line break."""
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if not (character.isprintable() or character == "\t"):
                raise UsageError(
                    f"{file}:{number}:{column}: the character U+{ord(character):04X} cannot be seen: leave it out, or "
                    "write it as an escape in double quotes"
                )


def _refuse_indirection(event: yaml.Event, file: str) -> None:
    indirect = isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None
    directive = getattr(event, "version", None) is not None or getattr(event, "tags", None) is not None
    if indirect or directive or getattr(event, "tag", None) is not None:
        mark = event.start_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise UsageError(f"{place}: anchors, aliases, tags and directives are not used in these files")


def _convert(node: yaml.Node, file: str) -> Node:
    place = (file, node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        return Node(dict(_pairs(node, file)), *place)
    if isinstance(node, yaml.SequenceNode):
        return Node([_convert(item, file) for item in node.value], *place)
    return Node(_scalar(node, Node(None, *place)), *place)


def _pairs(node: yaml.MappingNode, file: str) -> Iterator[tuple[str, Node]]:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = _convert(key_node, file)
        name = key.text()
        if name in seen:
            raise key.error(f"duplicate key {name!r}, first used in line {seen[name]}")
        seen[name] = key.line
        yield name, _convert(value_node, file)


def _scalar(node: yaml.Node, at: Node) -> Scalar:
    text = str(node.value)
    if getattr(node, "style", None) in ("'", '"', "|", ">"):  # quoted or block text
        return text
    if text in ("true", "false"):
        return text == "true"
    if text in ("null", ""):
        return None
    if (_INTEGER.match(text) or _DECIMAL.match(text)) and math.isinf(float(text)):
        raise at.error(f"{text if len(text) < 20 else text[:16] + '...'} is too large a number")
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return float(text)
    if node.tag != _TEXT or _AMBIGUOUS.match(text):
        raise at.error(f"'{text}' means different things to different readers: quote it, or write 0.001 or true")
    return text


def _kind(data: object) -> str:
    names = {dict: "a mapping", list: "a list", str: f"the text {data!r}", type(None): "nothing"}
    return names.get(type(data), repr(data))
