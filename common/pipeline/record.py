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

SCHEMA = 2
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Record:
    """A finished job: what it measured, how long it took, and where it comes from."""

    metrics: Metrics
    wall_seconds: float
    provenance: Mapping[str, Any]


class OlderError(Exception):
    """A whole record of this job, made by other code."""


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
        """Return the job's record, or None where it is not finished.

        A record that is not whole or is not this job's is set aside under another name, with a line on
        stderr, and counts as not finished.
        """
        try:
            return self._whole(job)
        except (FileNotFoundError, OlderError):
            return None
        except _DAMAGED as error:
            self._set_aside(self.path(job), f"{type(error).__name__}: {error}")
            return None

    def look(self, job: Job) -> Record | None:
        """Return the job's record, or None where it is not finished or not whole, and leave the file as it is."""
        try:
            return self._whole(job)
        except (*_DAMAGED, OlderError):
            return None

    def older(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs whose records are of other code: they are due again."""
        return [job for job in jobs if self._is_older(job)]

    def _is_older(self, job: Job) -> bool:
        try:
            self._whole(job)
        except OlderError:
            return True
        except _DAMAGED:
            return False
        return False

    def _whole(self, job: Job) -> Record:
        content = json.loads(self.path(job).read_text(encoding="utf-8"))
        if content.pop("checksum") != _checksum(content):
            raise ValueError("its checksum does not fit its content")
        if content["schema"] != SCHEMA or content["key"] != job.key:
            raise ValueError("it is the record of another job or schema")
        if content["code"] != job.procedure.code:
            raise OlderError
        return _record(content)

    def _set_aside(self, path: Path, why: str) -> None:
        aside = path.with_suffix(".corrupt")
        number = 1
        while aside.exists():
            number += 1
            aside = path.with_suffix(f".corrupt{number}")
        try:
            path.rename(aside)
        except OSError as error:
            raise UsageError(f"corrupt record {path} ({why}) cannot be set aside: {error.strerror}") from None
        print(f"corrupt record {path}: {why}; set aside as {aside.name}, runs again", file=sys.stderr)


def writable(folder: Path) -> None:
    """Create a folder and prove that it can be written; raise UsageError where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"results folder {folder} cannot be written: {error.strerror}") from None


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that readers see the old or the new content, never a part; raises UsageError."""
    atomic.write(path, text.encode())


def _record(content: Mapping[str, Any]) -> Record:
    return Record(
        Metrics(
            {name: _decode(value) for name, value in content["scalars"].items()},
            {name: [_decode(v) for v in curve] for name, curve in content["curves"].items()},
            withheld=content.get("withheld", {}),
        ),
        float(content["wall_seconds"]),
        content["provenance"],
    )


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _encode(value: float) -> float | str:
    """JSON has no NaN and no infinity; they are written as text."""
    return float(value) if math.isfinite(value) else str(float(value))


def _decode(value: float | str) -> float:
    return float(value)
