"""Against ourselves: a run held against an accepted one, on the same seeds.

A baseline file lists accepted runs, the last of which is pinned. Where a claim's numbers were made under the same
circumstances (system, processor, library versions, device, jobs trained together) they must be equal bit by bit.
Elsewhere rounding takes training apart, and the paired differences must average to zero; how much they may scatter is
learnt from accepted runs, never from the run under test.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UsageError
from common.experiment import Job
from common.multiplicity import holm
from common.pipeline.aggregate import Results
from common.pipeline.check import Judged
from common.pipeline.quantity import cells_of, points, samples
from common.pipeline.record import write_atomically
from common.pipeline.verdict import Verdict, p_value
from common.provenance import provenance
from common.statistics import ALPHA, Array, t_cdf

SCHEMA = 1


@dataclass(frozen=True)
class Numbers:
    """What a claim rests on in one run: its verdict, its samples by name, and where they were made."""

    verdict: str
    samples: Mapping[str, Sequence[float]]
    circumstances: str


@dataclass(frozen=True)
class Accepted:
    """One accepted run: when, from which commit, why, its numbers by claim, and how many records every device made.

    `devices` is empty where the file does not say.
    """

    date: str
    commit: str
    reason: str
    claims: Mapping[str, Numbers]
    devices: Mapping[str, int]


@dataclass(frozen=True)
class Change:
    """A claim whose numbers, or whose verdict, are not those of the baseline; `blocks` fails the gate."""

    id: str
    blocks: bool
    sentence: str


def numbers_of(judged: Judged, results: Results) -> Numbers:
    """Return what a finding rests on; nothing but the verdict where it is an error or was not run."""
    verdict = judged.finding.verdict
    if verdict in (Verdict.ERROR, Verdict.NOT_RUN):
        return Numbers(verdict.value, {}, "")
    found = samples(judged.check, results, judged.claim.unit)
    return Numbers(verdict.value, {name: v.tolist() for name, v in found.items()}, _circumstances(judged, results))


def _circumstances(judged: Judged, results: Results) -> str:
    """Return a name for where all records behind a finding were made."""
    made = set()
    for quantity in judged.check.quantities:
        experiment = results.experiments[quantity.experiment]
        for point in points(judged.check):
            cells = cells_of(quantity, point, results)
            for cell, seed in product(cells, results.seeds(quantity.experiment)):
                of = results.records[Job(experiment.run, cell, seed)].provenance
                machine = {name: of["machine"][name] for name in ("system", "processor", "threads")}
                made.add(json.dumps([of["versions"], machine, of["device"], of["together"]], sort_keys=True))
    return hashlib.sha256("\n".join(sorted(made)).encode()).hexdigest()[:16]


def compare(judged: Sequence[Judged], now: Mapping[str, Numbers], accepted: Sequence[Accepted]) -> list[Change]:
    """Return what differs from the pinned run, blocking changes first.

    Where bits must be equal, any difference in a gating claim blocks. The other gating claims share one family-wise
    error rate of 5 % (Holm). A gating claim that only one of the two runs knows blocks as well.
    """
    pinned = accepted[-1].claims
    changes = [
        Change(id, True, "in the baseline, but no longer declared in this tier") for id in pinned if id not in now
    ]
    tested: list[tuple[Judged, float, str]] = []
    for j in judged:
        id, gates = j.claim.id, j.check.gate != "none"
        if id not in pinned:
            changes.append(Change(id, gates, "not in the baseline: accept a new one"))
        elif now[id].samples.keys() != pinned[id].samples.keys() or _sizes(now[id]) != _sizes(pinned[id]):
            changes.append(Change(id, gates, "reads other numbers than in the baseline: accept a new one"))
        elif now[id].circumstances == pinned[id].circumstances:
            changes += [Change(id, gates, s) for s in [_unequal(now[id], pinned[id])] if s]
        elif j.check.kind != "exact":
            p, sentence = _drift(id, now[id], accepted)
            tested.append((j, p, sentence))
    adjusted = holm(np.array([p if j.check.gate != "none" else 1.0 for j, p, _ in tested], dtype=np.float64))
    for (j, p, sentence), family in zip(tested, adjusted, strict=True):
        if p <= ALPHA:
            changes.append(Change(j.claim.id, j.check.gate != "none" and bool(family <= ALPHA), sentence))
    return sorted(changes, key=lambda change: not change.blocks)


def elsewhere(now: Mapping[str, Numbers], devices: Mapping[str, int], pinned: Accepted) -> str:
    """Return a sentence where a run was made on other devices than the pinned one, else nothing.

    Of a pinned run that does not name its devices, other circumstances are all that can be said.
    """
    made = [(now[id].circumstances, before.circumstances) for id, before in pinned.claims.items() if id in now]
    moved = sum(new != old for new, old in made if new and old)
    how = f"{moved} of {len(made)} claims are not compared bit by bit"
    if not pinned.devices:
        return f"other circumstances: the accepted run does not name its device; {how}" if moved else ""
    if pinned.devices.keys() == devices.keys():
        return ""
    return f"another device: accepted on {_named(pinned.devices)}, now on {_named(devices)}; {how}"


def _named(devices: Mapping[str, int]) -> str:
    return " and ".join(sorted(devices)) or "none"


def flips(now: Mapping[str, Numbers], accepted: Sequence[Accepted]) -> list[str]:
    """Return a line for every claim whose verdict is not that of the pinned run."""
    if not accepted:
        return []
    before = accepted[-1].claims
    ids = [*before, *(id for id in now if id not in before)]
    verdicts = {id: tuple(run[id].verdict if id in run else "undeclared" for run in (before, now)) for id in ids}
    return [f"{id}: {old} -> {new}" for id, (old, new) in verdicts.items() if old != new]


def _sizes(numbers: Numbers) -> list[int]:
    return [len(values) for values in numbers.samples.values()]


def _unequal(now: Numbers, pinned: Numbers) -> str | None:
    """Return what is not equal bit by bit, or None."""
    unequal = [name for name, values in now.samples.items() if list(values) != list(pinned.samples[name])]
    if not unequal:
        return None
    name = unequal[0]
    means = [np.mean(run.samples[name]) for run in (pinned, now)]
    return (
        f"{len(unequal)} of {len(now.samples)} samples changed on the same platform; {name}: mean {means[0]:.6g} in "
        f"the baseline, {means[1]:.6g} now"
    )


def _drift(id: str, now: Numbers, accepted: Sequence[Accepted]) -> tuple[float, str]:
    """Return the p-value, over all samples of a claim, that it has moved, and a sentence about the worst of them."""
    pinned = accepted[-1].claims[id]
    worst, sentence = 1.0, ""
    for name, values in now.samples.items():
        difference = np.array(values) - np.array(pinned.samples[name])
        variance, degrees = scatter(id, name, accepted)
        mean = float(difference.mean())
        p = 2.0 * float(t_cdf(-abs(mean), math.sqrt(variance / len(difference)), degrees))
        if math.isnan(p):
            return 0.0, f"{name}: its differences from the baseline have no p-value"
        if p < worst:
            worst, side = p, "above" if mean > 0.0 else "below"
            sentence = f"{name}: {abs(mean):.4g} {side} the baseline over {len(difference)} paired seeds"
    p = min(1.0, len(now.samples) * worst)
    return p, f"{sentence} ({p_value(p)})"


def scatter(id: str, name: str, accepted: Sequence[Accepted]) -> tuple[float, float]:
    """Return the variance of a sample's paired differences between runs, and its degrees of freedom.

    It is that of the differences between accepted runs made under different circumstances. Where there are none, two
    runs are taken to differ as two seeds of the pinned run do where the claim's numbers vary most, which is the most
    that rounding can do.
    """
    runs = [run.claims[id] for run in accepted if id in run.claims and name in run.claims[id].samples]
    spreads, degrees = [], 0.0
    for a, b in pairwise(runs):
        if a.circumstances != b.circumstances and len(a.samples[name]) == len(b.samples[name]) > 1:
            difference: Array = np.array(a.samples[name]) - np.array(b.samples[name])
            spreads.append(float(difference.var(ddof=1)))
            degrees += len(difference) - 1.0
    if spreads:
        return float(np.mean(spreads)), degrees
    count = len(runs[-1].samples[name])
    if count < 2:
        return 0.0, 1.0
    return 2.0 * max(float(np.var(values, ddof=1)) for values in runs[-1].samples.values()), count - 1.0


def accept(
    path: Path,
    tier: str,
    accepted: Sequence[Accepted],
    now: Mapping[str, Numbers],
    devices: Mapping[str, int],
    reason: str,
) -> None:
    """Pin a run as the new baseline, with the reason, and keep the earlier ones as history."""
    source = provenance()
    commit = source["commit"] + ("+changes" if source["dirty"] else "")
    runs = [*accepted, Accepted(datetime.now(UTC).date().isoformat(), commit, reason, now, devices)]
    content = {"schema": SCHEMA, "tier": tier, "accepted": [asdict(run) for run in runs]}
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read(path: Path, tier: str) -> list[Accepted]:
    """Return the accepted runs of a baseline file; raise UsageError where it cannot be read or is not whole."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema {content['schema']} where {SCHEMA} is read")
        if content["tier"] != tier:
            raise ValueError(f"it holds the {content['tier']} tier, not {tier}")
        runs = [_accepted(run) for run in content["accepted"]]
    except OSError as error:
        raise UsageError(
            f"baseline {path} cannot be read ({error.strerror}); accept a run first: --accept 'the reason'"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"baseline {path} is not whole: {type(error).__name__}: {error}") from None
    if not runs:
        raise UsageError(f"baseline {path} holds no accepted run")
    return runs


def _accepted(run: Mapping[str, Any]) -> Accepted:
    claims = {}
    for id, numbers in run["claims"].items():
        values = {name: [float(v) for v in sample] for name, sample in numbers["samples"].items()}
        if not all(math.isfinite(v) for sample in values.values() for v in sample):
            raise ValueError(f"{id} has a number that is not finite")
        claims[id] = Numbers(str(Verdict(numbers["verdict"])), values, str(numbers["circumstances"]))
    devices = {str(name): int(count) for name, count in run.get("devices", {}).items()}
    return Accepted(str(run["date"]), str(run["commit"]), str(run["reason"]), claims, devices)
