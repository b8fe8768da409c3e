"""The file of accepted runs: what it holds, how it is written and read.

Every sample is a line, so that a change shows as one in a diff; numbers come back to the last bit. A checksum over the
content tells an edited file from a written one.
"""

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.claims.verdict import Verdict
from common.errors import UsageError
from common.run.origins import Origins
from common.run.record import write_atomically

SCHEMA = 2
ACCEPT = "nox -s gate -- --baseline FILE --accept 'the reason'"
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


@dataclass(frozen=True)
class Numbers:
    """What a claim rests on in one run: its verdict, its samples by name, and how they were made.

    `circumstances` are those of `common.run.origins`, several values of one joined by "and"; `company` names the
    jobs that trained together with each record, and where records differ in circumstances, which has which. Both are
    empty where there are no samples, and circumstances also where a file does not say.
    """

    verdict: Verdict
    samples: Mapping[str, Sequence[float]]
    circumstances: Mapping[str, str]
    company: str

    @property
    def finite(self) -> bool:
        """Tell whether all samples are finite."""
        return all(math.isfinite(value) for sample in self.samples.values() for value in sample)


@dataclass(frozen=True)
class Accepted:
    """One accepted run: when, at which commit, why, where its records come from, and its numbers by package and claim.

    A run of some packages pins these and leaves the others as they were. `records` is empty where the file does not
    say.
    """

    date: str
    commit: str
    reason: str
    records: Origins
    packages: Mapping[str, Mapping[str, Numbers]]


def last(accepted: Sequence[Accepted]) -> dict[str, Accepted]:
    """Return for every package the run that it is pinned to."""
    return {package: run for run in accepted for package in run.packages}


def pinned(accepted: Sequence[Accepted], among: Collection[str] | None = None) -> dict[str, Numbers]:
    """Return the pinned numbers of all claims, or of those of some packages."""
    return {
        id: numbers
        for package, run in last(accepted).items()
        if among is None or package in among
        for id, numbers in run.packages[package].items()
    }


def lightened(accepted: Sequence[Accepted]) -> list[Accepted]:
    """Return the runs without the numbers that no comparison reads, which leaves date, commit and reason of each.

    Those are numbers that do not say on what they were made, in runs to which their package is not pinned any more: the
    scatter between two machines is learnt from runs that do say.
    """
    pins = last(accepted)
    return [
        replace(
            run,
            packages={
                package: claims
                for package, claims in run.packages.items()
                if pins[package] is run or any(numbers.circumstances for numbers in claims.values())
            },
        )
        for run in accepted
    ]


def write(path: Path, tier: str, accepted: Sequence[Accepted]) -> None:
    """Write a file of accepted runs; raise UsageError where it cannot be written."""
    write_atomically(path, text(tier, accepted))


def text(tier: str, accepted: Sequence[Accepted]) -> str:
    """Return the content of the file."""
    content = {"schema": SCHEMA, "tier": tier, "accepted": [_plain(run) for run in accepted]}
    return _lines({"schema": SCHEMA, "tier": tier, "checksum": _checksum(content), **content}) + "\n"


def read(path: Path, tier: str) -> list[Accepted]:
    """Return the accepted runs of a file, at least one; raise UsageError where it cannot be read or is not whole."""
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"baseline {path} is not a file")
        found = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"baseline {path} is not there; accept a run first: {ACCEPT}") from None
    except OSError as error:
        raise UsageError(f"baseline {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"baseline {path} is not whole: {error}") from None
    try:
        content = json.loads(found, parse_constant=_no_number, object_pairs_hook=_unique)
        _require_known(path, _typed(content, dict), tier)
        _fields(content, "schema", "tier", "accepted")
        runs = [_accepted(run) for run in _typed(content["accepted"], list)]
    except _DAMAGED as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"baseline {path} is not whole: {what[:300]}") from None
    if not runs:
        raise UsageError(f"baseline {path} holds no accepted run")
    return runs


