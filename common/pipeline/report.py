"""Step 6: verdicts for people: a table on the console, report.md and report.json."""

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tabulate import tabulate

from common.expectations import Check, Claim, Reported
from common.experiment import Tier
from common.pipeline.check import Judged, fails
from common.pipeline.junit import junit
from common.pipeline.record import Record, writable, write_atomically
from common.pipeline.verdict import Verdict, show, show_gap
from common.provenance import provenance

_ORDER = (
    Verdict.ERROR,
    Verdict.DEVIATES_LOW,
    Verdict.DEVIATES_HIGH,
    Verdict.INCONCLUSIVE,
    Verdict.REPRODUCED,
    Verdict.NOT_RUN,
)
NOT_SAID: Mapping[str, int] = MappingProxyType({})
HEADERS = ("claim", "source", "paper", "ours", "verdict", "gate", "why")


def worst_first(judged: Sequence[Judged]) -> list[Judged]:
    """Sort findings: those that block first, then by severity, otherwise as declared."""
    return sorted(judged, key=lambda j: (not j.blocks, _ORDER.index(j.finding.verdict)))


def console(judged: Sequence[Judged], width: int | None = None) -> str:
    """Return the verdict table; claims that were not run are counted, not listed."""
    width = width or shutil.get_terminal_size((160, 24)).columns
    shown = [j for j in worst_first(judged) if j.finding.verdict is not Verdict.NOT_RUN]
    rows = [row(j) for j in shown]
    fixed = [max([len(str(r[i])) for r in rows] or [0]) for i in range(6)]
    room = max(40, width - sum(fixed) - 3 * len(HEADERS))
    wrapped = [[*r[:6], textwrap.fill(r[6], room)] for r in rows]
    return tabulate(wrapped, HEADERS, tablefmt="simple", disable_numparse=True)


def row(judged: Judged) -> list[str]:
    """Return claim, source, paper, ours with spread and seeds, verdict, gate, sentence."""
    claim, finding = judged.claim, judged.finding
    ours = "-"
    if finding.ours is not None:
        spread = "" if finding.spread is None else f" ± {show_gap(finding.spread, claim)}"
        ours = f"{show(finding.ours, claim)}{spread} ({finding.seeds})"
    paper = show(claim.reported.mean, claim) if claim.reported and compares(judged.check, claim.reported) else "-"
    gate = "gates" if judged.check.gate != "none" else ""
    gate = "BLOCKS" if judged.blocks else "watch" if judged.watch else gate
    return [claim.id, claim.source, paper, ours, finding.verdict.value, gate, finding.sentence]


def compares(check: Check, reported: Reported) -> bool:
    """Tell whether a check measures against the paper's number, as those on other data do not."""
    if check.kind == "value":
        return check.expected is None
    return check.equals is not None and abs(check.equals - reported.mean) <= reported.resolution


def summary(judged: Sequence[Judged], claims: Sequence[Claim], tier: Tier) -> str:
    """Return the account of all declared claims, so that none goes missing, and the word of the gate."""
    counts = Counter(j.finding.verdict for j in judged)
    evaluated = len(judged) - counts[Verdict.NOT_RUN]
    untestable = sum(tier in claim.untestable for claim in claims)
    parts = ", ".join(f"{counts[v]} {v.value}" for v in _ORDER if counts[v] and v is not Verdict.NOT_RUN)
    blocking = [j.claim.id for j in judged if j.blocks]
    gating = sum(j.check.gate != "none" and j.finding.verdict is not Verdict.NOT_RUN for j in judged)
    gate = f"gate: passes, none of {gating} gating claims fails"
    if fails(judged):
        gate = f"gate: FAILS on {', '.join(blocking)}" if blocking else "gate: FAILS, for nothing was judged"
    watch = [j.claim.id for j in judged if j.watch and not j.blocks]
    listed = f"watch: {', '.join(watch)}\n" if watch else ""
    return (
        f"{len(claims)} claims declared = {evaluated} evaluated + {counts[Verdict.NOT_RUN]} not run + "
        f"{untestable} untestable in {tier.value}\nevaluated: {parts or 'none'}\n{listed}{gate}"
    )


