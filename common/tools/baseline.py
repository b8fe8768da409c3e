"""Against ourselves: a run held against an accepted one, on the same seeds.

Where a claim's numbers were made under the same circumstances (versions, machine, device, jobs trained together) they
must be equal bit by bit. Elsewhere rounding takes training apart, and the paired differences must average to zero; how
much they may scatter is learnt from accepted runs, never from the run under test. The file of accepted runs is
`common.tools.accepted`'s.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from common.claims.judge import Judged
from common.claims.measure import cells_of
from common.claims.results import Results
from common.claims.verdict import Verdict
from common.run.origins import NOTHING, circumstances
from common.run.record import Record
from common.tools.accepted import Accepted, Numbers, pinned
from common.tools.drift import Change, differences, drifted, sizes


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
        elif sizes(now[id]) != sizes(before[id]):
            changes.append(Change(id, gates, "reads other numbers than in the baseline: accept a new one"))
        elif not (now[id].finite and before[id].finite):
            changes.append(Change(id, True, "error: a number is not finite, so nothing can be compared"))
        elif not differences(now[id], before[id]):
            by_bits.append(j)
        elif j.check.kind == "exact":
            by_bound.append(j)
        else:
            by_drift.append(j)
    changes += _unequal(by_bits, now, before) + drifted(by_drift, now, accepted)
    bits, drift, bound = (sum(bool(now[j.claim.id].samples) for j in part) for part in (by_bits, by_drift, by_bound))
    return Comparison(
        sorted(changes, key=lambda change: not change.blocks),
        _elsewhere(by_drift, by_bound, now, before),
        f"{bits} of {_claims(bits + drift + bound)} compared bit by bit",
    )


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


def flips(now: Mapping[str, Numbers], before: Mapping[str, Numbers]) -> list[str]:
    """Return a line for every claim whose verdict is not the pinned one."""
    ids = [*before, *(id for id in now if id not in before)]
    verdicts = {id: tuple(run[id].verdict if id in run else "undeclared" for run in (before, now)) for id in ids}
    return [f"{id}: {old} -> {new}" for id, (old, new) in verdicts.items() if old != new]