def _require_known(path: Path, content: dict[str, Any], tier: str) -> None:
    """Take the checksum from the content; raise UsageError where it, the schema or the tier is another."""
    schema = content["schema"]
    if schema == 1:
        raise UsageError(f"baseline {path} has schema 1, no longer read: move it away and accept a run anew: {ACCEPT}")
    if schema != SCHEMA:
        raise ValueError(f"schema {schema!r} where {SCHEMA} is read")
    if content.pop("checksum") != _checksum(content):
        raise UsageError(
            f"baseline {path} was changed after it was written, its checksum does not fit: bring back the file as it "
            f"was; another run is pinned with {ACCEPT}"
        )
    if content["tier"] != tier:
        raise UsageError(f"baseline {path} holds the {content['tier']} tier, not {tier}")


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, allow_nan=False).encode()).hexdigest()


def _plain(run: Accepted) -> dict[str, Any]:
    """Return a run as plain values; circumstances, which many claims share, stand once, and claims refer to them."""
    places: list[Mapping[str, str]] = []
    packages: dict[str, Any] = {}
    for package, claims in run.packages.items():
        packages[package] = {}
        for id, numbers in claims.items():
            if numbers.circumstances not in places:
                places.append(numbers.circumstances)
            packages[package][id] = {
                "verdict": numbers.verdict.value,
                "company": numbers.company,
                "circumstances": places.index(numbers.circumstances),
                "samples": {name: list(values) for name, values in numbers.samples.items()},
            }
    return {
        "date": run.date,
        "commit": run.commit,
        "reason": run.reason,
        "records": {name: dict(counts) for name, counts in run.records.items()},
        "circumstances": [dict(place) for place in places],
        "packages": packages,
    }


def _lines(value: Any, indent: str = "") -> str:
    """Return a value as JSON: what holds other lists or mappings has a line for each of them, all else is one line."""
    if not isinstance(value, list | dict):
        return json.dumps(value, allow_nan=False)
    items = list(value.items()) if isinstance(value, dict) else [(None, item) for item in value]
    parts = [
        (
            isinstance(item, list | dict),
            (f"{json.dumps(name)}: " if name is not None else "") + _lines(item, indent + " "),
        )
        for name, item in items
    ]
    starts = [f"\n{indent} " if nested else " " if i else "" for i, (nested, _) in enumerate(parts)]
    body = ",".join(start + part for start, (_, part) in zip(starts, parts, strict=True))
    return f"{{{body}}}" if isinstance(value, dict) else f"[{body}]"


def _accepted(run: Any) -> Accepted:
    _fields(run, "date", "commit", "reason", "records", "circumstances", "packages")
    places = [_of(place, str) for place in _typed(run["circumstances"], list)]
    return Accepted(
        _typed(run["date"], str),
        _typed(run["commit"], str),
        _typed(run["reason"], str),
        {name: _of(counts, int) for name, counts in _of(run["records"], dict).items()},
        {
            package: {id: _numbers(id, numbers, places) for id, numbers in claims.items()}
            for package, claims in _of(run["packages"], dict).items()
        },
    )


def _numbers(id: str, numbers: Any, places: Sequence[Mapping[str, str]]) -> Numbers:
    _fields(numbers, "verdict", "company", "circumstances", "samples")
    samples = {
        name: [_typed(value, float) for value in values] for name, values in _of(numbers["samples"], list).items()
    }
    place = _typed(numbers["circumstances"], int)
    if place < 0:
        raise IndexError(f"{id} refers to circumstances {place}")
    found = Numbers(Verdict(numbers["verdict"]), samples, places[place], _typed(numbers["company"], str))
    if not found.finite:
        raise ValueError(f"{id} has a number that is not finite")
    return found


def _fields(value: Any, *names: str) -> None:
    if _typed(value, dict).keys() != set(names):
        raise ValueError(f"fields {', '.join(value)} where {', '.join(names)} are expected")


def _of(value: Any, kind: type) -> dict[str, Any]:
    return {name: _typed(item, kind) for name, item in _typed(value, dict).items()}


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"a {type(value).__name__} where a {kind.__name__} is expected")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one mapping")
    return found


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is not a finite number")