def devices_of(records: Iterable[Record]) -> dict[str, int]:
    """Count the records of every device: a GPU by its name, a CPU by that of the processor."""
    return dict(Counter(device_of(record) for record in records))


def device_of(record: Record) -> str:
    """Return the name of the device that a record comes from, as `common.machine.device_name` gives it."""
    unknown = "unknown device"
    device = str(record.provenance.get("device", unknown))
    return str(record.provenance.get("machine", {}).get("processor", unknown)) if device == "cpu" else device


def mixed(devices: Mapping[str, int]) -> str:
    """Return a line that names the devices, with their numbers of records, which the records come from; "" for one.

    A recipe's precision needs no line: it is part of a job's settings, and otherwise follows from the device.
    """
    if len(devices) < 2:
        return ""
    names = ", ".join(f"{name} ({count})" for name, count in sorted(devices.items(), key=lambda item: -item[1]))
    return f"mixed devices: these records come from {len(devices)}, which round differently: {names}"


def write(
    judged: Sequence[Judged],
    claims: Sequence[Claim],
    tier: Tier,
    package: str,
    folder: Path,
    devices: Mapping[str, int] = NOT_SAID,
    part: str = "",
) -> None:
    """Write report.md, report.json and junit.xml into the folder; raise UsageError where it cannot be written.

    `part` says of what the report is, where that is not the run as declared.
    """
    writable(folder)
    note = ". ".join(filter(None, (part, mixed(devices))))
    write_atomically(folder / "report.md", markdown(judged, claims, tier, package, devices, part))
    write_atomically(folder / "junit.xml", junit(judged, claims, tier, package, note))
    write_atomically(
        folder / "report.json", json.dumps(as_json(judged, claims, tier, package, devices, part), indent=1) + "\n"
    )


def markdown(
    judged: Sequence[Judged],
    claims: Sequence[Claim],
    tier: Tier,
    package: str,
    devices: Mapping[str, int] = NOT_SAID,
    part: str = "",
) -> str:
    """Return the whole report as Markdown; it names the `devices` of the records where there are several."""
    rows = [[table_cell(text) for text in row(j)] for j in worst_first(judged)]
    untested = [[c.id, table_cell(c.untestable[tier])] for c in claims if tier in c.untestable]
    note = (
        "Smoke runs on tiny data: these verdicts say whether an effect shows there, "
        "not what the paper's numbers are.\n\n"
        if tier is Tier.SMOKE
        else ""
    )
    note = emphasis(part) + note + emphasis(mixed(devices))
    return (
        f"# {package}, {tier.value} tier\n\n{note}```\n{summary(judged, claims, tier)}\n```\n\n"
        + tabulate(rows, HEADERS, tablefmt="github", disable_numparse=True)
        + f"\n\n## Not testable in {tier.value}\n\n"
        + tabulate(untested, ("claim", "why"), tablefmt="github", disable_numparse=True)
        + "\n"
    )


def emphasis(sentence: str) -> str:
    """Return a paragraph of Markdown in bold, or nothing for no sentence."""
    return f"**{table_cell(sentence)}.**\n\n" if sentence else ""


_MARKUP = {ord(character): f"&#{ord(character)};" for character in "&<>|\\`*"}


def table_cell(text: str) -> str:
    """Return text that stays in its cell of a Markdown table and shows as it is."""
    return " ".join(text.split()).translate(_MARKUP)


def as_json(
    judged: Sequence[Judged],
    claims: Sequence[Claim],
    tier: Tier,
    package: str,
    devices: Mapping[str, int],
    part: str = "",
) -> dict[str, Any]:
    """Return the whole report as plain values."""
    return {
        "package": package,
        "tier": tier.value,
        "part": part,
        "provenance": provenance(),
        "devices": dict(devices),
        "declared": len(claims),
        "untestable": {c.id: c.untestable[tier] for c in claims if tier in c.untestable},
        "claims": [
            {
                "id": j.claim.id,
                "source": j.claim.source,
                "statement": j.claim.statement,
                "unit": j.claim.unit,
                "reported": asdict(j.claim.reported) if j.claim.reported else None,
                "gate": j.check.gate,
                "blocks": j.blocks,
                "watch": j.watch,
                "adjusted": j.adjusted,
                **asdict(j.finding),
            }
            for j in worst_first(judged)
        ],
    }
