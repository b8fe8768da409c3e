"""Step 3: one JSON file a finished job. The file exists if and only if the job is finished."""

import hashlib
import json
import math
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import atomic
from common.errors import UsageError
from common.experiment import Job, Metrics

SCHEMA = 3


class DamagedError(Exception):
    """A record is not whole, or not this job's; the message says why. Its file was readable."""


@dataclass(frozen=True)
class Record:
    """A finished job: what it measured, how long it took, and where it comes from."""

    metrics: Metrics
    wall_seconds: float
    provenance: Mapping[str, Any]


class Store:
    """The folder of records of one package and tier."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """Create the folder and prove that it can be written; raise UsageError where it cannot."""
        writable(self.folder)

    def path(self, job: Job) -> Path:
        """Return the job's file."""
        return self.folder / f"{job.key}.json"

    def write(self, job: Job, record: Record) -> None:
        """Write a record whole or not at all."""
        content = {
            "schema": SCHEMA,
            "key": job.key,
            **job.fields,
            "code": job.procedure.code,
            "scalars": {name: _encode(value) for name, value in record.metrics.scalars.items()},
            "curves": {name: [_encode(v) for v in curve] for name, curve in record.metrics.curves.items()},
            **({"withheld": dict(record.metrics.withheld)} if record.metrics.withheld else {}),
            "wall_seconds": round(record.wall_seconds, 4),
            "provenance": dict(record.provenance),
        }
        content["checksum"] = _checksum(content)
        write_atomically(self.path(job), json.dumps(content, indent=1, allow_nan=False) + "\n")

    def read(self, job: Job) -> Record | None:
        """Return the job's record, or None where it is not finished, for a run that will finish it.

        A record that is damaged is set aside under another name, with a line on stderr, and counts as not finished.
        Raises UsageError where the file cannot be read: that says nothing of its content.
        """
        try:
            return self.look(job)
        except DamagedError as damage:
            self._set_aside(self.path(job), str(damage))
            return None

    def finished(self, job: Job) -> bool:
        """Tell whether the job has a whole record of today's code; raise UsageError where its file cannot be read."""
        try:
            return self.look(job) is not None
        except DamagedError:
            return False

    def look(self, job: Job) -> Record | None:
        """Return the job's record, or None where it is not finished, and leave the file as it is whatever it holds.

        A record of other code is older, and its job is due again. Raises DamagedError where it is not the whole record
        of this job, UsageError where it cannot be read.
        """
        found = self._found(job)
        return found[0] if found is not None and found[1] == job.procedure.code else None

    def older(self, jobs: Iterable[Job]) -> dict[Job, str]:
        """Return the jobs whose records are whole but of other code, with the hash of that."""
        codes = {job: self._code(job) for job in jobs}
        return {job: code for job, code in codes.items() if code not in (None, job.procedure.code)}

    def _code(self, job: Job) -> str | None:
        try:
            found = self._found(job)
        except DamagedError:
            return None
        return None if found is None else found[1]

    def _found(self, job: Job) -> tuple[Record, str] | None:
        """Return what the job's file holds, and the hash of the code behind it; None where there is no file."""
        try:
            content = atomic.read(self.path(job))
        except FileNotFoundError:
            return None
        try:
            return _whole(json.loads(content), job)
        except atomic.DAMAGED as error:
            raise DamagedError(f"{type(error).__name__}: {error}") from None

    def _set_aside(self, path: Path, why: str) -> None:
        aside = path.with_suffix(".corrupt")
        number = 1
        while aside.exists():
            number += 1
            aside = path.with_suffix(f".corrupt{number}")
        try:
            path.rename(aside)
        except OSError as error:
            raise UsageError(f"corrupt record {path} ({why}) cannot be set aside: {atomic.reason(error)}") from None
        print(f"corrupt record {path}: {why}; set aside as {aside.name}, runs again", file=sys.stderr)


def writable(folder: Path) -> None:
    """Create a folder and prove that it can be written; raise UsageError where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"results folder {folder} cannot be written: {atomic.reason(error)}") from None


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that readers see the old or the new content, never a part; raises UsageError."""
    atomic.write(path, text.encode())


def _whole(content: Any, job: Job) -> tuple[Record, str]:
    """Return a record from its JSON, and its code; raise one of `atomic.DAMAGED` where it is not this job's."""
    if content.pop("checksum") != _checksum(content):
        raise ValueError("its checksum does not fit its content")
    if content["schema"] != SCHEMA or content["key"] != job.key:
        raise ValueError("it is the record of another job or schema")
    metrics = Metrics(
        {name: _decode(value) for name, value in content["scalars"].items()},
        {name: [_decode(v) for v in curve] for name, curve in content["curves"].items()},
        withheld=_texts(content.get("withheld", {})),
    )
    record = Record(metrics, _decode(content["wall_seconds"]), _provenance(content["provenance"]))
    return record, str(content["code"])


def _provenance(found: Any) -> Mapping[str, Any]:
    """Return where a record comes from; what is read of it has the type that is read."""
    for name in ("machine", "versions", "data"):
        if not isinstance(found.get(name, {}), dict):
            raise TypeError(f"its {name} is no mapping")
    _texts({name: found[name] for name in ("device", "precision", "together") if name in found})
    _texts({"processor": found.get("machine", {}).get("processor", "")})
    return dict(found)


def _texts(found: Any) -> dict[str, str]:
    for name, value in found.items():
        if not isinstance(value, str):
            raise TypeError(f"its {name} is no text")
    return dict(found)


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _encode(value: float) -> float | str:
    """JSON has no NaN and no infinity; they are written as text."""
    return float(value) if math.isfinite(value) else str(float(value))


def _decode(value: Any) -> float:
    if type(value) in (int, float) or value in ("nan", "inf", "-inf"):
        return float(value)
    raise TypeError(f"{value!r:.40} is no number")
