"""Where records come from: commit, versions, machine and device, in plain words, and what differs among many."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from common.run.record import Record

MACHINE = ("system", "processor", "capability", "threads")
NOTHING = "none"
Origins = Mapping[str, Mapping[str, int]]
"""By what may differ, such as "torch", how many records have each value."""


def circumstances(record: Record) -> dict[str, str]:
    """Return all that a record's last bits may depend on besides code, seed and the jobs beside it, by name.

    Versions, system, processor, its capability, threads, device, and the environment variables that choose kernels,
    where they were set.
    """
    of = record.provenance
    machine = _mapping(of, "machine")
    values = {
        "device": of.get("device", NOTHING),
        **{name: machine.get(name, NOTHING) for name in MACHINE},
        **_mapping(of, "versions"),
        **_mapping(machine, "variables"),
    }
    return {name: str(value) for name, value in values.items()}


def _mapping(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of a record's provenance; nothing where it is no mapping, as only a foreign hand would make it."""
    part = of.get(name)
    return part if isinstance(part, Mapping) else {}


def origin(record: Record) -> dict[str, str]:
    """Return a record's commit and circumstances, by name."""
    commit = str(record.provenance.get("commit", NOTHING))[:12]
    return {"commit": commit + ("+changes" if record.provenance.get("dirty") is True else ""), **circumstances(record)}


def data_of(record: Record) -> dict[str, str]:
    """Return the hash of every data set behind a record, by what it is called among its origins."""
    return {f"the images of {name}": str(found) for name, found in _mapping(record.provenance, "data").items()}


def origins_of(records: Iterable[Record]) -> Origins:
    """Count the records of every commit, version, machine and device, and those of every state of a data set."""
    records = list(records)
    found = [origin(record) for record in records]
    names = dict.fromkeys(name for one in found for name in one)
    counted = {name: dict(Counter(one.get(name, NOTHING) for one in found)) for name in names}
    for record in records:
        for name, value in data_of(record).items():
            counts = counted.setdefault(name, {})
            counts[value] = counts.get(value, 0) + 1
    return counted


def mixed(origins: Origins) -> list[str]:
    """Return a line for everything that is not the same in all records, with the numbers of records of each value.

    A recipe's precision needs none: it is part of a job's settings, and otherwise follows from the device.
    """
    return [
        f"records differ in {name}: {', '.join(f'{value} ({count})' for value, count in _most_first(counts))}"
        for name, counts in origins.items()
        if len(counts) > 1
    ]


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def device_of(record: Record) -> str:
    """Return the name of the device that a record comes from, as `common.machine.device_name` gives it."""
    device = record.provenance.get("device", "unknown device")
    return str(record.provenance["machine"]["processor"] if device == "cpu" else device)
