"""How fast this device is, measured once in at most 20 seconds and kept beside the results."""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from common import atomic
from common.machine import device_name
from common.plan.cost import Rate, Speeds
from common.plan.measure import measure
from common.run.call import Environment
from common.run.record import writable, write_atomically

SCHEMA = 1
_LEAST, _MOST = 1e-12, 1e24  # of what a probe file may say, in seconds, operations or bytes, with room to spare


@dataclass(frozen=True)
class Probe:
    """The speeds of a device, its name, and the date of the measurement."""

    device: str
    date: str
    speeds: Speeds


def key_of(environment: Environment) -> str:
    """Return what a probe holds for: the device, torch's version, and how many threads train at once."""
    return f"{device_name(environment.device)}, torch {torch.__version__}, {environment.workers} threads"


def cached(environment: Environment, results: Path) -> Probe | None:
    """Return the probe that was kept for this device, or None; a damaged file is named on stderr.

    Raises UsageError where the file cannot be read.
    """
    content = _read(results / "probe.json").get(key_of(environment))
    return None if content is None else _probe(content)


def probe(environment: Environment, results: Path) -> Probe:
    """Measure the device, keep what was found, and return it; raise UsageError where it cannot be kept."""
    writable(results)
    path = results / "probe.json"
    probes = _read(path)
    found = Probe(device_name(environment.device), time.strftime("%Y-%m-%d"), measure(environment))
    probes |= {key_of(environment): asdict(found)}
    write_atomically(path, json.dumps({"schema": SCHEMA, "probes": probes}, indent=1) + "\n")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(atomic.read(path))
        if content["schema"] != SCHEMA:
            raise ValueError("it has another schema")
        for known in content["probes"].values():
            _probe(known)
        return dict(content["probes"])
    except FileNotFoundError:
        return {}
    except atomic.DAMAGED as error:
        print(f"{path} is not used: {type(error).__name__}: {error}; --plan --probe writes it anew", file=sys.stderr)
        return {}


def _probe(content: dict[str, Any]) -> Probe:
    """Return a probe from its JSON; raise one of `atomic.DAMAGED` where it is none."""
    speeds = content["speeds"]
    rates = {name: Rate(**speeds[name]) for name in ("products", "convolutions")}
    numbers = [*(v for rate in rates.values() for v in asdict(rate).values()), speeds["bandwidth"], speeds["call"]]
    if not all(isinstance(number, float) and _LEAST < number < _MOST for number in numbers):
        raise ValueError("a speed is not a plausible number")
    if not all(rate.small < rate.large for rate in rates.values()):
        raise ValueError("a small call is not smaller than a large one")
    if not all(isinstance(content[name], str) for name in ("device", "date")):
        raise TypeError("its device or date is no text")
    return Probe(
        content["device"], content["date"], Speeds(**rates, bandwidth=speeds["bandwidth"], call=speeds["call"])
    )
