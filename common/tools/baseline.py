"""Against ourselves: a run held against an accepted one, on the same seeds.

Where a claim's numbers were made under the same circumstances (versions, machine, device, jobs trained together) they
must be equal bit by bit. Elsewhere rounding takes training apart, and the paired differences must average to zero; how
much they may scatter is learnt from accepted runs, never from the run under test. The file of accepted runs is
`common.tools.accepted`'s.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from common.claims.judge import Judged
from common.claims.measure import cells_of
from common.claims.multiplicity import holm
from common.claims.results import Results
from common.claims.statistics import ALPHA, Array, t_cdf
from common.claims.verdict import Verdict
from common.claims.words import p_value
from common.run.origins import NOTHING, circumstances
from common.run.record import Record
from common.tools.accepted import Accepted, Numbers, pinned

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Change:
    """A claim whose numbers, or whose verdict, are not those of the baseline; `blocks` fails the gate."""

    id: str
    blocks: bool
    sentence: str


@dataclass(frozen=True)
class Comparison:
    """A run held against the pinned one: its changes, blocking ones first, and how claims were compared.

    `elsewhere` has a line for everything in which the circumstances differ; `account` counts claims by the way in which
    they were compared.
    """

    changes: Sequence[Change]
    elsewhere: Sequence[str]
    account: str

    @property
    def blocks(self) -> bool:
        """Tell whether the gate fails."""
        return any(change.blocks for change in self.changes)


def numbers_of(judged: Judged, results: Results) -> Numbers:
    """Return what a finding rests on; nothing but the verdict where it is an error or was not run."""
    verdict = judged.finding.verdict
    if verdict in (Verdict.ERROR, Verdict.NOT_RUN):
        return Numbers(verdict, {}, {}, "")
    found = {name: v.tolist() for name, v in judged.reading.samples().items()}
    return Numbers(verdict, found, *_made(list(_records(judged, results))))


def _records(judged: Judged, results: Results) -> Iterator[Record]:
    """Yield the records behind a finding, always in the same order."""
    for quantity, point in product(judged.check.quantities, judged.check.conditions):
        for cell in cells_of(quantity, point, results):
            yield from results.of(quantity.experiment, cell)


def _made(records: Sequence[Record]) -> tuple[dict[str, str], str]:
    """Return the circumstances of records, and a name for their company, which also says which record has which."""
    places = [circumstances(record) for record in records]
    names = dict.fromkeys(name for place in places for name in place)
    values = {name: sorted({place.get(name, NOTHING) for place in places}) for name in names}
    texts = [json.dumps(place, sort_keys=True) for place in places]
    distinct = sorted(set(texts))
    company = [
        [distinct.index(t), record.provenance.get("together", NOTHING)]
        for t, record in zip(texts, records, strict=True)
    ]
    name = hashlib.sha256(json.dumps(company).encode()).hexdigest()[:16]
    return {name: " and ".join(found) for name, found in values.items()}, name


def differences(now: Numbers, before: Numbers) -> dict[str, str]:
    """Return in what the circumstances of two runs of a claim differ, by name, with a sentence for each.

    All that can be said is `UNKNOWN` where one of them does not name its circumstances.
    """
    fields = dict.fromkeys([*before.circumstances, *now.circumstances])
    found = {
        name: f"{name} {new} where the accepted run has {old}"
        for name in fields
        if (new := now.circumstances.get(name, NOTHING)) != (old := before.circumstances.get(name, NOTHING))
    }
    if now.company != before.company:
        found["company"] = "jobs are grouped otherwise (which train together, and where) than in the accepted run"
    if found and not (now.circumstances and before.circumstances):
        return {UNKNOWN: "the accepted run does not say on what it was made"}
    return found


def compare(
    judged: Sequence[Judged],
    now: Mapping[str, Numbers],
    accepted: Sequence[Accepted],
    among: Collection[str] | None = None,
) -> Comparison:
    """Hold a run against the pinned one, or what it has of some packages against what is pinned of these.

    Where bits must be equal, any difference in a gating claim blocks. The other gating claims share one family-wise
    error rate of 5 % (Holm). A gating claim that only one of the two runs knows blocks as well, and so does every
    number, of ours or of the comparison, that is not finite.
    """
    before = pinned(accepted, among)
    changes = [
        Change(id, True, "in the baseline, but no longer declared in this tier") for id in before if id not in now
    ]
    by_bits, by_drift, by_bound = list[Judged](), list[Judged](), list[Judged]()
    for j in judged:
        id, gates = j.claim.id, j.check.gate != "none"
        if id not in before:
            changes.append(Change(id, gates, "not in the baseline: accept a new one"))
        elif _sizes(now[id]) != _sizes(before[id]):
            changes.append(Change(id, gates, "reads other numbers than in the baseline: accept a new one"))
        elif not (now[id].finite and before[id].finite):
            changes.append(Change(id, True, "error: a number is not finite, so nothing can be compared"))
        elif not differences(now[id], before[id]):
            by_bits.append(j)
        elif j.check.kind == "exact":
            by_bound.append(j)
        else:
            by_drift.append(j)
    changes += _unequal(by_bits, now, before) + _drifted(by_drift, now, accepted)
    bits, drift, bound = (sum(bool(now[j.claim.id].samples) for j in part) for part in (by_bits, by_drift, by_bound))
    return Comparison(
        sorted(changes, key=lambda change: not change.blocks),
        _elsewhere(by_drift, by_bound, now, before),
        f"{bits} of {_claims(bits + drift + bound)} compared bit by bit",
    )


def _sizes(numbers: Numbers) -> dict[str, int]:
    return {name: len(values) for name, values in numbers.samples.items()}


def _claims(count: int) -> str:
    return f"{count} claim is" if count == 1 else f"{count} claims are"


def _elsewhere(
    by_drift: Sequence[Judged], by_bound: Sequence[Judged], now: Mapping[str, Numbers], before: Mapping[str, Numbers]
) -> list[str]:
    """Return a line for everything in which the circumstances differ, with how many claims are compared how."""
    drift, bound = (
        Counter(s for j in part for s in differences(now[j.claim.id], before[j.claim.id]).values())
        for part in (by_drift, by_bound)
    )
    ways = ((drift, "compared by the drift test, not bit by bit"), (bound, "exact and held against the bound alone"))
    return [
        f"{what}: " + "; ".join(f"{_claims(counts[what])} {way}" for counts, way in ways if counts[what])
        for what in drift | bound
    ]


def _unequal(judged: Sequence[Judged], now: Mapping[str, Numbers], before: Mapping[str, Numbers]) -> list[Change]:
    """Return the claims whose numbers are not equal bit by bit."""
    found = []
    for j in judged:
        new, old = now[j.claim.id].samples, before[j.claim.id].samples
        unequal = [name for name in new if np.array(new[name]).tobytes() != np.array(old[name]).tobytes()]
        if unequal:
            name = unequal[0]
            sentence = (
                f"{len(unequal)} of {len(new)} samples changed on the same platform; {name}: mean "
                f"{np.mean(old[name]):.6g} in the baseline, {np.mean(new[name]):.6g} now"
            )
            found.append(Change(j.claim.id, j.check.gate != "none", sentence))
    return found


def _drifted(judged: Sequence[Judged], now: Mapping[str, Numbers], accepted: Sequence[Accepted]) -> list[Change]:
    """Return the claims whose numbers have moved further than rounding explains, or cannot be compared."""
    moved = [(j, *_drift(j.claim.id, now[j.claim.id], accepted)) for j in judged]
    found = [Change(j.claim.id, True, f"error: {sentence}") for j, p, sentence in moved if math.isnan(p)]
    for gates in (True, False):
        family = [one for one in moved if (one[0].check.gate != "none") is gates and not math.isnan(one[1])]
        adjusted = holm(np.array([p for _, p, _ in family], dtype=np.float64))
        for (j, p, sentence), of_all in zip(family, adjusted, strict=True):
            if p <= ALPHA:
                found.append(Change(j.claim.id, gates and bool(of_all <= ALPHA), sentence))
    return found


def _drift(id: str, now: Numbers, accepted: Sequence[Accepted]) -> tuple[float, str]:
    """Return the p-value, over all samples of a claim, that it has moved, and a sentence about the worst of them.

    The p-value is NaN where the arithmetic leaves the finite numbers.
    """
    runs = [claims[id] for run in accepted for claims in run.packages.values() if id in claims]
    worst, sentence = 1.0, ""
    for name, values in now.samples.items():
        with np.errstate(over="ignore", invalid="ignore"):
            difference: Array = np.array(values) - np.array(runs[-1].samples[name])
            mean = float(difference.mean())
            variance, degrees = scatter(name, now, runs)
            p = 2.0 * float(t_cdf(-abs(mean), math.sqrt(variance / len(difference)), degrees))
        if not (math.isfinite(mean) and math.isfinite(variance) and math.isfinite(p)):
            return math.nan, f"{name}: the difference from the baseline is not finite"
        if p < worst:
            worst, side = p, "above" if mean > 0.0 else "below"
            sentence = f"{name}: {abs(mean):.4g} {side} the baseline over {len(difference)} paired seeds"
    p = min(1.0, len(now.samples) * worst)
    return p, f"{sentence} ({p_value(p)})"


def scatter(name: str, now: Numbers, runs: Sequence[Numbers]) -> tuple[float, float]:
    """Return the variance of a sample's paired differences between runs of a claim, and its degrees of freedom.

    `runs` are the accepted ones, the last of which is pinned. The variance is that of the differences between runs
    which differ from each other in all circumstances in which `now` differs from the pinned one, and which are not
    equal bit by bit: those show no rounding. Where there are none, two runs are taken to differ as two seeds of the
    pinned run do where the claim's numbers vary most, which is the most that rounding can do.
    """
    wanted = differences(now, runs[-1]).keys()
    squares, degrees = 0.0, 0.0
    for a, b in pairwise(runs):
        apart = differences(b, a).keys()
        if wanted <= apart and UNKNOWN not in apart and _sizes(a) == _sizes(b):
            difference: Array = np.array(b.samples[name]) - np.array(a.samples[name])
            if difference.any():
                squares += float(((difference - difference.mean()) ** 2).sum())
                degrees += len(difference) - 1.0
    if squares != 0.0:
        return squares / degrees, degrees
    several = [values for values in runs[-1].samples.values() if len(values) > 1]
    if not several:
        return 0.0, 1.0
    variances = [float(np.var(values, ddof=1)) for values in several]
    most = int(np.argmax(variances))
    return 2.0 * variances[most], len(several[most]) - 1.0


def flips(now: Mapping[str, Numbers], before: Mapping[str, Numbers]) -> list[str]:
    """Return a line for every claim whose verdict is not the pinned one."""
    ids = [*before, *(id for id in now if id not in before)]
    verdicts = {id: tuple(run[id].verdict if id in run else "undeclared" for run in (before, now)) for id in ids}
    return [f"{id}: {old} -> {new}" for id, (old, new) in verdicts.items() if old != new]
